"""Campaigns are entered on first sight, and cost next to nothing after."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.ledger import campaigns_seen
from campaigns.models import Campaign, Message, Refusal
from providers.models import Provider
from tests.factories import make_provider
from tests.gateway import SUCCESS, freeform, post, template
from tests.stats.conftest import NOW, accepted, refused


def test_a_campaign_is_found_in_the_msgid(shop: Provider) -> None:
    post(shop, template(msgId="712|1767225600|20260105|712|1"))
    campaign = Campaign.objects.get()
    assert (campaign.code, campaign.provider, campaign.name, str(campaign)) == (
        "1767225600", shop, "", "1767225600",
    )  # fmt: skip
    assert campaign.first_seen_at == campaign.last_seen_at == NOW


@pytest.mark.parametrize(
    "msg_id",
    ["0|0|0|0", "0|0|0|0|0", "free text", "1|2", "|||||", "||x||y", "", "1|7|20260105", "x" * 300, None],
)
def test_an_id_that_tells_no_campaign_is_no_error(shop: Provider, msg_id: str | None) -> None:
    before = Message.objects.count() + Refusal.objects.count()
    assert post(shop, template(msgId=msg_id)).status == 200
    assert Message.objects.count() + Refusal.objects.count() == before + 1
    assert not Campaign.objects.exists()


@pytest.mark.parametrize(
    ("msg_id", "campaign", "batch", "variant"),
    [
        ("1|77|20260105|4", "77", "20260105", ""),
        ("1|77|20260105|4|B|6|7", "77", "20260105", "B"),
        ("1|77|||B", "77", "", "B"),
        ("-1|77|soon|-1|B", "77", "", "B"),
        ("é|кампания🎉|20260105|ü|Вариант", "кампания🎉", "20260105", "Вариант"),
        ("1|7\x007|20260105|4|\ud83d", "77", "20260105", "?"),
        (f"1|{'c' * 100}|20260105|4|{'v' * 100}", "c" * 64, "20260105", "v" * 32),
        ("1|(none)|20260105|4|(none)", "(none)", "20260105", "(none)"),
    ],
)
def test_as_much_is_taken_from_an_odd_id_as_it_tells(
    shop: Provider, msg_id: str, campaign: str, batch: str, variant: str
) -> None:
    assert post(shop, template(msgId=msg_id)).body == SUCCESS
    assert post(shop, template(msgId=msg_id, to="nobody")).status == 200
    message, refusal = Message.objects.latest("pk"), Refusal.objects.latest("pk")
    assert (message.campaign, message.batch, message.variant) == (campaign, batch, variant)
    assert (refusal.campaign, refusal.variant, refusal.template) == (campaign, variant, message.template)
    assert Campaign.objects.get().code == campaign


def test_freeform_is_no_campaign(shop: Provider) -> None:
    post(shop, freeform(msgId="712|1767225600|20260105|712"))
    assert not Campaign.objects.exists()


def test_a_refusal_is_a_sight_too(shop: Provider) -> None:
    post(shop, template(msgId="712|1767225600|20260105|712|1", to="nobody"))
    assert Campaign.objects.get().code == "1767225600"
    refusal = Refusal.objects.latest("pk")
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
    monkeypatch.setattr(campaigns_seen, "_noted", {})
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
    monkeypatch.setattr(campaigns_seen, "_noted", {})
    provider = make_provider()
    with monkeypatch.context() as patch:
        patch.setattr("campaigns.counting.deltas.add", lambda deltas: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            accepted(provider)
    accepted(provider)
    assert Campaign.objects.count() == 1
