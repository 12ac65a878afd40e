"""How WhatsApp charges messages: kept once each, counted, shown and exported."""

from typing import Any

import pytest
from django.utils import timezone

from campaigns.counting import deltas
from campaigns.ledger import ledger, matching
from campaigns.log import export, message_page
from campaigns.models import Message, Pricing
from lib.phone_masking import WHOLE
from providers.messages import Pricing as Told
from providers.messages import StatusUpdate
from providers.models import Provider
from stats.query import details, recount
from stats.query.details import PricedCount
from stats.query.filters import parse
from tests.factories import MessageFactory

MARKETING = Told("regular", "marketing", True)
SERVICE = Told("free_customer_service", "service", False)


def reports(message: Message, *kinds: str, pricing: Told | None = MARKETING) -> None:
    updates = [
        StatusUpdate(kind, reference=matching.reference(message.pk, 1), pricing=pricing)  # type: ignore[arg-type]
        for kind in kinds
    ]
    ledger.record(message.provider_id, updates)


def counted() -> list[PricedCount]:
    found = details.pricing(parse({}, timezone.now()))
    assert [line for line in recount.disagreements() if line.startswith("priced")] == []
    return found


@pytest.fixture
def message(provider: Provider, other_shop: Provider) -> Message:
    """One that was sent; another provider has one, too."""
    MessageFactory(provider=other_shop, attempt=1)
    return MessageFactory(provider=provider, attempt=1)


def sent(provider: Provider, **values: Any) -> Message:
    return MessageFactory(provider=provider, attempt=1, **values)


def test_the_first_that_is_told_is_kept(message: Message) -> None:
    reports(message, "sent", pricing=None)
    assert not Pricing.objects.exists()
    reports(message, "delivered")
    reports(message, "read", pricing=SERVICE)
    kept = Pricing.objects.get()
    assert (kept.message, kept.type, kept.category, kept.billable) == (message, "regular", "marketing", True)


def test_it_is_kept_of_a_report_that_is_repeated(message: Message) -> None:
    reports(message, "delivered", pricing=None)
    reports(message, "delivered")
    assert Pricing.objects.get().message == message


def test_it_is_counted_once_a_message(provider: Provider, message: Message) -> None:
    reports(message, "sent", "delivered")
    reports(message, "read")
    for _ in range(2):
        reports(sent(provider), "delivered", pricing=SERVICE)
    reports(sent(provider, untracked=True, msg_id="0|0|0|0"), "delivered")
    wanted = [PricedCount("service", "free_customer_service", 2), PricedCount("marketing", "regular", 1)]
    assert counted() == wanted
    deltas.squash()
    assert counted() == wanted


def test_it_is_on_the_timeline(message: Message) -> None:
    reports(message, "delivered")
    steps = message_page.message_page(message, [])["steps"]
    facts = next(step.facts for step in steps if step.title == "Priced by WhatsApp")
    assert facts == (("Category", "marketing"), ("Type", "regular"), ("Billable", "yes"))


def test_it_is_in_the_export(provider: Provider, message: Message) -> None:
    unpriced = sent(provider)
    reports(message, "delivered")
    heading, *rows = export.rows(Message.objects.filter(provider=provider), WHOLE)
    assert heading[-3:] == ["pricing_category", "pricing_type", "pricing_billable"]
    by_id = {row[0]: row[-3:] for row in rows}
    assert by_id[message.pk] == ["marketing", "regular", "True"]
    assert by_id[unpriced.pk] == [None, None, None]


def test_a_bill_tells_the_price_and_is_no_report(message: Message) -> None:
    reports(message, "priced")
    assert Pricing.objects.get().category == "marketing"
    assert not message.events.exists()
    status = message.status
    message.refresh_from_db()
    assert message.status == status
