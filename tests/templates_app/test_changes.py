"""The timeline: what a BSP's webhooks and people's edits leave behind."""

from collections.abc import Iterator
from typing import Any

import pytest

from providers.messages import TemplateUpdate
from providers.models import Provider
from templates_app.history import changes
from templates_app.models import Template, TemplateChange
from tests.factories import make_provider

BODY = [{"type": "BODY", "text": "Hello {{1}}"}]


@pytest.fixture
def row(provider: Provider) -> Iterator[Template]:
    """A template; and one of the same name and id at another provider, which nobody tells anything of."""
    values = {"name": "sale", "language": "en", "bsp_id": "77", "components": BODY, "category": "UTILITY"}
    other = Template.objects.create(provider=make_provider(), **values)
    yield Template.objects.create(provider=provider, **values)
    assert Template.objects.filter(provider=other.provider).values().get() == _values(other)
    assert not other.changes.exists()


def _values(template: Template) -> dict[str, Any]:
    return {field.attname: getattr(template, field.attname) for field in Template._meta.concrete_fields}


def told(row: Template, **update: Any) -> list[str]:
    named = {"name": "sale", "language": "en"}
    outcome = changes.record(row.provider_id, [TemplateUpdate(**{**named, **update})])
    row.refresh_from_db()
    return outcome


def test_a_pause_is_taken_over_and_noted(row: Template) -> None:
    assert told(row, status="PAUSED", reason="Low quality", timestamp=1_767_225_600) == ["template update"]
    assert (row.status, row.status_reason) == ("PAUSED", "Low quality")
    change = row.changes.get()
    assert (change.kind, change.source, change.before, change.after) == (
        "status",
        "webhook",
        "APPROVED",
        "PAUSED",
    )
    assert change.at.timestamp() == 1_767_225_600


def test_a_new_category_keeps_the_former(row: Template) -> None:
    told(row, category="MARKETING")
    assert (row.category, row.previous_category) == ("MARKETING", "UTILITY")


def test_what_is_told_twice_is_noted_once(row: Template) -> None:
    told(row, quality="GREEN", timestamp=1_767_225_600)
    assert told(row, quality="GREEN", timestamp=1_767_225_600) == ["repeated template update"]
    assert TemplateChange.objects.count() == 1


def test_a_late_webhook_changes_nothing(row: Template) -> None:
    told(row, status="PAUSED", timestamp=1_767_225_600)
    told(row, status="APPROVED", timestamp=1_767_229_200)
    assert told(row, status="PAUSED", timestamp=1_767_225_600) == ["repeated template update"]
    assert row.status == "APPROVED"


def test_it_is_found_by_the_bsps_id_too(row: Template) -> None:
    assert told(row, name="", language="", bsp_id="77", status="FLAGGED") == ["repeated template update"]
    assert told(row, name="", language="", bsp_id="77", status="DISABLED") == ["template update"]


def test_a_template_nobody_registered_is_told_of(row: Template) -> None:
    assert told(row, name="other", status="PAUSED") == ["unregistered template"]
    assert row.status == "APPROVED"


def test_a_difference_line_by_line() -> None:
    after = [{"type": "BODY", "text": "Hi {{1}}"}]
    lines = changes.diff(BODY, after)
    assert [line for line in lines if line[0] != " "] == [
        ("-", '    "text": "Hello {{1}}"'),
        ("+", '    "text": "Hi {{1}}"'),
    ]
    assert changes.diff(None, "a\nb") == [("+", "a"), ("+", "b")]
