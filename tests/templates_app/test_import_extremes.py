"""Imports of odd lists, and imports while others write: on both databases, all or nothing."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from time import sleep
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from providers.messages import ListedTemplate, TemplatePage, TemplateUpdate
from providers.models import Provider
from templates_app.history import changes
from templates_app.imports import apply, runs
from templates_app.imports.listed import Listed
from templates_app.models import ImportRun, Template
from tests.endpoints import Endpoint
from tests.factories import make_provider
from tests.waiting import PATIENCE

BODY = {"type": "BODY", "text": "Hello {{1}}"}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "PAUSE", 0.0)


@pytest.fixture
def listing(db: None, endpoint: Endpoint) -> Provider:
    return make_provider(import_endpoint=endpoint.url.removesuffix("/messages") + "/list", import_limit=50)


def item(name: str, **values: Any) -> dict[str, Any]:
    return {"name": name, "language": "en", "status": "APPROVED", "components": [BODY]} | values


def page(endpoint: Endpoint, *items: Any) -> None:
    raw(endpoint, json.dumps({"data": items}))


def raw(endpoint: Endpoint, body: str) -> None:
    endpoint.pages["/list?limit=50"] = (200, {}, body.encode())


def done(listing: Provider) -> ImportRun:
    run = runs.import_now(listing)
    assert (run.state, run.error) == ("done", "")
    return run


# What a list may hold


def test_the_log_says_how_an_import_ended(
    listing: Provider, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    page(endpoint, item("a"))
    run = done(listing)
    raw(endpoint, "no list")
    failed = runs.import_now(listing)
    ended = [line for line in caplog.messages if line.startswith("Template import")]
    of = f"of {listing.nickname} ended:"
    assert ended == [
        f"Template import {run.pk} {of} done ", f"Template import {failed.pk} {of} failed {failed.error}",
    ]  # fmt: skip


def test_a_name_in_capitals_is_not_the_one_in_small_letters(listing: Provider, endpoint: Endpoint) -> None:
    """Meta has no names with capitals. One in the list leaves the template that is spelled alike alone."""
    page(endpoint, item("sale"))
    done(listing)
    page(endpoint, item("sale"), item("Sale", status="PAUSED"), item("SALE", status="PAUSED"))
    report = done(listing).report
    assert [one["template"] for one in report["details"]["failed"]] == ["Sale (en)", "SALE (en)"]
    assert list(Template.objects.values_list("name", "status")) == [("sale", "APPROVED")]


def test_characters_that_no_database_stores_cost_nothing_else(listing: Provider, endpoint: Endpoint) -> None:
    text = r"a\u0000b \ud83d c \ud83d\ude00"
    raw(
        endpoint,
        f'{{"data": [{{"name": "s\\u0000ale", "language": "en", "components": '
        f'[{{"type": "BODY", "text": "{text}", "{text}": ["{text}"]}}]}}]}}',
    )
    done(listing)
    row = Template.objects.get()
    assert row.name == "sale"
    assert row.components[0]["text"] == "ab ? c \U0001f600"
    assert done(listing).report["unchanged"] == 1


@pytest.mark.parametrize("number", ["1e400", "NaN", "-Infinity", str(10**40), "1e300", "-0.0"])
@pytest.mark.parametrize("half", ["", r"\ud83d"])
def test_numbers_beyond_reason(listing: Provider, endpoint: Endpoint, number: str, half: str) -> None:
    """A list with one is read or refused, whole; it is no fault of ours."""
    raw(
        endpoint,
        f'{{"data": [{{"name": "a", "language": "en", "message_send_ttl_seconds": {number}, '
        f'"components": [{{"type": "BODY", "text": "Hi{half}", "example": {number}}}]}}]}}',
    )
    run = runs.import_now(listing)
    assert "fault" not in run.error
    assert run.state == ImportRun.State.DONE or "JSON" in run.error


@pytest.mark.parametrize(
    ("ttl", "kept"),
    [
        (2**31 - 2, 2**31 - 2),
        (2**31 - 1, 2**31 - 1),
        (2**31, None),
        (-1, -1),
        (86400, 86400),
        ("600", 600),
        (0, None),
    ],
)
def test_times_to_live(listing: Provider, endpoint: Endpoint, ttl: Any, kept: Any) -> None:
    page(endpoint, item("a", message_send_ttl_seconds=ttl))
    done(listing)
    assert Template.objects.get().ttl_seconds == kept


def test_texts_of_a_million_characters(listing: Provider, endpoint: Endpoint) -> None:
    long = {"type": "BODY", "text": "{{1}} " + "long " * 200_000 + "{{" * 50_000}
    page(endpoint, item("a", components=[long]))
    done(listing)
    assert Template.objects.get().components == [long]
    assert done(listing).report["unchanged"] == 1


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("approved", "APPROVED"),
        ("IN_APPEAL", "REJECTED"),
        ("PENDING_DELETION", "DISABLED"),
        ("LIMIT_EXCEEDED", "REJECTED"),
        ("BRAND_NEW_STATUS_OF_META_S", "BRAND_NEW_STATUS_OF_"),
        ("", "APPROVED"),
    ],
)
def test_statuses_mean_what_they_mean_in_webhooks(
    listing: Provider, endpoint: Endpoint, told: str, kept: str
) -> None:
    page(endpoint, item("a", status=told, category="SOMETHING_NEW_OF_TWENTY_AND_MORE"))
    done(listing)
    row = Template.objects.get()
    assert (row.status, row.category) == (kept, "SOMETHING_NEW_OF_TWE")
    assert done(listing).report["unchanged"] == 1


# While others write


def test_a_webhook_younger_than_the_list_wins(
    listing: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page was fetched, then Meta paused the template, then the list is applied."""
    page(endpoint, item("a", category="UTILITY"), item("b"))
    done(listing)
    page(endpoint, item("a", category="MARKETING"), item("b"))
    fetch_all = runs._fetch_all

    def and_then_a_webhook(run: ImportRun, listed: Listed) -> None:
        fetch_all(run, listed)
        update = TemplateUpdate("a", "en", status="PAUSED", timestamp=int(timezone.now().timestamp()) + 1)
        assert changes.record(listing.pk, [update]) == ["template update"]

    monkeypatch.setattr(runs, "_fetch_all", and_then_a_webhook)
    assert done(listing).report["changed"] == 1
    row = Template.objects.get(name="a")
    assert (row.status, row.category) == ("PAUSED", "MARKETING"), "what the webhook said nothing of is taken"
    monkeypatch.undo()
    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        done(listing)
    assert Template.objects.get(name="a").status == "APPROVED", "and the next list counts again"


