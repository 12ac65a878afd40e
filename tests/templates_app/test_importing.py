"""Taking over a provider's template list: all pages or nothing, and never a deletion."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from providers.messages import TemplateContent
from providers.models import Provider
from templates_app import importer, known
from templates_app.models import ImportRun, Template, TemplateChange
from tests.endpoints import Endpoint
from tests.factories import make_provider

BODY = {"type": "BODY", "text": "Hello {{1}}"}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "PAUSE", 0.0)


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
    return list(Template.objects.values_list("name", flat=True))


def test_every_page_is_read_from_where_the_list_is(listing: Provider, endpoint: Endpoint) -> None:
    """The `next` of the page leads to another host, and is never called."""
    page(endpoint, item("a"), item("b"), following="p2")
    page(endpoint, item("c"), cursor="p2")
    run = importer.run(listing)
    assert (run.state, run.pages, run.templates, run.report["created"]) == ("done", 2, 3, 3)
    assert names() == ["a", "b", "c"]


def test_a_second_import_tells_what_changed(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"), item("b"), item("c"))
    importer.run(listing)
    page(endpoint, item("a"), item("b", status="PAUSED"))
    report = importer.run(listing).report
    assert (report["unchanged"], report["changed"], report["vanished"]) == (1, 1, 1)
    assert report["details"]["changed"] == [{"template": "b (en)", "fields": ["status"]}]
    assert report["details"]["vanished"] == ["c (en)"]
    assert Template.objects.get(name="b").status == "PAUSED"
    assert Template.objects.get(name="c").vanished_at is not None, "marked, not deleted"
    page(endpoint, item("c"))
    importer.run(listing)
    row = Template.objects.get(name="c")
    assert row.vanished_at is None
    assert [change.kind for change in row.changes.all()] == ["returned", "vanished", "created"]


def test_a_bad_template_costs_no_other(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"), {"name": "b"}, "what", item("c", components=None), item("a", status="REJECTED"))
    report = importer.run(listing).report
    assert names() == ["a", "c"]
    assert report["details"]["failed"] == [
        {"template": "b", "reason": "no language"},
        {"template": "", "reason": "a template without a name"},
    ]
    assert Template.objects.get(name="a").status == "APPROVED", "the first of the name counts"


@pytest.mark.parametrize(
    "broken",
    [
        (500, {}, b"oops"),
        (200, {}, b"<html>login</html>"),
        (200, {}, b'{"error": {"message": "token expired"}}'),
        (401, {}, b'{"error": "no"}'),
        (429, {}, b""),
    ],
)
def test_a_missing_page_changes_nothing(listing: Provider, endpoint: Endpoint, broken: Any) -> None:
    page(endpoint, item("a"))
    importer.run(listing)
    page(endpoint, item("a", status="PAUSED"), following="p2")
    endpoint.pages["/list?limit=200&after=p2"] = broken
    run = importer.run(listing)
    assert (run.state, run.report) == ("failed", {})
    assert run.error
    assert Template.objects.get().status == "APPROVED"


def test_cursors_that_go_in_circles_end(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"), following="p2")
    page(endpoint, item("b"), cursor="p2", following="p3")
    page(endpoint, item("c"), cursor="p3", following="p2")
    assert "points back" in importer.run(listing).error
    assert names() == []


def test_an_empty_list_empties_nothing(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"))
    importer.run(listing)
    page(endpoint)
    assert "The list is empty, while 1 templates came from it before" in importer.run(listing).error
    assert Template.objects.get().vanished_at is None
    assert importer.run(listing, allow_empty=True).report["vanished"] == 1


def test_cursors_that_never_end_end(
    listing: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "MOST_PAGES", 3)
    for number in range(5):
        page(endpoint, item(f"t{number}"), cursor=f"p{number}" if number else "", following=f"p{number + 1}")
    assert "goes on after 3 pages" in importer.run(listing).error
    assert names() == []


def test_an_edit_by_hand_is_kept_apart(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"))
    importer.run(listing)
    ours = [{"type": "BODY", "text": "Hello dear {{1}}"}]
    Template.objects.update(components=ours)
    theirs = [{"type": "BODY", "text": "Hi {{1}}"}]
    page(endpoint, item("a", components=theirs))
    importer.run(listing)
    row = Template.objects.get()
    assert (row.components, row.imported, row.edited) == (ours, theirs, True)
    change = row.changes.first()
    assert change is not None
    assert (change.before, change.after) == ([BODY], theirs)
    assert "was kept" in change.reason


def test_a_template_of_our_own_never_vanishes(listing: Provider, endpoint: Endpoint) -> None:
    Template.objects.create(provider=listing, name="ours", language="en", components=[BODY])
    page(endpoint, item("a"))
    importer.run(listing)
    page(endpoint, item("b"))
    assert importer.run(listing).report["details"]["vanished"] == ["a (en)"]
    assert Template.objects.get(name="ours").vanished_at is None


def test_a_template_whose_type_changes_is_changed(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"))
    importer.run(listing)
    cards = [{"components": [{"type": "BODY", "text": "One"}]}]
    page(endpoint, item("a", components=[BODY, {"type": "CAROUSEL", "cards": cards}]))
    assert importer.run(listing).report["changed"] == 1
    assert Template.objects.get().kind == "carousel"


def test_kinds_clevertap_has_not_are_told_apart(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a", category="AUTHENTICATION"), item("b"))
    report = importer.run(listing).report
    assert (report["created"], report["unsupported"]) == (1, 1)
    assert report["details"]["unsupported"] == [{"template": "a (en)", "reason": "authentication templates"}]


def test_buttons_on_the_tracking_domain_are_tagged(listing: Provider, endpoint: Endpoint) -> None:
    listing.click_domain = "ct3.io"
    listing.save()
    urls = [{"type": "URL", "url": f"https://{host}/{{{{1}}}}"} for host in ("ct3.io", "shop.example.test")]
    page(endpoint, item("a", components=[BODY, {"type": "BUTTONS", "buttons": urls}]))
    importer.run(listing)
    assert Template.objects.get().tracked == ["button.0"]


@pytest.mark.parametrize("odd", [None, 3, [None, "x", {"type": "body", "text": "Hi"}], [{"type": "MYSTERY"}]])
def test_odd_components_are_taken_as_far_as_they_go(listing: Provider, endpoint: Endpoint, odd: Any) -> None:
    page(endpoint, item("a", components=odd))
    assert importer.run(listing).state == "done"


def test_too_long_a_name_costs_no_other(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a" * 513), item("b"), item("c", language="x" * 17))
    report = importer.run(listing).report
    assert [one["reason"] for one in report["details"]["failed"]] == [
        "the name is longer than 512 characters",
        "the language is longer than 16 characters",
    ]
    assert names() == ["b"]


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
    assert importer.run(provider).templates == 51


def test_a_number_that_is_ignored_is_noticed(db: None, endpoint: Endpoint) -> None:
    provider = endpointed(endpoint, import_paging="page")
    same = {"data": [item(f"a{n}") for n in range(50)]}
    answers(endpoint, "&page=1", same)
    answers(endpoint, "&page=2", same)
    assert "is the one before again" in importer.run(provider).error


def test_pages_by_token(db: None, endpoint: Endpoint) -> None:
    provider = endpointed(endpoint, import_paging="token")
    answers(endpoint, "", {"data": [item("a")], "next_page_token": "t 2"})
    answers(endpoint, "&page_token=t+2", {"data": [item("b")]})
    assert importer.run(provider).templates == 2


def test_its_own_credentials_are_presented_and_never_shown(db: None, endpoint: Endpoint) -> None:
    credentials = {"username": "u", "password": "s3cret-password", "header:X-Key": "k3y-value"}
    provider = endpointed(endpoint, import_credentials=credentials)
    base = "/list?app=7&limit=50"
    endpoint.pages[base] = (403, {}, b"no k3y-value here, s3cret-password")
    run = importer.run(provider)
    assert endpoint.headers[0]["Authorization"].startswith("Basic ")
    assert endpoint.headers[0]["X-Key"] == "k3y-value"
    assert "k3y-value" not in run.error
    assert "s3cret-password" not in run.error
    assert "Check what they may read" in run.error


def test_a_private_address_is_not_called(db: None, endpoint: Endpoint, settings: Any) -> None:
    provider = endpointed(endpoint)
    settings.ALLOW_PRIVATE_TARGETS = False
    assert "not a public address" in importer.run(provider).error


def test_a_page_that_never_ends_is_cut_off(
    db: None, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "MOST_BYTES", 1000)
    provider = endpointed(endpoint)
    answers(endpoint, "", {"data": [item("a" * 2000)]})
    assert "more than 1,000 bytes" in importer.run(provider).error


def test_a_page_that_fails_for_a_moment_is_asked_for_again(
    db: None, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = endpointed(endpoint)
    url = "/list?app=7&limit=50"
    endpoint.pages[url] = (503, {}, b"")
    monkeypatch.setattr(importer, "sleep", lambda _: answers(endpoint, "", {"data": [item("a")]}))
    assert importer.run(provider).templates == 1


# Runs


def test_one_import_a_provider_at_a_time(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"))
    first = importer.start(listing, by="Asha")
    assert importer.start(listing).pk == first.pk
    assert importer.drain() == 1
    first.refresh_from_db()
    assert (first.state, first.by) == ("done", "Asha")


def test_a_cancelled_import_changes_nothing(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"))
    run = importer.start(listing)
    importer.cancel(run)
    importer.drain()
    run.refresh_from_db()
    assert (run.state, names()) == ("cancelled", [])


def test_a_run_whose_worker_died_is_given_up(listing: Provider) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    ImportRun.objects.create(provider=listing, state="running", started_at=long_ago, seen_at=long_ago)
    importer.drain()
    assert ImportRun.objects.get().state == "failed"
    assert importer.start(listing).state == "queued"


def test_the_schedule_starts_what_is_due(listing: Provider, endpoint: Endpoint) -> None:
    now = timezone.now()
    assert importer.schedule(now) == 0
    Provider.objects.update(import_every=3600)
    assert importer.schedule(now) == 1
    importer.drain()
    assert importer.schedule(now + timedelta(minutes=59)) == 0
    assert importer.schedule(now + timedelta(minutes=61)) == 1


def test_five_failures_in_a_row_raise_the_alarm(listing: Provider, endpoint: Endpoint) -> None:
    for _ in range(5):
        assert importer.alarm(listing.pk) == ""
        importer.run(listing)
    assert "HTTP 404" in importer.alarm(listing.pk)
    page(endpoint, item("a"))
    importer.run(listing)
    assert importer.alarm(listing.pk) == ""


def test_every_change_enters_the_timeline(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a", quality_score={"score": "GREEN"}))
    importer.run(listing)
    page(endpoint, item("a", category="MARKETING", quality_score={"score": "RED"}, status="REJECTED"))
    importer.run(listing)
    kinds = TemplateChange.objects.order_by("id").values_list("kind", flat=True)
    assert sorted(kinds) == ["category", "created", "quality", "status"]
    assert Template.objects.get().previous_category == "UTILITY"


def test_a_provider_without_a_list_says_so(provider: Provider) -> None:
    assert "no template list" in importer.run(provider).error


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


def test_what_is_known_is_known_by_either_name(listing: Provider, endpoint: Endpoint) -> None:
    """CleverTap writes `namespace:name`; a template may be called that as a whole, which comes first."""
    page(endpoint, item("sale"), item("shop:sale"))
    importer.run(listing)

    def found(namespace: str) -> str:
        content = TemplateContent(namespace.rsplit(":", 1)[-1], "en", namespace=namespace)
        found = known.find(listing.pk, content)
        return found.registered.bsp_id if found else ""

    assert found("sale") == "id-sale"
    assert found("shop:sale") == "id-shop:sale"
    assert found("other:sale") == "id-sale"
    assert found("unheard") == ""
