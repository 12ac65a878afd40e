"""`{{ contact.phone|number }}` and `{{ reply.text|numbers }}`: lib.phone_masking in every template."""

from django.template import Library

from lib import phone_masking

register = Library()


@register.filter(is_safe=True)
def number(value: str) -> str:
    """A phone number, as whoever is looking may see it."""
    return phone_masking.number(value)


@register.filter(is_safe=True)
def numbers(value: object) -> str:
    """A text in which phone numbers may be."""
    return phone_masking.text(str(value))
