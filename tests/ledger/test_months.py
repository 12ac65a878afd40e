"""Tables in parts on PostgreSQL: made ahead, begun with the months, and what no constraint says there."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from django.db.models import F, Max

from callbacks import audit
from callbacks.models import Webhook
from callbacks.webhooks import recording
from callbacks.webhooks.deliveries import Read
from callbacks.webhooks.routing import Directory
from campaigns.ledger import matching, months, once
from campaigns.ledger.entries import Told
from campaigns.models import Attempt, Event, Message, Month, Once
from lib.postgres import parts
from providers.messages import StatusUpdate
from providers.models import Provider
from stats.query import messages_behind
from stats.query.filters import parse
from tests.admin.conftest import inbound, webhook
from tests.factories import make_provider
from tests.months import ids_kept, part_of
from tests.stats.conftest import accepted, reported, submitted

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="on SQLite a table is one table"),
]
MAY, JUNE, JULY = (datetime(2026, month, 1, 0, 1, tzinfo=UTC) for month in (5, 6, 7))


@pytest.fixture
def provider() -> Provider:
    return make_provider()


@pytest.fixture(autouse=True)
def _ids(db: None) -> Iterator[None]:
    with ids_kept():
        yield


def test_a_new_month_begins_a_part_of_every_table(provider: Provider) -> None:
    months.turn(MAY)
    before = accepted(provider, MAY)
    months.turn(JUNE)
    after = accepted(provider, JUNE)
    assert (part_of(before), part_of(after)) == (0, 1)
    assert part_of(webhook(provider)) == part_of(inbound(provider)) == 1


def test_what_is_a_message_s_lies_in_the_part_of_its_message(provider: Provider) -> None:
    months.turn(MAY)
    message = accepted(provider, MAY)
    months.turn(JUNE)
    submitted(message, JUNE)
    reported(message, "delivered", "read")
    rows = [*Attempt.objects.all(), *Event.objects.all()]
    assert len(rows) == 3
    assert {part_of(row) for row in rows} == {0}


def test_a_month_is_begun_once(provider: Provider) -> None:
    months.turn(MAY)
    for day in range(3):
        months.turn(JUNE + timedelta(days=day))
    first = accepted(provider, JUNE)
    parts.move(1)
    assert accepted(provider, JUNE).pk > first.pk
    assert list(Month.objects.values_list("number", "began_at")) == [(0, MAY), (1, JUNE)]


def test_a_killed_worker_s_month_is_begun_by_another(provider: Provider) -> None:
    months.turn(MAY)
    with patch.object(parts, "move", side_effect=OperationalError), pytest.raises(OperationalError):
        months.turn(JUNE)
    assert Month.objects.get(number=1).moved_at is None
    months.turn(JUNE + timedelta(minutes=1))
    assert part_of(accepted(provider, JUNE)) == 1
    assert Month.objects.get(number=1).moved_at is not None


def test_parts_are_made_ahead() -> None:
    months.turn(MAY)
    assert {tuple(parts.numbers(table)) for table in parts.BY} == {(0, 1)}
    for minute in range(2):
        months.turn(JUNE + timedelta(minutes=minute))
    assert {tuple(parts.numbers(table)) for table in parts.BY} == {(0, 1, 2)}


def test_a_missing_part_is_no_error(provider: Provider) -> None:
    months.turn(MAY)
    parts.move(7)
    message = accepted(provider, MAY)
    submitted(message)
    assert Message.objects.get() == message
    assert parts.has_rows("campaigns_message_rest")
    assert not parts.make("campaigns_message", 8)


def test_a_month_without_its_parts_does_not_begin(provider: Provider) -> None:
    with patch.object(parts, "make"):
        months.turn(MAY)
        months.turn(JUNE)
    assert part_of(accepted(provider, JUNE)) == 0
    months.turn(JUNE)
    assert part_of(accepted(provider, JUNE)) == 1


def test_a_time_bounds_ids(provider: Provider) -> None:
    for at in (MAY, JUNE, JULY):
        months.turn(at)
        Month.objects.update_or_create(began_at=at, defaults={"moved_at": at + timedelta(seconds=1)})
    hour = timedelta(hours=2)
    assert months.since(MAY - hour) == months.FIRST
    assert months.since(JUNE) == months.FIRST  # the clock of whoever wrote it may be behind
    assert months.since(JUNE + hour) == parts.ROOM
    assert months.until(JUNE - hour) == parts.ROOM - 1
    assert months.until(JUNE) == 2 * parts.ROOM - 1
    assert months.until(JULY + hour) == months.LAST


def test_a_repeated_message_is_known_across_months(provider: Provider) -> None:
    months.turn(MAY)
    accepted(provider, MAY, msg_id="a|b", to="919812345678")
    months.turn(JUNE)
    accepted(provider, JUNE, msg_id="a|b", to="919812345678")
    accepted(provider, JUNE, msg_id="a|b", to="919812345679")
    assert sorted(Message.objects.values_list("to", flat=True)) == ["919812345678", "919812345679"]


def test_a_repetition_within_a_commit_is_known() -> None:
    now, entry, other = datetime.now(UTC), ("a", "1"), ("a", "1")
    assert once.new([entry, entry, other], lambda each: each, now) == [entry]
    assert once.new([()], lambda each: each, now) == [()]


def test_hashes_are_forgotten_before_messages(provider: Provider) -> None:
    accepted(provider)
    Once.objects.update(at=JUNE)
    assert once.forget(JUNE + timedelta(days=9), 10) == 0
    assert once.forget(JUNE + timedelta(days=11), 0) == 0
    assert once.forget(JUNE + timedelta(days=11), 10) == 1
    assert Message.objects.count() == 1


def plan(rows: Any) -> str:
    return str(rows.explain())


def test_the_planner_reads_only_the_parts_of_the_ids_asked_for(provider: Provider) -> None:
    for at in (MAY, JUNE, JULY):
        months.turn(at)
    message = accepted(provider, JULY)
    for asked in (
        Message.objects.filter(pk=message.pk),
        Message.objects.filter(pk__in=[message.pk, message.pk + 1]),
        Attempt.objects.filter(message=message.pk),
        Event.objects.filter(message__in=[message.pk]),
    ):
        assert set(_read(plan(asked))) == {"m2"}


def _read(words: str) -> list[str]:
    return [word.rpartition("_")[2] for word in words.split() if "_m" in word and word[-1].isdigit()]


def test_settling_reads_only_the_parts_of_its_messages(provider: Provider) -> None:
    for at in (MAY, JUNE, JULY):
        months.turn(at)
    message = accepted(provider, JULY)
    statements: list[str] = []

    def kept(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE campaigns_message") or "FOR NO KEY UPDATE" in sql:
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {sql}", params)
                statements.append(" ".join(row[0] for row in cursor.fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(kept):
        submitted(message)
        reported(message, "delivered")
    assert len(statements) >= 3
    assert all(set(_read(each)) == {"m2"} for each in statements)


def test_a_report_on_an_old_message_finds_it_when_it_is_read_again(provider: Provider) -> None:
    for at in (MAY, JUNE):
        months.turn(at)
        if at == MAY:
            message = accepted(provider, MAY)
            submitted(message, bsp_id="of the BSP")
    Month.objects.update(moved_at=F("began_at"))
    update = StatusUpdate("delivered", bsp_id="of the BSP", msg_id=message.msg_id)
    assert matching.match([Told(provider.pk, update, older=False)]) == {}
    assert matching.match([Told(provider.pk, update)]) == {0: matching.Reference(message.pk)}
    row = webhook(provider, state=Webhook.State.READING)
    for attempts, outcome in ((0, "unmatched"), (1, "recorded")):
        row.attempts = attempts
        read = Read(row, items=[update])
        recording.take_in(Directory(), [read])
        assert read.found == {f"{outcome} delivered": 1}


def test_ids_never_go_back(provider: Provider) -> None:
    parts.move(1)
    first = accepted(provider)
    parts.move(0)
    assert accepted(provider).pk > first.pk
    assert Message.objects.aggregate(last=Max("pk"))["last"] > parts.ROOM


def found_by_audit() -> list[str]:
    return [each.check for each in audit.run() if each.problems]


def test_audit_finds_what_hangs_on_a_message_that_is_gone(provider: Provider) -> None:
    message = accepted(provider)
    submitted(message)
    assert found_by_audit() == []
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM campaigns_message")
    assert "every attempt, report and link has its message" in found_by_audit()


def test_audit_finds_a_message_that_was_taken_twice(provider: Provider) -> None:
    message = accepted(provider, datetime.now(UTC))
    assert found_by_audit() == []
    message.pk = None
    message._state.adding = True
    message.save()
    assert "no message is stored twice" in found_by_audit()


def test_what_is_behind_a_figure_is_read_in_its_months(provider: Provider) -> None:
    for at in (MAY, JUNE, JULY):
        months.turn(at)
        Month.objects.filter(began_at=at).update(moved_at=at)
        submitted(accepted(provider, at + timedelta(days=9)), at + timedelta(days=9))
    read: dict[str, set[str]] = {}

    def kept(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        for table in ("campaigns_message", "campaigns_attempt"):
            if sql.startswith("SELECT") and f'FROM "{table}"' in sql:
                with connection.connection.cursor() as cursor:
                    cursor.execute(f"EXPLAIN {sql}", params)
                    words = " ".join(row[0] for row in cursor.fetchall()).split()
                    read[table] = {
                        part for part in words if part.startswith(f"{table}_m") and part[-1].isdigit()
                    }
        return execute(sql, params, many, context)

    day = {"from": "2026-06-10T00:00", "to": "2026-06-11T00:00", "tz": "UTC"}
    with connection.execute_wrapper(kept):
        for figure in ("accepted", "submitted"):
            page = messages_behind.page(parse(day, JULY + timedelta(days=9)), figure)
            assert len(page.rows) == 1
    assert read["campaigns_message"] == {"campaigns_message_m1"}
    assert read["campaigns_attempt"] <= {"campaigns_attempt_m0", "campaigns_attempt_m1"}
