"""Lists that end too early: nothing is taken over, unless an operator says that it is right."""

import json
from typing import Any

import pytest
from django.test import Client

from providers.models import Provider
from templates_app.imports import runs
from templates_app.models import ImportRun, Template
from tests.endpoints import Endpoint
from tests.factories import make_provider
from tests.templates_app.test_command import imported
from tests.templates_app.test_import_pages import text

META = "/meta?limit=50"


@pytest.fixture
def listing(db: None, endpoint: Endpoint) -> Provider:
    return make_provider(
        nickname="Shop", import_endpoint=endpoint.url.removesuffix("/messages") + "/meta", import_limit=50
    )


def item(name: str) -> dict[str, Any]:
    return {"name": name, "language": "en", "components": [{"type": "BODY", "text": "Hello"}]}


def items(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [item(f"t{number}") for number in range(start, start + count)]


def page(endpoint: Endpoint, found: list[Any], cursor: str = "", **paging: Any) -> None:
    body = json.dumps({"data": found, "paging": paging} if paging else {"data": found})
    endpoint.pages[META + (f"&after={cursor}" if cursor else "")] = (200, {}, body.encode())


def after(cursor: str) -> dict[str, Any]:
    return {"cursors": {"after": cursor}, "next": f"https://graph.example.net/?after={cursor}"}


def test_a_cursor_that_does_not_move(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, items(8), **after("p2"))
    page(endpoint, items(8, 8), "p2", cursors={"after": "p3"})
    assert runs.import_now(listing).report["created"] == 16
    page(endpoint, items(8, 8), "p2", **after("p2"))
    run = runs.import_now(listing)
    assert (run.state, run.error) == (
        "failed",
        "Page 2 links to a page that was read already. Nothing was changed.",
    )
    assert not Template.objects.exclude(vanished_at=None)


def test_a_cursor_that_comes_back(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, items(1), **after("p2"))
    page(endpoint, items(1, 1), "p2", **after("p3"))
    page(endpoint, items(1, 2), "p3", **after("p2"))
    run = runs.import_now(listing)
    assert (run.state, run.pages) == ("failed", 3)
    assert run.error.endswith("Nothing was changed.")
    assert not Template.objects.exists()


def test_a_next_page_without_a_cursor(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, items(3), next="https://graph.example.net/?page=2")
    run = runs.import_now(listing)
    assert "paging.next names no cursor" in run.error
    assert run.error.endswith("Nothing was changed.")


@pytest.mark.parametrize("found", [items(3), ["no template"] * 50])
def test_the_same_page_under_another_cursor(listing: Provider, endpoint: Endpoint, found: list[Any]) -> None:
    page(endpoint, found, **after("p2"))
    page(endpoint, found, "p2", **after("p3"))
    assert runs.import_now(listing).error == "Page 2 repeats the page before. Nothing was changed."


@pytest.mark.parametrize(
    ("before", "now", "state"),
    [
        (50, 40, "done"),  # 20 %
        (50, 39, "failed"),
        (12, 3, "done"),  # nine templates: too few to ask
        (12, 2, "failed"),
        (700, 1, "failed"),
    ],
)
def test_how_many_may_vanish(
    listing: Provider, endpoint: Endpoint, before: int, now: int, state: str
) -> None:
    page(endpoint, items(before))
    runs.import_now(listing)
    page(endpoint, items(now))
    run = runs.import_now(listing)
    assert run.state == state
    vanished = Template.objects.exclude(vanished_at=None).count()
    assert vanished == (before - now if state == "done" else 0)


def test_the_share_is_a_setting(listing: Provider, endpoint: Endpoint, settings: Any) -> None:
    settings.IMPORT_VANISHING_PERCENT = 50
    page(endpoint, items(40))
    runs.import_now(listing)
    page(endpoint, items(20))
    assert runs.import_now(listing).report["vanished"] == 20


def test_those_that_vanished_before_do_not_count_again(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, items(60))
    runs.import_now(listing)
    page(endpoint, items(50))
    runs.import_now(listing)
    page(endpoint, items(42))
    run = runs.import_now(listing)
    assert (run.state, run.report["vanished"]) == ("done", 18)


def test_what_could_not_be_read_has_not_vanished(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, items(3))
    runs.import_now(listing)
    page(endpoint, [item("t0") | {"components": None}, {"name": "t1"}])
    assert runs.import_now(listing).report["details"]["vanished"] == ["t2 (en)"]


def test_an_operator_says_that_they_may_vanish(
    operator: Client, listing: Provider, endpoint: Endpoint
) -> None:
    page(endpoint, items(20))
    runs.import_now(listing)
    page(endpoint, items(5))
    failed = runs.import_now(listing)
    url = f"/admin/templates_app/importrun/{failed.pk}"
    shown = text(operator.get(f"{url}/change/"))
    assert "15 of 20 templates are no longer in the list, which is more than 20 %" in shown
    assert "Import again and let them vanish" in shown
    assert "accept an empty list" not in shown
    operator.post(f"{url}/again/", {"allow_vanishing": "yes"})
    runs.drain()
    again = ImportRun.objects.get(pk=failed.pk + 1)
    assert (again.state, again.report["vanished"]) == ("done", 15)
    assert "many may vanish" in text(operator.get(f"/admin/templates_app/importrun/{again.pk}/change/"))


def test_the_command_line_says_so_too(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, items(20))
    imported("Shop")
    page(endpoint, items(5))
    report, status = imported("Shop")
    assert (status, report["vanished"]) == (1, 0)
    assert "Nothing was changed" in report["error"]
    report, status = imported("Shop", "--allow-vanishing")
    assert (status, report["vanished"]) == (0, 15)


def test_that_many_may_vanish_does_not_allow_an_empty_list(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, items(3))
    runs.import_now(listing)
    page(endpoint, [])
    assert "The list is empty" in runs.import_now(listing, allow_vanishing=True).error
