"""The operator's side of importing: starting, watching, the report, cancelling."""

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from providers.models import Provider
from templates_app.imports import runs
from templates_app.models import ImportRun, Template, TemplateChange
from tests.endpoints import Endpoint
from tests.factories import make_provider
from tests.templates_app.test_importing import BODY, item, page

TEMPLATES = "/admin/templates_app/template/"
RUNS = "/admin/templates_app/importrun/"


@pytest.fixture
def listing(db: None, endpoint: Endpoint) -> Provider:
    url = endpoint.url.removesuffix("/messages") + "/list"
    return make_provider(nickname="Shop", endpoint=endpoint.url, options={"templates_url": url})


def text(response: Any) -> str:
    assert response.status_code == 200, response
    return str(response.content.decode())


def run_url(run: ImportRun, what: str = "change") -> str:
    return f"{RUNS}{run.pk}/{what}/"


def test_import_now_from_the_providers_page(operator: Client, listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"))
    answer = operator.post(f"/admin/providers/provider/{listing.pk}/import/", follow=True)
    run = ImportRun.objects.get()
    assert (run.state, run.by) == ("queued", "mira")
    assert answer.redirect_chain[-1][0] == run_url(run)
    runs.drain()
    assert "created" in text(operator.get(RUNS))


def test_import_now_for_many_from_the_templates(operator: Client, listing: Provider) -> None:
    other = make_provider(nickname="Other", options=listing.options)
    none = make_provider(nickname="None")
    assert "Import now" in text(operator.get(TEMPLATES))
    shown = text(operator.get(f"{TEMPLATES}import-now/"))
    assert "gives no template list with this set-up" in shown
    answer = operator.post(f"{TEMPLATES}import-now/", {"provider": [listing.pk, other.pk]})
    assert answer["Location"] == RUNS
    assert set(ImportRun.objects.values_list("provider", flat=True)) == {listing.pk, other.pk}
    shown = text(operator.post(f"{TEMPLATES}import-now/", {"provider": ["x"]}))
    assert "Choose at least one provider" in shown
    assert none.import_runs.count() == 0


def test_import_now_for_many_from_the_providers(operator: Client, listing: Provider) -> None:
    make_provider(nickname="Other", options=listing.options)
    both = list(Provider.objects.values_list("pk", flat=True))
    form = {"action": "import_selected", "_selected_action": both}
    text(operator.post("/admin/providers/provider/", form, follow=True))
    assert ImportRun.objects.count() == 2


def test_those_who_may_only_look_start_nothing(looker: Client, listing: Provider) -> None:
    run = runs.start(listing)
    shown = text(looker.get(run_url(run)))
    assert "Cancel" not in shown
    assert "/import-now/" not in text(looker.get(TEMPLATES))
    for url in (
        f"/admin/providers/provider/{listing.pk}/import/",
        f"{TEMPLATES}import-now/",
        run_url(run, "cancel"),
        run_url(run, "again"),
    ):
        looker.post(url, status=403)
    assert ImportRun.objects.count() == 1


def test_the_progress_renews_itself_until_the_end(
    operator: Client, listing: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    page(endpoint, item("a"), item("b"), following="p2")
    page(endpoint, item("c"), cursor="p2")
    run = runs.start(listing)
    shown = text(operator.get(run_url(run, "progress")))
    assert "every 1s" in shown
    assert "It waits for a worker" in shown
    seen: list[str] = []
    plain = runs._note_progress

    def show(running: ImportRun) -> None:
        plain(running)
        seen.append(text(operator.get(run_url(run, "progress"))))

    monkeypatch.setattr(runs, "_note_progress", show)
    runs.drain()
    assert '<dd id="run-pages">1</dd>' in seen[0]
    assert '<dd id="run-templates">2</dd>' in seen[0]
    assert "templates a second" in seen[0]
    shown = text(operator.get(run_url(run, "progress")))
    assert "every 1s" not in shown
    assert "The whole list was imported" in shown


def test_the_expected_number_is_the_last_ones(
    operator: Client, listing: Provider, endpoint: Endpoint
) -> None:
    page(endpoint, item("a"), item("b"))
    runs.import_now(listing)
    run = runs.start(listing)
    assert "of 2 the last time" in text(operator.get(run_url(run)))


def test_the_report_shows_and_links_everything(
    operator: Client, listing: Provider, endpoint: Endpoint
) -> None:
    page(endpoint, item("same"), item("other"), item("gone"), item("odd", category="AUTHENTICATION"))
    other = Template.objects.create(provider=make_provider(), name="same", language="en", components=[BODY])
    first = runs.import_now(listing)
    shown = text(operator.get(run_url(first)))
    same = Template.objects.get(provider=listing, name="same")
    assert f"/template/{other.pk}/" not in shown, "of the same name at another provider"
    assert f'href="/admin/templates_app/template/{same.pk}/change/">same (en)</a>' in shown
    assert "authentication templates" in shown

    changed = [{"type": "BODY", "text": "Good day {{1}}"}]
    items = [item("same"), item("other", status="PAUSED", components=changed), item("new"), {"name": "bad"}]
    page(endpoint, *items)
    run = runs.import_now(listing)
    shown = text(operator.get(run_url(run)))
    assert "Status: APPROVED → PAUSED" in shown
    assert "Good day" in shown
    assert "<del>" in shown
    assert "no language" in shown
    assert "gone (en)" in shown
    for query, names in (
        (f"run={run.pk}.created", ["new"]),
        (f"run={run.pk}.changed", ["other"]),
        (f"run={first.pk}.created", ["gone", "odd", "other", "same"]),
        (f"run=x.y&provider={listing.pk}", ["gone", "new", "odd", "other", "same"]),
        ("listed=no", ["gone", "odd"]),
        (f"listed=yes&provider={listing.pk}", ["new", "other", "same"]),
        ("usable=no", ["odd"]),
        (f"usable=yes&provider={listing.pk}", ["gone", "new", "other", "same"]),
    ):
        rows = operator.get(f"{TEMPLATES}?{query}").context["cl"].result_list
        assert [row.name for row in rows] == names, query
    entries = TemplateChange.objects.filter(run=run).values_list("template__name", "kind")
    assert set(entries) == {
        ("other", "status"),
        ("other", "content"),
        ("new", "created"),
        ("gone", "vanished"),
        ("odd", "vanished"),
    }


@pytest.mark.parametrize(("number", "rest"), [(49, ""), (50, ""), (51, "And 1 more.")])
def test_a_long_report_is_cut(
    operator: Client, listing: Provider, endpoint: Endpoint, number: int, rest: str
) -> None:
    page(endpoint, *(item(f"t{n:03d}") for n in range(1, number + 1)))
    shown = text(operator.get(run_url(runs.import_now(listing))))
    assert f"?provider={listing.pk}&amp;run=" in shown
    assert f"t{min(number, 50):03d}" in shown
    assert "t051" not in shown
    assert rest in shown
    assert ("more." in shown) == bool(rest)


def test_cancelling(operator: Client, listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"))
    run = runs.start(listing)
    text(operator.post(run_url(run, "cancel"), follow=True))
    assert "It is being cancelled" in text(operator.get(run_url(run)))
    runs.drain()
    assert "Cancelled. Nothing was changed." in text(operator.get(run_url(run)))
    assert not Template.objects.exists()
    operator.get(run_url(run, "cancel"), status=403)  # a look cancels nothing


def test_an_empty_list_is_believed_when_told_to(
    operator: Client, listing: Provider, endpoint: Endpoint
) -> None:
    page(endpoint, item("a"))
    runs.import_now(listing)
    page(endpoint)
    failed = runs.import_now(listing)
    assert "accept an empty list" in text(operator.get(run_url(failed)))
    answer = operator.post(run_url(failed, "again"), {"allow_empty": "yes"})
    runs.drain()
    again = ImportRun.objects.get(pk=failed.pk + 1)
    assert answer["Location"] == run_url(again)
    assert (again.state, again.report["vanished"]) == ("done", 1)
    assert "accept an empty list" not in text(operator.get(run_url(again)))


def test_five_failures_are_seen_from_everywhere(
    operator: Client, listing: Provider, endpoint: Endpoint
) -> None:
    endpoint.pages["/list?limit=200"] = (401, {}, json.dumps({"error": "expired"}).encode())
    for _ in range(4):
        runs.import_now(listing)
    places = (
        f"/admin/providers/provider/{listing.pk}/change/",
        f"/admin/providers/provider/{listing.pk}/template-health/",
    )
    for url in places:
        assert "five template imports failed" not in text(operator.get(url)), url
    runs.import_now(listing)
    for url in places:
        assert "five template imports failed" in text(operator.get(url)), url
    assert "expired" in text(operator.get(places[0]))


def test_a_run_that_failed_says_why(operator: Client, listing: Provider) -> None:
    run = runs.import_now(listing)
    for url in (run_url(run), RUNS):
        assert "HTTP 404" in text(operator.get(url))


def test_nothing_imported_yet_says_what_to_do(operator: Client, db: None) -> None:
    assert "Nothing has been imported yet" in text(operator.get(RUNS))


def test_an_edit_kept_apart_is_told(operator: Client, listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"))
    runs.import_now(listing)
    Template.objects.update(components=[{"type": "BODY", "text": "Ours {{1}}"}])
    page(endpoint, item("a", components=[BODY | {"text": "Theirs {{1}}"}]))
    shown = text(operator.get(run_url(runs.import_now(listing))))
    assert "The edit made here was kept" in shown


def test_the_page_of_a_stale_template_says_so(operator: Client, listing: Provider) -> None:
    row = Template.objects.create(provider=listing, name="a", language="en", stale_since=timezone.now())
    assert "stale since" in text(operator.get(f"/admin/templates_app/template/{row.pk}/change/"))


def test_the_import_of_one_template_names_it_and_is_repeated_as_such(
    operator: Client, listing: Provider
) -> None:
    run = ImportRun.objects.create(provider=listing, name="a", state="failed", error="Not there.")
    assert "Only the template a" in text(operator.get(run_url(run)))
    operator.post(run_url(run, "again"))
    assert ImportRun.objects.filter(name="a", state="queued").count() == 1
