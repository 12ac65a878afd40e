"""The form field in which a filter is put together, with the names to choose from."""

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import INPUT_CLASSES

from audience.models import KnownProperty
from broadcasts import contact_filters
from broadcasts.contact_filters import Wrong
from campaigns.models import Campaign
from lib.reading import decode
from templates_app.models import Template

MOST_NAMES = 500
_OPS = (
    ("Text", ("is", "is_not", "contains", "begins")),
    ("Any", ("known", "unknown")),
    ("Number", contact_filters.NUMBERS),
    ("Date", (*contact_filters.DATES, *contact_filters.DAYS)),
)


def names() -> dict[str, list[str]]:
    """What attributes, events and their properties are called: event (empty for attributes) → names."""
    found: dict[str, list[str]] = defaultdict(list)
    rows = KnownProperty.objects.order_by("event", "name").values_list("event", "name").distinct()
    for event, name in rows[: 20 * MOST_NAMES]:
        listed = found[event]
        if name and len(listed) < MOST_NAMES:
            listed.append(name)
    return dict(found)


def dates(event: str | None = None) -> list[tuple[str, str]]:
    """The dates and moments that a broadcast may go by, each as event (empty for an attribute) and name."""
    types = (KnownProperty.Type.DATE, KnownProperty.Type.MOMENT)
    rows = KnownProperty.objects.filter(type__in=types).order_by("event", "name")
    if event is not None:
        rows = rows.filter(event=event)
    return list(rows.values_list("event", "name")[:MOST_NAMES])


def choices() -> dict[str, Any]:
    """What the builder offers."""
    known = names()
    return {
        "attributes": known.get("", []),
        "events": [event for event in known if event],
        "properties": known,
        "fields": contact_filters.FIELDS,
        "ops": [(title, [(op, contact_filters.OP_WORDS[op]) for op in ops]) for title, ops in _OPS],
        "states": list(contact_filters.STATE_WORDS.items()),
        "whats": [(what, words) for what, (words, _) in contact_filters.WHAT_WORDS.items()],
        "campaigns": [
            (campaign.code, str(campaign))
            for campaign in Campaign.objects.order_by("-last_seen_at")[:MOST_NAMES]
        ],
        "templates": sorted(set(Template.objects.values_list("name", flat=True)[: 4 * MOST_NAMES])),
    }


def offer(form: forms.BaseForm, name: str, choices: list[tuple[str, str]]) -> None:
    """Gives a field of the form its choices."""
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = choices


class FilterWidget(forms.Widget):
    """A whole filter, put together on the page; `ComparisonsWidget` does only the properties of one event."""

    template_name = "broadcasts/builder/filter.html"

    class Media:
        css = {"all": ["broadcasts/broadcasts.css"]}
        js = [forms.Script("broadcasts/builder.js", type="module")]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, None, attrs)
        text = value if isinstance(value, str) else json.dumps(value or {}, ensure_ascii=False)
        context["widget"] |= {"text": text, "choices": choices(), "input": " ".join(INPUT_CLASSES)}
        return context

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> str | None:
        return data.get(name)


class ComparisonsWidget(FilterWidget):
    template_name = "broadcasts/builder/tests.html"


class FilterField(forms.Field):
    """Cleans to the filter as JSON has it."""

    widget = FilterWidget

    def __init__(self, **named: Any) -> None:
        super().__init__(required=False, **named)

    def to_python(self, value: Any) -> Any:
        return json.loads(json.dumps(contact_filters.plain(contact_filters.read(decoded(value)))))

    def clean(self, value: Any) -> Any:
        try:
            return self.to_python(value)
        except Wrong as wrong:
            raise ValidationError(list(wrong.problems.values())) from wrong

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != initial)
        except (Wrong, ValidationError):
            return True


class ComparisonsField(FilterField):
    widget = ComparisonsWidget

    def to_python(self, value: Any) -> Any:
        return json.loads(json.dumps(contact_filters.plain(contact_filters.read_comparisons(decoded(value)))))


def decoded(value: Any) -> Any:
    try:
        return decode((value or "null").encode())
    except ValueError as error:
        raise ValidationError(f"The filter is not JSON: {error}") from error
