"""The list CleverTap imports from us: Meta's shape, and only what CleverTap can send."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest
from django.test import Client

from providers.models import Provider
from templates_app.models import Template
from tests.factories import make_provider
from tests.gateway import logged_in

BODY = [{"type": "BODY", "text": "Hello {{1}}"}]


def listed(provider: Provider, query: str = "", **headers: str) -> Any:
    url = f"/v1/{provider.public_id}/templates{query}"
    return Client().get(url, headers=logged_in(provider) | headers)


def add(provider: Provider, *names: str, **values: Any) -> None:
    for name in names:
        Template.objects.create(provider=provider, name=name, language="en", **{"components": BODY} | values)


def names(answer: Any) -> list[str]:
    return [row["name"] for row in answer.json()["data"]]


def test_one_template_in_metas_shape(provider: Provider) -> None:
    add(provider, "sale", bsp_id="77", category="UTILITY")
    (row,) = listed(provider).json()["data"]
    assert row == {
        "name": "sale",
        "parameter_format": "POSITIONAL",
        "components": BODY,
        "language": "en",
        "status": "APPROVED",
        "category": "UTILITY",
        "id": "77",
    }


def test_a_time_to_live_and_the_former_category_go_along(provider: Provider) -> None:
    add(provider, "sale", ttl_seconds=30, previous_category="MARKETING")
    (row,) = listed(provider).json()["data"]
    assert (row["message_send_ttl_seconds"], row["previous_category"]) == (30, "MARKETING")


@pytest.mark.parametrize("number", ["1" * 30, "-1", "9223372036854775808", "٣"])
def test_any_cursor_is_a_place_or_refused(provider: Provider, number: str) -> None:
    add(provider, "sale")
    cursor = urlsafe_b64encode(f"t{number}".encode()).decode()
    assert listed(provider, f"?after={cursor}").status_code in (200, 400)


def test_pages_are_followed_to_the_end_while_the_list_changes(provider: Provider) -> None:
    add(provider, *"abcde")
    first = listed(provider, "?limit=2")
    assert names(first) == ["a", "b"]
    following = first.json()["paging"]["next"]
    assert following.startswith("http://127.0.0.1:8000/v1/"), "our public address, whatever a proxy calls us"
    Template.objects.get(name="a").delete()
    add(provider, "f")
    second = listed(provider, "?" + following.partition("?")[2])
    assert names(second) == ["c", "d"]
    third = listed(provider, f"?limit=2&after={second.json()['paging']['cursors']['after']}")
    assert names(third) == ["e", "f"]
    assert "next" not in third.json()["paging"]


def test_what_clevertap_cannot_send_is_left_out(provider: Provider) -> None:
    add(provider, "good")
    add(provider, "rejected", status="REJECTED")
    add(provider, "code", unsupported="authentication templates")
    Template.objects.create(
        provider=provider, name="gone", language="en", vanished_at="2026-01-01T00:00:00Z", components=BODY
    )
    assert names(listed(provider)) == ["good"]


def test_another_providers_are_not_shown(provider: Provider) -> None:
    other = make_provider()
    add(other, "sale", "theirs", bsp_id="77")
    assert names(listed(provider)) == []
    add(provider, "sale", bsp_id="77", category="UTILITY")
    assert [(row["name"], row["category"]) for row in listed(provider).json()["data"]] == [
        ("sale", "UTILITY")
    ]
    assert names(listed(other)) == ["sale", "theirs"]
    login = logged_in(other)
    assert Client().get(f"/v1/{provider.public_id}/templates", headers=login).status_code == 401


@pytest.mark.parametrize(
    ("query", "number"),
    [("", 50), ("?limit=0", 1), ("?limit=1", 1), ("?limit=2", 2), ("?limit=499", 499), ("?limit=500", 500),
     ("?limit=501", 500)],
)  # fmt: skip
def test_how_many_a_page_holds(provider: Provider, query: str, number: int) -> None:
    Template.objects.bulk_create(
        Template(provider=provider, name=f"t{n}", language="en", components=BODY) for n in range(502)
    )
    answer = listed(provider, query)
    assert len(names(answer)) == number
    assert "next" in answer.json()["paging"]


@pytest.mark.parametrize("query", ['?limit=1&after={}"', "?limit=1&after='{}'", "?limit=1&after={}%22"])
def test_stray_quotes_are_tolerated(provider: Provider, query: str) -> None:
    """CleverTap's own example ends in one."""
    add(provider, "a", "b")
    cursor = listed(provider, "?limit=1").json()["paging"]["cursors"]["after"]
    assert names(listed(provider, query.format(cursor))) == ["b"]


@pytest.mark.parametrize(
    ("query", "status"),
    [("?limit=0", 200), ("?limit=9999", 200), ("?limit=many", 400), ("?after=nonsense!", 400)],
)
def test_odd_queries(provider: Provider, query: str, status: int) -> None:
    assert listed(provider, query).status_code == status


def test_an_unchanged_list_is_not_sent_again(provider: Provider) -> None:
    add(provider, "a")
    etag = listed(provider)["ETag"]
    again = listed(provider, **{"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    add(provider, "b")
    assert listed(provider, **{"If-None-Match": etag}).status_code == 200


def test_it_is_for_those_with_the_login(provider: Provider) -> None:
    assert Client().get(f"/v1/{provider.public_id}/templates").status_code == 401
    assert Client().get("/v1/unknown/templates").status_code == 404
