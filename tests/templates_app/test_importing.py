"""Taking over a provider's template list: all pages or nothing, and never a deletion."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from providers.messages import TemplateContent
from providers.models import Provider
from templates_app import importer, known
from templates_app.models import Template
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
    report = importer.run(listing)
    assert (report.error, report.pages, len(report.created)) == ("", 2, 3)
    assert names() == ["a", "b", "c"]


def test_a_second_import_tells_what_changed(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"), item("b"), item("c"))
    importer.run(listing)
    page(endpoint, item("a"), item("b", status="PAUSED"))
    report = importer.run(listing)
    assert (report.unchanged, report.changed, report.vanished) == (["a (en)"], ["b (en)"], ["c (en)"])
    assert Template.objects.get(name="b").status == "PAUSED"
    assert Template.objects.get(name="c").vanished_at is not None, "marked, not deleted"
    page(endpoint, item("c"))
    importer.run(listing)
    assert Template.objects.get(name="c").vanished_at is None


def test_a_bad_template_costs_no_other(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"), {"name": "b"}, "what", item("c", components=None), item("a", status="REJECTED"))
    report = importer.run(listing)
    assert names() == ["a", "c"]
    assert report.failed == ["b: no language", "a template without a name"]
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
    report = importer.run(listing)
    assert report.error
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
    assert "1 templates are stored" in importer.run(listing).error
    assert names() == ["a"]


def test_a_provider_without_a_list_says_so(provider: Provider) -> None:
    assert "no template list" in importer.run(provider).error


def test_from_the_command_line(listing: Provider, endpoint: Endpoint) -> None:
    page(endpoint, item("a"))
    out = StringIO()
    call_command("templates", "import", listing.nickname, "--json", stdout=out)
    assert json.loads(out.getvalue())["created"] == ["a (en)"]
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
