"""Campaigns are entered on first sight, and cost next to nothing after."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns import seen
from campaigns.models import Campaign, Message, Refusal
from providers.models import Provider
from tests.factories import make_provider
from tests.gateway import freeform, post, template
from tests.stats.conftest import NOW, accepted, refused


def test_a_campaign_is_found_in_the_msgid(shop: Provider) -> None:
    post(shop, template(msgId="712|1767225600|20260105|712|1"))
    campaign = Campaign.objects.get()
    assert (campaign.code, campaign.provider, campaign.name, str(campaign)) == (
        "1767225600", shop, "", "1767225600",
    )  # fmt: skip
    assert campaign.first_seen_at == campaign.last_seen_at == NOW


@pytest.mark.parametrize("msg_id", ["0|0|0|0", "free text", "1|2", "|||||", "||x||y"])
def test_an_id_that_tells_no_campaign_is_no_error(shop: Provider, msg_id: str) -> None:
    assert post(shop, template(msgId=msg_id)).status == 200
    assert Message.objects.count() + Refusal.objects.count() == 1
    assert not Campaign.objects.exists()


def test_freeform_is_no_campaign(shop: Provider) -> None:
    post(shop, freeform(msgId="712|1767225600|20260105|712"))
    assert not Campaign.objects.exists()


def test_a_refusal_is_a_sight_too(shop: Provider) -> None:
    post(shop, template(msgId="712|1767225600|20260105|712|1", to="nobody"))
    assert Campaign.objects.get().code == "1767225600"
    refusal = Refusal.objects.get()
    assert (refusal.campaign, refusal.variant, refusal.template) == ("1767225600", "1", "order_ready")


def test_when_it_was_seen(shop: Provider) -> None:
    accepted(shop, NOW - timedelta(days=2))
    accepted(shop, NOW)
    accepted(shop, NOW - timedelta(days=1))
    refused(shop, at=NOW + timedelta(minutes=2))
    campaign = Campaign.objects.get()
    assert campaign.first_seen_at == NOW - timedelta(days=2)
    assert campaign.last_seen_at == NOW + timedelta(minutes=2)


def test_one_campaign_at_two_providers_is_two(shop: Provider) -> None:
    accepted(shop)
    accepted(make_provider())
    assert Campaign.objects.filter(code="c1").count() == 2


def test_a_name_stays(shop: Provider) -> None:
    accepted(shop, NOW - timedelta(hours=1))
    Campaign.objects.update(name="Spring")
    accepted(shop)
    assert Campaign.objects.get().name == "Spring"


@pytest.mark.django_db(transaction=True)
def test_it_is_written_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "_noted", {})
    provider = make_provider()

    def written(at: int) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            accepted(provider, NOW + timedelta(seconds=at))
        return sum("campaigns_campaign" in query["sql"] for query in queries)

    assert [written(at) for at in (0, 1, 30, 59, 61, 62)] == [1, 0, 0, 0, 1, 0]


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_is_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "_noted", {})
    provider = make_provider()
    with monkeypatch.context() as patch:
        patch.setattr("campaigns.counts.add", lambda deltas: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            accepted(provider)
    accepted(provider)
    assert Campaign.objects.count() == 1
