"""The timeline on a template's page, what an edit changed and giving it up, and the list of all changes."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from providers.messages import TemplateUpdate
from providers.models import Provider
from templates_app.history import changes
from templates_app.models import ImportRun, Template, TemplateChange
from tests.factories import make_provider

LIST = "/admin/templates_app/templatechange/"
BODY = [{"type": "BODY", "text": "Hello {{1}}"}]
URL = [
    *BODY,
    {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Go", "url": "https://x.example/{{1}}"}]},
]
Kind, Source = TemplateChange.Kind, TemplateChange.Source


def text(response: Any) -> str:
    assert response.status_code == 200, response
    return re.sub(r"\s+", " ", response.content.decode())


@pytest.fixture
def ready(db: None) -> Template:
    provider = make_provider(nickname="Shop")
    return Template.objects.create(
        provider=provider, name="order_ready", language="en", components=BODY, imported=URL
    )


def url(template: Template, what: str = "change") -> str:
    return f"/admin/templates_app/template/{template.pk}/{what}/"


def noted(template: Template, kind: str, source: str, day: int = 1, **values: Any) -> TemplateChange:
    at = datetime(2026, 3, day, 10, 30, tzinfo=UTC)
    return TemplateChange.objects.create(template=template, kind=kind, source=source, at=at, **values)


def test_the_timeline_tells_what_who_when_and_why(operator: Client, ready: Template) -> None:
    run = ImportRun.objects.create(provider=ready.provider, state="done")
    noted(ready, Kind.CREATED, Source.IMPORT, 1, after=URL, run=run)
    noted(ready, Kind.CONTENT, Source.PERSON, 2, by="mira", before=URL, after=BODY)
    noted(ready, Kind.CONTENT, Source.PERSON, 3, by="mira", before=None, after=3600)
    noted(ready, Kind.CONTENT, Source.IMPORT, 4, before="POSITIONAL", after="NAMED")
    update = TemplateUpdate("order_ready", "en", status="PAUSED", reason="Too many <blocks>")
    changes.record(ready.provider_id, [update])
    noted(ready, Kind.VANISHED, Source.IMPORT, 5)
    shown = text(operator.get(url(ready)))
    story = shown[shown.index('id="timeline"') :]
    places = [
        story.index(words)
        for words in (
            "APPROVED → PAUSED",
            "Too many &lt;blocks&gt;",
            "Vanished",
            "POSITIONAL → NAMED",
            "none → 3600",
            "2026-03-02 10:30:00",
            f'href="/admin/templates_app/importrun/{run.pk}/change/">an import</a>',
        )
    ]
    assert places == sorted(places)  # the newest first
    assert "by the BSP&#x27;s webhook" in story
    assert "by mira" in story
    assert re.search("<del>- [^<]*BUTTONS", story)
    assert "- before, + after" in story  # readable without colour


def test_a_long_timeline_shows_its_newest_part(operator: Client, ready: Template) -> None:
    for number in range(50):
        noted(ready, Kind.QUALITY, Source.WEBHOOK, after=f"Q{number:02}")
    assert "→ Q00" in text(operator.get(url(ready)))
    for number in (50, 51):
        noted(ready, Kind.QUALITY, Source.WEBHOOK, after=f"Q{number:02}")
    with CaptureQueriesContext(connection) as queries:
        shown = text(operator.get(url(ready)))
    assert "→ Q51" in shown
    assert "→ Q02" in shown
    assert "→ Q01" not in shown
    assert "All changes, older ones too" in shown
    assert len(queries) < 30
    listed = operator.get(LIST, {"template": ready.pk}).context["cl"].queryset
    assert listed.count() == 52


def test_an_edit_is_compared_and_given_up_after_asking(operator: Client, ready: Template) -> None:
    ready.provider.click_domain = "x.example"
    ready.provider.save()
    shown = text(operator.get(url(ready)))
    assert "Edited here" in shown
    assert "- at the BSP, + here" in shown
    assert f'href="{url(ready, "take-imported")}"' in shown
    asked = text(operator.get(url(ready, "take-imported")))
    assert "Use the BSP&#x27;s content for order_ready (en)" in asked
    ready.refresh_from_db()
    assert ready.components == BODY  # only asked

    after = text(operator.post(url(ready, "take-imported"), {"confirmed": "yes"}, follow=True))
    ready.refresh_from_db()
    assert (ready.components, ready.edited, ready.tracked) == (URL, False, ["button.0"])
    entry = TemplateChange.objects.get()
    assert (entry.kind, entry.source, entry.by, entry.before, entry.after) == (
        "content", "person", "mira", BODY, URL,
    )  # fmt: skip
    assert "has the BSP&#x27;s content again" in after
    assert "Edited here" not in after
    assert LogEntry.objects.get().object_id == str(ready.pk)
    assert "Replaced the edit by the BSP&#x27;s content" in text(operator.get(url(ready, "history")))

    again = text(operator.post(url(ready, "take-imported"), {"confirmed": "yes"}, follow=True))
    assert "has the BSP&#x27;s content already" in again
    assert TemplateChange.objects.count() == 1
    assert 'value="yes"' not in text(operator.get(url(ready, "take-imported")))


def test_what_the_bsp_lists_is_no_edit(operator: Client, ready: Template) -> None:
    Template.objects.update(components=URL)
    assert "Edited here" not in text(operator.get(url(ready)))
    Template.objects.update(imported=None)
    shown = text(operator.get(url(ready)))
    assert "Edited here" not in shown
    assert "Nothing has happened to it yet." in shown
    assert "Timeline" not in text(operator.get("/admin/templates_app/template/add/"))


def test_one_who_may_only_look_sees_it_and_takes_nothing(looker: Client, ready: Template) -> None:
    change = noted(ready, Kind.CONTENT, Source.PERSON, before=URL, after=BODY)
    shown = text(looker.get(url(ready)))
    assert "Edited here" in shown
    assert url(ready, "take-imported") not in shown
    looker.get(url(ready, "take-imported"), status=403)
    looker.post(url(ready, "take-imported"), status=403)
    looker.get(f"{LIST}{change.pk}/change/")
    for what in (f"{change.pk}/delete", "add"):
        looker.get(f"{LIST}{what}/", status=403)
    ready.refresh_from_db()
    assert ready.components == BODY


def test_a_template_that_is_gone_has_nothing_to_take(operator: Client, ready: Template) -> None:
    operator.get("/admin/templates_app/template/999999/take-imported/", status=404)


# All changes


def listed(client: Client, **query: str) -> list[int]:
    answer = client.get(LIST, query)
    assert answer.status_code == 200, query
    return [row.pk for row in answer.context["cl"].result_list]


def test_all_changes_are_filtered_and_searched(operator: Client, ready: Template) -> None:
    other = Template.objects.create(provider=make_provider(nickname="Acme"), name="late", language="en")
    first = noted(ready, Kind.STATUS, Source.WEBHOOK, 1, before="APPROVED", after="PAUSED").pk
    second = noted(ready, Kind.CONTENT, Source.PERSON, 2, by="mira", before=URL, after=BODY).pk
    third = noted(other, Kind.CREATED, Source.IMPORT, 3, after=[]).pk
    for query, found in (
        ({}, [third, second, first]),
        ({"provider": str(other.provider_id)}, [third]),
        ({"kind": "status"}, [first]),
        ({"source": "person"}, [second]),
        ({"at_from": "2026-03-02"}, [third, second]),
        ({"at_to": "2026-03-02"}, [second, first]),
        ({"at_from": "2026-03-02", "at_to": "2026-03-02"}, [second]),
        ({"at_from": "nonsense", "at_to": "2026-13-40"}, [third, second, first]),
        ({"q": "order"}, [second, first]),
        ({"template": str(other.pk)}, [third]),
    ):
        assert listed(operator, **query) == found, query
    shown = text(operator.get(LIST))
    for words in ("APPROVED → PAUSED", "Shop", "Acme", "mira", url(ready), f"{LIST}{second}/change/"):
        assert words in shown
    page = text(operator.get(f"{LIST}{second}/change/"))
    assert "<details open>" in page
    assert url(ready) in page


def test_the_list_counts_nothing_and_asks_once(operator: Client, ready: Template) -> None:
    for day in range(1, 21):
        noted(ready, Kind.QUALITY, Source.WEBHOOK, day, after="RED")
    with CaptureQueriesContext(connection) as queries:
        assert text(operator.get(LIST))
    assert not [each["sql"] for each in queries if "COUNT(" in each["sql"].upper()]
    assert len(queries) < 12


def test_an_empty_list_says_what_will_be_there(operator: Client, db: None) -> None:
    assert "No change yet" in text(operator.get(LIST))


def test_the_sidebar_leads_there(
    operator: Client, signed_in: Callable[[Iterable[str]], Client], db: None
) -> None:
    assert LIST in text(operator.get("/admin/"))
    assert LIST not in text(signed_in(["view_message"]).get("/admin/"))
    signed_in([]).get(LIST, status=403)


def test_djangos_own_history_works(operator: Client, ready: Template, provider: Provider) -> None:
    operator.get(url(ready, "history"))
    assert url(ready, "history") in text(operator.get(url(ready)))


def test_far_lines_of_a_difference_are_folded() -> None:
    before = [{"type": "BODY", "text": f"line {number}"} for number in range(20)]
    after = [*before[:10], {"type": "BODY", "text": "another"}, *before[11:]]
    lines = changes.folded(changes.diff(before, after))
    assert [sign for sign, _ in lines] == ["…", *"   ", "-", "+", *"   ", "…"]
    assert lines[0] == ("…", "40 lines the same")
    assert changes.folded(changes.diff(after, after)) == [("…", "82 lines the same")]
    assert changes.folded(changes.diff(None, ["x"])) == [("+", "["), ("+", '  "x"'), ("+", "]")]