def test_a_provider_deleted_meanwhile(
    listing: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    page(endpoint, item("a"))
    run = runs.start(listing)
    monkeypatch.setattr(runs, "_fetch_page", lambda *args: Provider.objects.all().delete() and TemplatePage())
    runs.drain()
    assert not ImportRun.objects.filter(pk=run.pk).exists()
    assert not Template.objects.exists()


def test_a_run_that_was_given_up_stops(
    listing: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker lives, after all; but another import may be at work by now."""
    run = runs.start(listing)

    def given_up(*args: Any) -> TemplatePage:
        runs.give_up_lost(timezone.now() + timedelta(hours=1))
        return TemplatePage((ListedTemplate("a", "en"),))

    monkeypatch.setattr(runs, "_fetch_page", given_up)
    runs.drain()
    run.refresh_from_db()
    assert (run.state, Template.objects.count()) == ("failed", 0)
    assert "The worker stopped" in run.error


def test_silence_is_longer_than_a_page_with_all_its_tries() -> None:
    longest = runs.TRIES * runs.TIMEOUT + (runs.TRIES - 1) * runs.LONGEST_PAUSE
    assert timedelta(seconds=longest) < runs.SILENCE


@pytest.mark.django_db(transaction=True)
def test_an_edit_during_the_import_is_not_lost(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = make_provider(import_endpoint=endpoint.url.removesuffix("/messages") + "/list", import_limit=50)
    page(endpoint, item("a"))
    done(listing)
    page(endpoint, item("a", components=[{"type": "BODY", "text": "Hi {{1}}"}]))
    ours = [{"type": "BODY", "text": "Hello dear {{1}}"}]
    values, within = apply._values, threading.Event()

    def slowly(*args: Any) -> dict[str, Any]:
        found = values(*args)
        within.set()
        sleep(0.5)
        return found

    monkeypatch.setattr(apply, "_values", slowly)
    with in_a_thread(lambda: done(listing)):
        assert within.wait(PATIENCE)
        Template.objects.update(components=ours)  # waits for the import, or comes before it
    row = Template.objects.get()
    assert (row.components, row.imported) == (ours, [{"type": "BODY", "text": "Hi {{1}}"}])


class in_a_thread:
    def __init__(self, work: Callable[[], object]) -> None:
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, args=[work])

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            self._errors.append(error)
        finally:
            connection.close()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join(PATIENCE)
        assert not self._errors, self._errors
