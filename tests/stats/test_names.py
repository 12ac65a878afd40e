"""What the filters offer while somebody types: names that exist, among thousands."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns.models import Campaign
from providers.models import Provider
from tests.stats.conftest import NOW, accepted, fold
from tests.stats.test_pages import browser


@pytest.fixture
def analyst(shop: Provider) -> Client:
    for number in range(3):
        accepted(
            shop, NOW, campaign=f"17672256{number:02}", variant="AB"[number % 2], template=f"order_{number}"
        )
    fold()
    Campaign.objects.filter(code="1767225602").update(name="Spring sale", last_seen_at=timezone.now())
    return browser("view_stats")


def offered(client: Client, **asked: str) -> Any:
    return client.get("/admin/stats/names/", asked).json()["names"]


def test_campaigns_are_found_by_id_and_name_the_youngest_first(analyst: Client) -> None:
    assert offered(analyst, of="campaign", q="spring") == [["1767225602", "Spring sale"]]
    assert offered(analyst, of="campaign", q="1767225602") == [["1767225602", "Spring sale"]]
    assert {code for code, _ in offered(analyst, of="campaign")} >= {"1767225600", "1767225602"}


def test_templates_and_the_variants_of_a_campaign(analyst: Client) -> None:
    assert offered(analyst, of="template", q="ORDER_1") == [["order_1", ""]]
    assert offered(analyst, of="variant", campaign="1767225601") == [["B", ""]]
    assert offered(analyst, of="variant") == [], "too many without a campaign"
    assert offered(analyst, of="number") == []


def test_no_name_has_a_null_character(analyst: Client) -> None:
    answer: Any = analyst.get("/admin/stats/names/", {"of": "template", "q": "\0"}, status=400)
    assert answer.json() == {"problem": "q: A null character is not allowed here."}


def test_only_who_sees_stats_is_offered_any(analyst: Client) -> None:
    browser("view_message").get("/admin/stats/names/", {"of": "template"}, status=403)
