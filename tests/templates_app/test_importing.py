"""Taking over a provider's template list: all pages or nothing, and never a deletion."""

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import QuerySet
from django.utils import timezone

from providers.messages import TemplateContent
from providers.models import Provider
from templates_app.gate import cache
from templates_app.imports import runs
from templates_app.models import ImportRun, Template, TemplateChange
from tests.endpoints import Endpoint
from tests.factories import make_provider

BODY = {"type": "BODY", "text": "Hello {{1}}"}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "PAUSE", 0.0)


@pytest.fixture(autouse=True)
def elsewhere(db: None) -> Iterator[Provider]:
    """Another BSP has templates of the same names and ids. No import of the first one's list touches them."""
    other = make_provider(nickname="Elsewhere")
    for name in ("a", "b", "c", "sale"):
        Template.objects.create(
            provider=other,
            name=name,
            language="en",
            bsp_id=f"theirs-{name}",
            components=[BODY],
            imported=[BODY],
        )
    before = list(other.templates.values())
    yield other
    assert list(other.templates.values()) == before


def mine() -> QuerySet[Template]:
    return Template.objects.exclude(provider__nickname="Elsewhere")


@pytest.fixture
def listing(db: None, endpoint: Endpoint) -> Provider:
    """A provider whose list is what the endpoint's pages hold."""
    url = endpoint.url.removesuffix("/messages") + "/list"
    return make_provider(endpoint=endpoint.url, options={"templates_url": url})


def item(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "language": "en",
        "status": "APPROVED",
        "category": "UTILITY",
        "id": f"id-{name}",
    } | {
        "components": [BODY],
        **changes,
    }


def page(endpoint: Endpoint, *items: Any, cursor: str = "", following: str = "") -> None:
    paging = {"cursors": {"after": following}, "next": "https://elsewhere.example.net/?after=9"}
    body = {"data": list(items)} | ({"paging": paging} if following else {})
    query = "limit=200" + (f"&after={cursor}" if cursor else "")
    endpoint.pages[f"/list?{query}"] = (200, {}, json.dumps(body).encode())


def names() -> list[str]:
    return list(mine().values_list("name", flat=True))


def test_every_page_is_read_from_where_the_list_is(listing: Provider, endpoint: Endpoint) -> None:
    """The `next` of the page leads to another host, and is never called."""
    page(endpoint, item("a"), item("b"), following="p2")
    page(endpoint, item("c"), cursor="p2")
    run = runs.import_now(listing)
    assert (run.state, run.pages, run.templates, run.report["created"]) == ("done", 2, 3, 3)
    assert names() == ["a", "b", "c"]


