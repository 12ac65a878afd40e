"""Tables in parts on PostgreSQL: a month that is too old goes by one DROP, and what keeps it from that."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from accounts.models import Entry
from archive import models as archive
from audience import events
from audience.models import Contact
from broadcasts.models import Broadcast, Recipient
from callbacks import audit
from callbacks.models import ForwardCall, Webhook
from campaigns.models import Attempt, Event, Horizon, Message, Month, Pricing, Refusal, Status
from lib.postgres import parts
from privacy.models import Hold, RetentionRun, RetentionSetting
from privacy.retention import months as retention_months
from privacy.retention import run
from providers.models import Provider
from stats.query import breakdowns
from stats.query.filters import parse
from tests.admin.conftest import inbound, webhook
from tests.factories import make_provider
from tests.months import ids_kept, part_of
from tests.privacy.test_retention import NONE, old
from tests.stats.conftest import accepted, refused

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="on SQLite a table is one table"),
]


@pytest.fixture(autouse=True)
def _ids(db: None, settings: Any) -> Iterator[None]:
    for name, days in NONE.items():
        setattr(settings, name, days)
    with ids_kept():
        yield


def begin(days: int) -> None:
    """The next month, so many days ago."""
    at = timezone.now() - timedelta(days=days)
    last = Month.objects.last()
    number = last.number + 1 if last else 0
    Month.objects.create(number=number, began_at=at, moved_at=at)
    for table in parts.BY:
        parts.make(table, number + 1)
    parts.move(number)


@pytest.fixture
def provider(settings: Any) -> Provider:
    settings.MESSAGE_RETENTION_DAYS = 90
    begin(130)
    return make_provider()


def retention() -> RetentionRun:
    with connection.cursor() as cursor:  # as if what the test has written were committed
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    found = RetentionRun.start(timezone.now())
    assert found is not None
    assert run.work(found)
    return found


def there(table: str) -> list[int]:
    return parts.numbers(table)


def test_a_month_goes_altogether_and_its_figures_stay(provider: Provider) -> None:
    message = old(provider, 120)
    refused(provider, at=timezone.now() - timedelta(days=120))
    before = breakdowns.totals(parse({"range": "all"}, timezone.now()))
    begin(100)
    kept = accepted(provider, timezone.now() - timedelta(days=95))
    begin(60)
    found = retention()
    assert (found.counts["messages: campaigns.Message"], found.counts["messages: campaigns.Refusal"]) == (
        1,
        1,
    )
    assert list(Message.objects.all()) == [kept]
    for model in (Attempt, Event, Pricing, Refusal):
        assert not model._base_manager.filter(pk__gt=0).exists()
        assert there(model._meta.db_table)[0] >= 1
    assert Horizon.objects.get(provider=provider).gone_to >= message.accepted_at
    assert breakdowns.totals(parse({"range": "all"}, timezone.now())).accepted == before.accepted + 1
    assert [each for each in audit.run() if each.problems] == []


def test_a_month_waits_for_the_archive(provider: Provider, settings: Any) -> None:
    settings.ARCHIVE_TO = "/nowhere"
    message = old(provider, 120)
    begin(100)
    assert retention().counts == {}
    for dataset, last in (("messages", message), ("costs", Pricing.objects.latest("pk"))):
        archive.Cursor.objects.create(dataset=dataset, after=last.pk)
    assert retention().counts == {}
    archive.Cursor.objects.create(dataset="reports", after=Event.objects.latest("pk").pk)
    assert retention().counts == {"messages: campaigns.Message": 1}


def test_a_row_waits_for_its_month(provider: Provider) -> None:
    old(provider, 120)
    begin(80)
    assert retention().counts == {}
    assert Message.objects.count() == 1


def test_what_is_kept_for_a_week_waits_for_no_month(provider: Provider, settings: Any) -> None:
    settings.MESSAGE_RETENTION_DAYS = 7
    at = timezone.now() - timedelta(days=9)
    accepted(provider, at)
    Message.objects.update(status=Status.UNKNOWN)
    begin(3)
    assert retention().counts == {"messages: campaigns.Message": 1}
    assert there("campaigns_message")[0] == 0


def test_a_provider_that_keeps_them_longer_keeps_the_month(provider: Provider) -> None:
    other = make_provider()
    mine, theirs = old(provider, 120), old(other, 120)
    RetentionSetting.objects.create(provider=other, messages=0)
    begin(100)
    retention()
    assert list(Message.objects.all()) == [theirs]  # and the rest goes row by row
    assert not Event.objects.filter(message=mine.pk).exists()
    RetentionSetting.objects.all().delete()
    retention()
    assert there("campaigns_message")[0] == 1


@pytest.mark.parametrize("hold", [{"campaign": "c1"}, {"number": "919812345678"}])
def test_a_hold_keeps_the_month_of_what_it_names(provider: Provider, hold: dict[str, str]) -> None:
    held = old(provider, 120, campaign="c1", to="919812345678")
    old(provider, 120, campaign="c2", to="919812345679")
    Hold.objects.create(**hold, reason="a claim")
    begin(100)
    retention()
    assert list(Message.objects.all()) == [held]
    assert part_of(held) == 0


def test_a_hold_on_others_keeps_no_month_of_messages(provider: Provider) -> None:
    old(provider, 120, campaign="c2")
    Hold.objects.create(campaign="c1", reason="a claim")
    begin(100)
    retention()
    assert there("campaigns_message")[0] == 1


@pytest.mark.parametrize("owed", [False, True])
def test_what_is_still_worked_on_keeps_the_month(provider: Provider, owed: bool) -> None:
    message = old(provider, 120)
    if owed:
        Provider.objects.update(delivery_url="https://ct.example/d")
        Event.objects.filter(kind=Event.Kind.READ).update(forward=1)
    else:
        Message.objects.update(status=Status.QUEUED)
    begin(100)
    retention()
    assert list(Message.objects.all()) == [message]


def test_nothing_points_to_what_is_gone(provider: Provider) -> None:
    message = old(provider, 120)
    reply = inbound(provider, answers=message)
    begin(100)
    late = inbound(provider, answers=message)
    retention()
    late.refresh_from_db()
    assert late.answers is None
    assert not Message.objects.exists()
    assert not Recipient.objects.filter(message=message.pk).exists()
    assert reply.pk < parts.ROOM <= late.pk


def test_raw_webhooks_and_calls_go_by_the_month(provider: Provider, settings: Any) -> None:
    settings.WEBHOOK_RETENTION_DAYS = 30
    webhook(provider, received_at=timezone.now() - timedelta(days=120), state=Webhook.State.DONE)
    ForwardCall.objects.create(
        provider=provider, kind="delivery", url="https://ct.example/", body="{}", status=200,
        started_at=timezone.now() - timedelta(days=120),
    )  # fmt: skip
    begin(100)
    counts = retention().counts
    assert counts == {"webhooks: callbacks.Webhook": 1, "messages: callbacks.ForwardCall": 1}
    assert there("callbacks_webhook")[0] == there("callbacks_forwardcall")[0] == 1


def test_an_unread_webhook_keeps_its_month(provider: Provider, settings: Any) -> None:
    settings.WEBHOOK_RETENTION_DAYS = 30
    at = timezone.now() - timedelta(days=120)
    bad = webhook(provider, received_at=at, state=Webhook.State.QUARANTINED)
    webhook(provider, received_at=at, state=Webhook.State.DONE)
    begin(100)
    retention()
    assert list(Webhook.objects.all()) == [bad]


def broadcast(provider: Provider, days: int) -> Broadcast:
    """One that ended so many days ago, with a recipient in the control group."""
    at = timezone.now() - timedelta(days=days)
    made = Broadcast.objects.create(
        provider=provider, name="sale", state="done", finished_at=at, recipients=1, control=1
    )
    recipient(made, at)
    return made


def recipient(made: Broadcast, at: Any) -> Recipient:
    return Recipient.objects.create(
        broadcast=made, phone="919812345678", state=Recipient.State.CONTROL,
        since=at, due_at=at, planned_at=at, decided_at=at,
    )  # fmt: skip


def recipients() -> set[int]:
    return set(Recipient.objects.values_list("broadcast", flat=True))


def of_broadcasts() -> list[Any]:
    check = "the counts of every broadcast agree with its recipients"
    return [each for each in audit.run() if each.problems and each.check == check]


def test_recipients_lie_in_the_month_of_their_broadcast_and_go_with_it(provider: Provider) -> None:
    broadcast(provider, 120)
    begin(100)
    kept = broadcast(provider, 60)
    assert parts.ROOM_OF_BROADCASTS <= kept.pk < 2 * parts.ROOM_OF_BROADCASTS
    assert part_of(kept.rows.get()) == 1
    begin(30)
    assert retention().counts == {"messages: broadcasts.Recipient": 1}
    assert there("broadcasts_recipient")[0] == 1
    assert recipients() == {kept.pk}
    assert of_broadcasts() == []
    Recipient.objects.all().delete()
    assert len(of_broadcasts()) == 1


def test_recipients_wait_for_their_month(provider: Provider) -> None:
    made, younger = broadcast(provider, 120), broadcast(provider, 85)
    begin(80)
    assert retention().counts == {}
    assert recipients() == {made.pk, younger.pk}


def test_a_broadcast_that_still_runs_keeps_its_recipients_alone(provider: Provider) -> None:
    broadcast(provider, 120)
    running = broadcast(provider, 120)
    Broadcast.objects.filter(pk=running.pk).update(state="running", finished_at=None)
    begin(100)
    assert retention().counts == {"messages: broadcasts.Recipient": 1}
    assert recipients() == {running.pk}
    assert there("broadcasts_recipient")[0] == 0


def test_a_draft_may_be_launched_when_its_month_is_gone(provider: Provider) -> None:
    broadcast(provider, 120)
    draft = Broadcast.objects.create(provider=provider, name="later")
    begin(100)
    begin(70)
    assert retention().counts == {"messages: broadcasts.Recipient": 1}
    assert retention().counts == {}
    row = recipient(draft, timezone.now())
    assert part_of(row) == 0
    row.delete()
    draft.delete()
    retention()
    assert there("broadcasts_recipient")[0] > 0


def test_a_broadcast_that_begins_just_now_keeps_its_month(provider: Provider) -> None:
    broadcast(provider, 120)
    draft = Broadcast.objects.create(provider=provider, name="later")
    begin(100)

    @contextmanager
    def begun(*tables: str) -> Iterator[None]:
        recipient(draft, timezone.now())
        with alone(*tables):
            yield

    alone = parts.alone
    with patch.object(parts, "alone", begun):
        retention()
    assert recipients() == {draft.pk}  # the other one went row by row
    assert there("broadcasts_recipient")[0] == 0


def test_a_hold_keeps_the_month_of_recipients(provider: Provider) -> None:
    made = broadcast(provider, 120)
    Hold.objects.create(number="919812345678", reason="a claim")
    begin(100)
    retention()
    assert recipients() == {made.pk}
    Hold.objects.all().delete()
    retention()
    assert recipients() == set()


def test_recipients_of_a_provider_that_keeps_them_longer_keep_the_month(provider: Provider) -> None:
    other = make_provider()
    broadcast(provider, 120)
    theirs = broadcast(other, 120)
    RetentionSetting.objects.create(provider=other, messages=0)
    begin(100)
    retention()
    assert recipients() == {theirs.pk}


def test_the_trail_goes_by_the_month(provider: Provider, settings: Any) -> None:
    settings.TRAIL_RETENTION_DAYS = 90
    Entry.objects.create(at=timezone.now() - timedelta(days=120), what=Entry.What.LOOKED)
    begin(100)
    retention()
    assert not Entry.objects.filter(at__lt=timezone.now() - timedelta(days=99)).exists()
    assert there("accounts_entry")[0] == 1


def somebody() -> Contact:
    now = timezone.now()
    return Contact.objects.create(identity="mira", created_at=now, updated_at=now)


def test_what_contacts_did_goes_by_the_month(provider: Provider, settings: Any) -> None:
    settings.CONTACT_EVENT_RETENTION_DAYS = 90
    contact = somebody()
    for name in ("was here", "was here once more"):
        event = contact.events.create(
            name=name, at=timezone.now() - timedelta(days=120), digest=name, properties={}
        )
        contact.dates.create(event=event, name="day", at=event.at, whole_day=True)
    begin(100)
    assert events.forget(timezone.now(), 90) == 0
    assert retention().counts == {"contact events: audience.ContactEvent": 2}
    assert not contact.dates.exists()
    assert there("audience_contactevent")[0] == 1


def test_a_late_event_keeps_its_month(provider: Provider, settings: Any) -> None:
    settings.CONTACT_EVENT_RETENTION_DAYS = 90
    contact = somebody()
    contact.events.create(name="was here", at=timezone.now() - timedelta(days=10), digest="d", properties={})
    begin(100)
    retention()
    assert contact.events.count() == 1


def test_a_busy_table_keeps_its_month_for_another_run(provider: Provider, monkeypatch: Any) -> None:
    def busy(*_: Any, **__: Any) -> None:
        raise OperationalError("canceling statement due to lock timeout")

    old(provider, 120)
    begin(91)
    monkeypatch.setattr(retention_months, "PAUSE", 0)
    with monkeypatch.context() as patched:
        patched.setattr(parts, "drop", busy)
        retention()
        assert Message.objects.count() == 1
    retention()
    assert not Message.objects.exists()


def test_audit_says_which_day_it_proves_from(provider: Provider) -> None:
    old(provider, 120)
    begin(100)
    retention()
    day = (timezone.now() - timedelta(days=119)).astimezone(UTC)
    named = f"first day that messages of provider {provider.pk} prove, as YYYYMMDD"
    assert audit.totals()[named] == int(f"{day:%Y%m%d}")
