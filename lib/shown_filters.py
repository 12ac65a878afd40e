"""`{{ contact.phone|number }}` and `{{ reply.text|numbers }}`: lib.shown in every template."""

from django.template import Library

from lib import shown

register = Library()


@register.filter(is_safe=True)
def number(value: str) -> str:
    """A phone number, as whoever is looking may see it."""
    return shown.number(value)


@register.filter(is_safe=True)
def numbers(value: object) -> str:
    """A text in which phone numbers may be."""
    return shown.text(str(value))