def test_a_second_import_tells_what_changed(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"), item("b"), item("c"))
    runs.import_now(listing)
    page(endpoint, item("a"), item("b", status="PAUSED"))
    report = runs.import_now(listing).report
    assert (report["unchanged"], report["changed"], report["vanished"]) == (1, 1, 1)
    assert report["details"]["changed"] == [{"template": "b (en)", "fields": ["status"]}]
    assert report["details"]["vanished"] == ["c (en)"]
    assert mine().get(name="b").status == "PAUSED"
    assert mine().get(name="c").vanished_at is not None, "marked, not deleted"
    page(endpoint, item("c"))
    runs.import_now(listing)
    row = mine().get(name="c")
    assert row.vanished_at is None
    assert [change.kind for change in row.changes.all()] == ["returned", "vanished", "created"]


def test_a_bad_template_costs_no_other(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"), {"name": "b"}, "what", item("c", components=None), item("a", status="REJECTED"))
    report = runs.import_now(listing).report
    assert names() == ["a"]
    assert report["details"]["failed"] == [
        {"template": "b", "reason": "no language"},
        {"template": "", "reason": "a template without a name"},
        {"template": "c (en)", "reason": "the components are null"},
    ]
    assert mine().get(name="a").status == "APPROVED", "the first of the name counts"


@pytest.mark.parametrize(
    "broken",
    [
        (500, {}, b"oops"),
        (200, {}, b"<html>login</html>"),
        (200, {}, b'{"error": {"message": "token expired"}}'),
        (401, {}, b'{"error": "no"}'),
        (408, {}, b""),
        (429, {}, b""),
    ],
)
def test_a_missing_page_changes_nothing(listing: Provider, endpoint: Endpoint, broken: Any) -> None:
    page(endpoint, item("a"))
    runs.import_now(listing)
    page(endpoint, item("a", status="PAUSED"), following="p2")
    endpoint.pages["/list?limit=200&after=p2"] = broken
    run = runs.import_now(listing)
    assert (run.state, run.report) == ("failed", {})
    assert run.error
    assert mine().get().status == "APPROVED"


def test_cursors_that_go_in_circles_end(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"), following="p2")
    page(endpoint, item("b"), cursor="p2", following="p3")
    page(endpoint, item("c"), cursor="p3", following="p2")
    assert "links" in runs.import_now(listing).error
    assert names() == []


def test_an_empty_list_empties_nothing(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"))
    runs.import_now(listing)
    page(endpoint)
    assert "The list is empty, while 1 templates came from it before" in runs.import_now(listing).error
    assert mine().get().vanished_at is None
    assert runs.import_now(listing, allow_empty=True).report["vanished"] == 1


def test_cursors_that_never_end_end(
    listing: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "MOST_PAGES", 3)
    for number in range(5):
        page(endpoint, item(f"t{number}"), cursor=f"p{number}" if number else "", following=f"p{number + 1}")
    run = runs.import_now(listing)
    assert (run.pages, run.error) == (3, "The list goes on after 3 pages. Nothing was changed.")
    assert names() == []
    page(endpoint, item("t2"), cursor="p2")
    assert runs.import_now(listing).pages == 3


def test_an_edit_by_hand_is_kept_apart(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"))
    runs.import_now(listing)
    ours = [{"type": "BODY", "text": "Hello dear {{1}}"}]
    mine().update(components=ours)
    theirs = [{"type": "BODY", "text": "Hi {{1}}"}]
    page(endpoint, item("a", components=theirs))
    runs.import_now(listing)
    row = mine().get()
    assert (row.components, row.imported, row.edited) == (ours, theirs, True)
    change = row.changes.first()
    assert change is not None
    assert (change.before, change.after) == ([BODY], theirs)
    assert "was kept" in change.reason


def test_a_template_of_our_own_never_vanishes(listing: Provider, endpoint: Endpoint) -> None:
    Template.objects.create(provider=listing, name="ours", language="en", components=[BODY])
    page(endpoint, item("a"))
    runs.import_now(listing)
    page(endpoint, item("b"))
    assert runs.import_now(listing).report["details"]["vanished"] == ["a (en)"]
    assert mine().get(name="ours").vanished_at is None


def test_a_template_whose_type_changes_is_changed(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"))
    runs.import_now(listing)
    cards = [{"components": [{"type": "BODY", "text": "One"}]}]
    page(endpoint, item("a", components=[BODY, {"type": "CAROUSEL", "cards": cards}]))
    assert runs.import_now(listing).report["changed"] == 1
    assert mine().get().kind == "carousel"


def test_kinds_clevertap_has_not_are_told_apart(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a", category="AUTHENTICATION"), item("b"))
    report = runs.import_now(listing).report
    assert (report["created"], report["unsupported"]) == (1, 1)
    assert report["details"]["unsupported"] == [{"template": "a (en)", "reason": "authentication templates"}]


def test_buttons_on_the_tracking_domain_are_tagged(listing: Provider, endpoint: Endpoint) -> None:
    listing.click_domain = "ct3.io"
    listing.save()
    urls = [{"type": "URL", "url": f"https://{host}/{{{{1}}}}"} for host in ("ct3.io", "shop.example.test")]
    page(endpoint, item("a", components=[BODY, {"type": "BUTTONS", "buttons": urls}]))
    runs.import_now(listing)
    assert mine().get().tracked == ["button.0"]


@pytest.mark.parametrize("tries", [2, 3])
def test_a_page_is_asked_for_three_times(
    db: None, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    provider = endpointed(endpoint)
    endpoint.pages["/list?app=7&limit=50"] = (503, {}, b"")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == tries:
            answers(endpoint, "", {"data": [item("a")]})

    monkeypatch.setattr(runs, "sleep", sleep)
    assert runs.import_now(provider).state == ("done" if tries == 2 else "failed")
    assert len(waits) == 2


@pytest.mark.parametrize("odd", [None, 3, [None, "x", {"type": "body", "text": "Hi"}], [{"type": "MYSTERY"}]])
def test_odd_components_are_taken_as_far_as_they_go(listing: Provider, endpoint: Endpoint, odd: Any) -> None:
    page(endpoint, item("a", components=odd))
    assert runs.import_now(listing).state == "done"


def test_too_long_a_name_costs_no_other(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a" * 513), item("b"))
    report = runs.import_now(listing).report
    assert [one["reason"] for one in report["details"]["failed"]] == [
        "the name is longer than 512 characters"
    ]
    assert names() == ["b"]
    page(endpoint, item("d" * 511), item("d" * 512))
    assert runs.import_now(listing).report["created"] == 2


# An endpoint of its own, as CleverTap's template import set-up has it


def endpointed(endpoint: Endpoint, **values: Any) -> Provider:
    url = endpoint.url.removesuffix("/messages") + "/list?app=7"
    return make_provider(endpoint=endpoint.url, import_endpoint=url, import_limit=50, **values)


def answers(endpoint: Endpoint, query: str, body: Any) -> None:
    endpoint.pages[f"/list?app=7&limit=50{query}"] = (200, {}, json.dumps(body).encode())


def test_pages_by_number(db: None, endpoint: Endpoint) -> None:
    provider = endpointed(endpoint, import_paging="page")
    answers(endpoint, "&page=1", {"data": [item(f"a{n}") for n in range(50)]})
    answers(endpoint, "&page=2", {"data": [item("b")]})
    assert runs.import_now(provider).templates == 51


def test_a_number_that_is_ignored_is_noticed(db: None, endpoint: Endpoint) -> None:
    provider = endpointed(endpoint, import_paging="page")
    same = {"data": [item(f"a{n}") for n in range(50)]}
    answers(endpoint, "&page=1", same)
    answers(endpoint, "&page=2", same)
    assert "repeats the page before" in runs.import_now(provider).error


def test_pages_by_token(db: None, endpoint: Endpoint) -> None:
    provider = endpointed(endpoint, import_paging="token")
    answers(endpoint, "", {"data": [item("a")], "next_page_token": "t 2"})
    answers(endpoint, "&page_token=t+2", {"data": [item("b")]})
    assert runs.import_now(provider).templates == 2


def test_its_own_credentials_are_presented_and_never_shown(db: None, endpoint: Endpoint) -> None:
    credentials = {"username": "u", "password": "s3cret-password", "header:X-Key": "k3y-value"}
    provider = endpointed(endpoint, import_credentials=credentials)
    base = "/list?app=7&limit=50"
    endpoint.pages[base] = (403, {}, b"no k3y-value here, s3cret-password")
    run = runs.import_now(provider)
    assert endpoint.headers[0]["Authorization"].startswith("Basic ")
    assert endpoint.headers[0]["X-Key"] == "k3y-value"
    assert "k3y-value" not in run.error
    assert "s3cret-password" not in run.error
    assert "Check what they may read" in run.error


def test_a_private_address_is_not_called(db: None, endpoint: Endpoint, settings: Any) -> None:
    provider = endpointed(endpoint)
    settings.ALLOW_PRIVATE_TARGETS = False
    assert "not a public address" in runs.import_now(provider).error


@pytest.mark.parametrize(("length", "state"), [(999, "done"), (1000, "done"), (1001, "failed")])
def test_a_page_that_never_ends_is_cut_off(
    db: None, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, length: int, state: str
) -> None:
    monkeypatch.setattr(runs, "MOST_BYTES", 1000)
    provider = endpointed(endpoint)
    body = json.dumps({"data": [item("a")]}).encode()
    endpoint.pages["/list?app=7&limit=50"] = (200, {}, body + b" " * (length - len(body)))
    run = runs.import_now(provider)
    assert run.state == state
    assert ("more than 1,000 bytes" in run.error) == (state == "failed")


@pytest.mark.parametrize(
    ("status", "templates"),
    [(408, 1), (429, 1), (500, 1), (503, 1), (599, 1), (400, 0), (407, 0), (409, 0), (428, 0), (499, 0)],
)
def test_a_page_that_fails_for_a_moment_is_asked_for_again(
    db: None, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, status: int, templates: int
) -> None:
    provider = endpointed(endpoint)
    url = "/list?app=7&limit=50"
    endpoint.pages[url] = (status, {}, b"")
    monkeypatch.setattr(runs, "sleep", lambda _: answers(endpoint, "", {"data": [item("a")]}))
    assert runs.import_now(provider).templates == templates


# Runs


def test_one_import_a_provider_at_a_time(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"))
    first = runs.start(listing, by="Asha")
    assert runs.start(listing).pk == first.pk
    assert runs.drain() == 1
    first.refresh_from_db()
    assert (first.state, first.by) == ("done", "Asha")


def test_a_cancelled_import_changes_nothing(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"))
    run = runs.start(listing)
    runs.cancel(run)
    runs.drain()
    run.refresh_from_db()
    assert (run.state, names()) == ("cancelled", [])


def test_a_run_whose_worker_died_is_given_up(listing: Provider, elsewhere: Provider) -> None:
    now = timezone.now()
    for provider, silent in ((listing, timedelta(hours=1)), (elsewhere, timedelta(minutes=1))):
        at = now - silent
        ImportRun.objects.create(provider=provider, state="running", started_at=at, seen_at=at)
    runs.drain()
    assert listing.import_runs.get().state == "failed"
    assert elsewhere.import_runs.get().state == "running", "its worker may still be alive"
    assert runs.start(listing).state == "queued"


@pytest.mark.parametrize(("seconds", "lost"), [(-1, 0), (0, 0), (1, 1)])
def test_how_long_a_worker_may_be_silent(listing: Provider, seconds: int, lost: int) -> None:
    now = timezone.now()
    seen_at = now - runs.SILENCE - timedelta(seconds=seconds)
    ImportRun.objects.create(provider=listing, state="running", started_at=seen_at, seen_at=seen_at)
    assert runs.give_up_lost(now) == lost


def test_an_import_at_another_provider_is_none_of_this_one(
    listing: Provider, endpoint: Endpoint, elsewhere: Provider
) -> None:
    elsewhere.options = listing.options
    elsewhere.save()
    page(endpoint, item("a"))
    other = runs.start(elsewhere)
    assert runs.start(listing).pk != other.pk
    assert runs.start(elsewhere).pk == other.pk
    runs.cancel(other)
    runs.drain()
    assert [run.state for run in (listing.import_runs.get(), elsewhere.import_runs.get())] == [
        "done", "cancelled",
    ]  # fmt: skip


def test_the_schedule_starts_what_is_due(listing: Provider, endpoint: Endpoint, elsewhere: Provider) -> None:
    now = timezone.now()
    assert runs.schedule(now) == 0
    Provider.objects.filter(pk=listing.pk).update(import_every=3600)
    ImportRun.objects.create(provider=elsewhere, state="done")
    assert runs.schedule(now) == 1
    runs.drain()
    assert runs.schedule(now + timedelta(minutes=59)) == 0
    assert runs.schedule(now + timedelta(minutes=61)) == 1


def test_five_failures_in_a_row_raise_the_alarm(
    listing: Provider, endpoint: Endpoint, elsewhere: Provider
) -> None:
    for _ in range(5):
        ImportRun.objects.create(provider=elsewhere, state="failed", error="HTTP 500")
    for _ in range(5):
        assert runs.alarm(listing.pk) == ""
        runs.import_now(listing)
    assert "HTTP 404" in runs.alarm(listing.pk)
    assert runs.alarms().keys() == {listing.pk, elsewhere.pk}
    page(endpoint, item("a"))
    runs.import_now(listing)
    assert runs.alarm(listing.pk) == ""
    assert runs.alarms() == {elsewhere.pk: "HTTP 500"}


def test_every_change_enters_the_timeline(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a", quality_score={"score": "GREEN"}))
    runs.import_now(listing)
    page(endpoint, item("a", category="MARKETING", quality_score={"score": "RED"}, status="REJECTED"))
    runs.import_now(listing)
    kinds = TemplateChange.objects.order_by("id").values_list("kind", flat=True)
    assert sorted(kinds) == ["category", "created", "quality", "status"]
    assert mine().get().previous_category == "UTILITY"
    assert set(TemplateChange.objects.values_list("template__provider", flat=True)) == {listing.pk}


def test_a_provider_without_a_list_says_so(provider: Provider) -> None:
    assert "no template list" in runs.import_now(provider).error


def test_from_the_command_line(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"))
    out = StringIO()
    call_command("templates", "import", listing.nickname, "--json", stdout=out)
    assert json.loads(out.getvalue())["created"] == 1
    out = StringIO()
    call_command("templates", "list", listing.nickname, "--json", stdout=out)
    assert [row["name"] for row in json.loads(out.getvalue())] == ["a"]
    endpoint.pages.clear()
    with pytest.raises(CommandError, match="404"):
        call_command("templates", "import", listing.nickname)


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_what_is_known_is_known_by_either_name(
    listing: Provider, endpoint: Endpoint, elsewhere: Provider, settings: Any, seconds: float
) -> None:
    """CleverTap writes `namespace:name`; a template may be called that as a whole, which comes first."""
    page(endpoint, item("sale"), item("shop:sale"))
    runs.import_now(listing)
    settings.PROVIDER_CACHE_SECONDS = seconds

    def found(namespace: str, provider: Provider = listing) -> str:
        content = TemplateContent(namespace.rsplit(":", 1)[-1], "en", namespace=namespace)
        found = cache.find(provider.pk, content)
        return found.registered.bsp_id if found else ""

    assert found("sale") == "id-sale"
    assert found("shop:sale") == "id-shop:sale"
    assert found("other:sale") == "id-sale"
    assert found("unheard") == ""
    assert found("shop:sale", elsewhere) == "theirs-sale"
    assert found("a", elsewhere) == "theirs-a"
    assert found("a") == ""
