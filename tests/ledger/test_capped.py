"""Messages that met WhatsApp's cap on marketing: failed, or retried if the provider's settings say so."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.utils import timezone

from callbacks import audit
from campaigns.counting import deltas
from campaigns.counting.keys import Key, minute
from campaigns.ledger import capped, claims, ledger, statuses
from campaigns.ledger.capped import Cap
from campaigns.ledger.entries import Tried
from campaigns.models import Event, Forward, Message, StatCount, Status
from providers import validation
from providers.messages import Outcome, ReportCode, StatusUpdate
from providers.models import Provider
from tests.factories import MessageFactory

NOW = datetime.fromisoformat("2026-11-20T12:00:00+00:00")
DAY = timedelta(days=1)
SPAIN, CANADA, USA = "34600111222", "16135550123", "12125550123"


@pytest.fixture(autouse=True)
def _at_noon(db: None) -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield
    assert [finding for finding in audit.run() if finding.problems] == []


@pytest.fixture
def shop(provider: Provider) -> Provider:
    provider.cap_retries, provider.validity = 2, 5 * DAY
    provider.save()
    return provider


def queued(shop: Provider, to: str = SPAIN) -> Message:
    row: Message = MessageFactory(provider=shop, to=to, accepted_at=NOW, queued_at=NOW, next_attempt_at=NOW)
    key = Key(shop.pk, minute(NOW), row.campaign, row.variant, row.template, StatCount.Metric.ACCEPTED)
    deltas.add(Counter({key: 1}))
    return row


def sent(shop: Provider, to: str = SPAIN) -> Message:
    """A message that the BSP has taken."""
    row = queued(shop, to)
    taken(row)
    return row


def taken(row: Message, outcome: Outcome = Outcome.ACCEPTED, **values: object) -> None:
    now = timezone.now()
    (claimed,) = claims.claim(row.provider_id, 10, now)
    tried = Tried(row.pk, claimed.attempt, now, outcome, **values)  # type: ignore[arg-type]
    ledger.record_attempts(row.provider_id, capped.answered([tried], Cap.of(row.provider), now))
    row.refresh_from_db()


def told(row: Message, kind: str = "failed", code: str = "131049", attempt: int = 0) -> None:
    update = StatusUpdate(
        kind,  # type: ignore[arg-type]
        reference=f"wp-{row.pk}-{attempt or row.attempt}",
        timestamp=int(timezone.now().timestamp()),
        **({"code": ReportCode.BLOCKED_BY_META, "bsp_code": code} if kind == "failed" else {}),
    )
    ledger.record(row.provider_id, [update])
    row.refresh_from_db()


def owed(row: Message) -> list[int]:
    """The failures that CleverTap hears of."""
    failed = Event.objects.filter(message=row, kind=Event.Kind.FAILED).order_by("pk")
    return [event.forward for event in failed]


def test_by_default_it_fails_at_once(provider: Provider) -> None:
    row = sent(provider)
    told(row)
    assert (row.status, owed(row)) == (Status.FAILED, [Forward.PENDING])


def test_a_day_later_and_two_days_later_it_is_tried_again(shop: Provider) -> None:
    row = sent(shop)
    told(row)
    assert (row.status, row.next_attempt_at, row.error_text) == (Status.QUEUED, NOW + DAY, statuses.CAPPED)
    assert owed(row) == [Forward.NONE]

    with time_machine.travel(row.next_attempt_at, tick=False):
        taken(row)
        told(row)
    assert (row.status, row.next_attempt_at) == (Status.QUEUED, NOW + 3 * DAY)

    with time_machine.travel(row.next_attempt_at, tick=False):
        taken(row)
        told(row)
    assert row.status == Status.FAILED
    assert owed(row) == [Forward.NONE, Forward.NONE, Forward.PENDING]


def test_a_try_that_succeeds_is_the_end_of_it(shop: Provider) -> None:
    row = sent(shop)
    told(row)
    with time_machine.travel(row.next_attempt_at, tick=False):
        taken(row)
        told(row, "delivered")
    assert (row.status, owed(row)) == (Status.DELIVERED, [Forward.NONE])


def test_a_repeated_report_changes_nothing(shop: Provider) -> None:
    row = sent(shop)
    told(row)
    told(row, attempt=1)
    assert (row.status, row.next_attempt_at, owed(row)) == (Status.QUEUED, NOW + DAY, [Forward.NONE])


def test_an_answer_with_the_code_is_tried_again_too(shop: Provider) -> None:
    row = queued(shop)
    taken(row, Outcome.REJECTED, code=ReportCode.BLOCKED_BY_META, bsp_code="131049", text="Held back.")
    assert (row.status, row.next_attempt_at, owed(row)) == (Status.QUEUED, NOW + DAY, [])


@pytest.mark.parametrize(
    ("to", "status"), [(USA, Status.FAILED), ("US.1a", Status.FAILED), (CANADA, Status.QUEUED)]
)
def test_meta_lets_no_marketing_through_to_the_united_states(shop: Provider, to: str, status: Status) -> None:
    row = sent(shop, to)
    told(row)
    assert row.status == status


def test_a_person_who_stopped_is_not_tried_again(shop: Provider) -> None:
    row = sent(shop)
    told(row, code="131050")
    assert (row.status, owed(row)) == (Status.FAILED, [Forward.PENDING])


def test_nothing_is_tried_after_its_validity(shop: Provider) -> None:
    row = sent(shop)
    shop.validity = DAY
    shop.save()
    row.provider.refresh_from_db()
    told(row)
    assert (row.status, owed(row)) == (Status.FAILED, [Forward.PENDING])


def test_a_resumed_provider_does_not_hurry_it(shop: Provider) -> None:
    row = sent(shop)
    told(row)
    claims.hurry(shop.pk, shop.connector.capped_codes)
    row.refresh_from_db()
    assert row.next_attempt_at == NOW + DAY


def test_the_validity_must_leave_time_for_it(shop: Provider) -> None:
    shop.validity = DAY
    with pytest.raises(ValidationError, match="longer than a day"):
        validation.validate(shop)
