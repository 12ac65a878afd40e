"""`{{ form|dressed }}`: the library's forms in the looks of the admin's."""

from django.forms import BaseForm
from django.template import Library
from unfold.widgets import CHECKBOX_CLASSES, INPUT_CLASSES

register = Library()


@register.filter
def dressed(form: BaseForm) -> BaseForm:
    for field in form.fields.values():
        kind = getattr(field.widget, "input_type", "")
        if kind != "hidden":
            field.widget.attrs["class"] = " ".join(CHECKBOX_CLASSES if kind == "checkbox" else INPUT_CLASSES)
    return form
