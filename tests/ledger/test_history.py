"""What the ledger makes of attempts and reports in a given order."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from callbacks import audit
from campaigns import tasks as campaigns_tasks
from campaigns.counting import deltas, points
from campaigns.counting.keys import Key, minute
from campaigns.ledger import claims, ledger, matching
from campaigns.ledger.entries import Tried
from campaigns.models import Attempt, Event, Forward, Message, Span, StatCount, StatPoint, Status
from lib import sql
from providers.messages import Outcome, ReportCode, StatusUpdate
from providers.models import Provider
from stats.query import breakdowns, count_sql, details, filters
from tests.factories import MessageFactory, make_provider

Kind = Event.Kind
Metric = StatCount.Metric


@pytest.fixture(autouse=True)
def _audited(db: None) -> Iterator[None]:
    """Whatever a test does to its messages, every figure must agree with the rows."""
    yield
    assert [finding for finding in audit.run() if finding.problems] == []


@pytest.fixture
def row(provider: Provider) -> Message:
    row: Message = MessageFactory(provider=provider)
    deltas.add(Counter({counted_as(row, Metric.ACCEPTED): 1}))
    return row


def counted_as(row: Message, metric: StatCount.Metric) -> Key:
    at = minute(row.accepted_at)
    return Key(row.provider_id, at, row.campaign, row.variant, row.template, metric)


def again(row: Message) -> Message:
    row.refresh_from_db()
    return row


def sent(row: Message, outcome: Outcome = Outcome.ACCEPTED, **values: Any) -> None:
    """One attempt from the claim to its outcome."""
    started(row)
    answered(row, outcome, **values)


def started(row: Message) -> None:
    Message.objects.filter(status=Status.QUEUED).update(next_attempt_at=timezone.now())
    assert [claimed.id for claimed in claims.claim(row.provider_id, 1, timezone.now())] == [row.pk]
    again(row)


def answered(row: Message, outcome: Outcome, number: int = 0, **values: Any) -> None:
    now = timezone.now()
    if outcome in (Outcome.RETRY, Outcome.THROTTLED):
        values.setdefault("retry_at", now)
    ledger.record_attempts(row.provider_id, [Tried(row.pk, number or row.attempt, now, outcome, **values)])
    again(row)


def reported(row: Message, *kinds: str, number: int = 1, **values: Any) -> list[str]:
    """Reports that carry the reference of an attempt, all in one webhook."""
    reference = matching.reference(row.pk, number)
    outcomes = ledger.record(
        row.provider_id, [StatusUpdate(kind, reference=reference, **values) for kind in kinds]
    )  # type: ignore[arg-type]
    again(row)
    return outcomes


def pending() -> list[str]:
    """What CleverTap is owed, oldest first."""
    events = Event.objects.filter(forward=Forward.PENDING).order_by("id")
    return [Kind(kind).name.lower() for kind in events.values_list("kind", flat=True)]


def count(metric: StatCount.Metric) -> int:
    return sum(StatCount.objects.filter(metric=metric).values_list("count", flat=True))


# A status only rises


def test_the_usual_story(row: Message) -> None:
    sent(row, bsp_id="bsp-1")
    assert (row.status, row.bsp_id) == (Status.ACCEPTED, "bsp-1")
    for kind, status in [("sent", Status.SENT), ("delivered", Status.DELIVERED), ("read", Status.READ)]:
        assert reported(row, kind) == ["recorded"]
        assert row.status == status
    assert pending() == ["sent", "delivered", "read"]


def test_reports_in_any_order_end_at_the_highest(row: Message) -> None:
    sent(row)
    assert reported(row, "read", "sent", "delivered") == ["recorded"] * 3
    assert row.status == Status.READ


def test_late_reports_lower_nothing_but_are_kept_and_forwarded(row: Message) -> None:
    sent(row)
    reported(row, "read")
    assert reported(row, "delivered") == ["recorded"]
    assert row.status == Status.READ
    assert pending() == ["read", "delivered"]


def test_repeated_reports_change_nothing(row: Message) -> None:
    sent(row)
    assert reported(row, "delivered", "delivered") == ["recorded", "repeated"]
    assert reported(row, "delivered") == ["repeated"]
    assert (pending(), count(Metric.DELIVERED)) == (["delivered"], 1)


def test_a_delivery_after_a_failure_is_believed(row: Message) -> None:
    sent(row)
    reported(row, "failed", code=ReportCode.UNAVAILABLE, text="no network")
    reported(row, "delivered")
    assert (row.status, row.error_code, row.error_text) == (Status.DELIVERED, None, "")
    assert pending() == ["failed", "delivered"]


def test_a_failure_after_a_delivery_is_kept_here_alone(row: Message) -> None:
    sent(row)
    reported(row, "delivered")
    assert reported(row, "failed", code=ReportCode.OTHER) == ["recorded"]
    assert (row.status, pending()) == (Status.DELIVERED, ["delivered"])


def test_of_both_in_one_webhook_the_delivery_counts(row: Message) -> None:
    sent(row)
    reported(row, "failed", "delivered")
    assert (row.status, pending()) == (Status.DELIVERED, ["delivered"])


def test_clicks_are_kept_apart_by_their_time_and_url(row: Message) -> None:
    sent(row)
    url = "https://shop.example.test"
    assert reported(row, "clicked", timestamp=1767600000, url=url) == ["recorded"]
    assert reported(row, "clicked", timestamp=1767600000, url=url) == ["repeated"]
    assert reported(row, "clicked", timestamp=1767600001, url=url) == ["recorded"]
    assert reported(row, "clicked", timestamp=1767600001, url=url + "/2") == ["recorded"]
    assert (count(Metric.CLICKED), count(Metric.CLICKED_UNIQUE)) == (3, 1)
    assert row.status == Status.ACCEPTED, "a click is beside the statuses"


# Reports that overtake the answer


@pytest.mark.parametrize("kind", ["sent", "delivered", "read"])
@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_report_before_the_answer_stands(row: Message, kind: str, outcome: Outcome) -> None:
    started(row)
    reported(row, kind)
    before = row.status
    answered(row, outcome, text="HTTP 503", bsp_code="503", code=None)
    if (kind, outcome) != ("sent", Outcome.REJECTED):
        assert (row.status, row.error_text, row.bsp_code) == (before, "", "")


def test_a_failure_before_the_answer_keeps_its_reason(row: Message) -> None:
    started(row)
    reported(row, "failed", code=ReportCode.PHONE, bsp_code="131026", text="Not on WhatsApp")
    answered(row, Outcome.ACCEPTED, bsp_id="bsp-1")
    assert (row.status, row.error_code, row.bsp_code) == (Status.FAILED, 1002, "131026")
    assert (row.error_text, row.bsp_id) == ("Not on WhatsApp", "bsp-1")


def test_a_report_reads_its_own_message_and_no_other(row: Message) -> None:
    sent(row)
    with CaptureQueriesContext(connection) as asked:
        reported(row, "delivered")
    reads = [each["sql"] for each in asked if 'FROM "campaigns_message"' in each["sql"]]
    assert len(reads) >= 2
    assert [sql for sql in reads if "WHERE" not in sql] == []


def test_a_report_settles_what_was_unknown(row: Message) -> None:
    sent(row, Outcome.UNKNOWN, text="no answer")
    reported(row, "sent")
    assert (row.status, row.error_text) == (Status.SENT, "")


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.ACCEPTED, Status.ACCEPTED),
        (Outcome.REJECTED, Status.FAILED),
        (Outcome.RETRY, Status.QUEUED),
        (Outcome.THROTTLED, Status.QUEUED),
        (Outcome.UNKNOWN, Status.UNKNOWN),
    ],
)
def test_a_late_answer_settles_a_lost_claim(row: Message, outcome: Outcome, status: Status) -> None:
    """What did not leave is sent again after all."""
    started(row)
    claims.recover(row.provider_id, timezone.now())
    assert again(row).status == Status.UNKNOWN
    answered(row, outcome)
    assert row.status == status
    assert outcome != Outcome.ACCEPTED or row.error_text == ""


# Attempts after attempts


def test_each_attempt_is_kept(row: Message) -> None:
    sent(row, Outcome.RETRY, text="HTTP 503")
    sent(row, Outcome.THROTTLED, text="HTTP 429")
    sent(row, Outcome.REJECTED, code=ReportCode.TEMPLATE, text="unknown template")
    assert list(Attempt.objects.order_by("number").values_list("number", "outcome")) == [
        (1, "retry"), (2, "throttled"), (3, "rejected"),
    ]  # fmt: skip
    assert (row.status, row.error_code, pending()) == (Status.FAILED, 1001, ["failed"])


def test_a_report_on_an_attempt_we_took_for_failed_stops_the_retry(row: Message) -> None:
    """The BSP answered 503 and sent the message all the same."""
    sent(row, Outcome.RETRY, text="HTTP 503")
    reported(row, "sent", number=1)
    assert row.status == Status.SENT
    assert claims.claim(row.provider_id, 1, timezone.now()) == []


def test_a_failure_of_an_attempt_that_is_tried_again_is_not_reported_yet(row: Message) -> None:
    sent(row, Outcome.RETRY)
    reported(row, "failed", number=1, code=ReportCode.OTHER)
    assert (row.status, pending()) == (Status.QUEUED, [])
    sent(row)
    reported(row, "failed", number=2, code=ReportCode.OTHER)
    assert (row.status, pending()) == (Status.FAILED, ["failed"])


# Sent again by an operator


def failed_once(row: Message) -> Message:
    sent(row)
    reported(row, "sent", "failed", code=ReportCode.UNAVAILABLE)
    assert row.status == Status.FAILED
    return row


def test_a_resend_is_a_clean_start(row: Message) -> None:
    failed_once(row)
    assert ledger.resend([row.pk]) == 1
    assert (again(row).status, row.error_code, row.bsp_id) == (Status.QUEUED, None, "")


@pytest.mark.parametrize("kind", ["sent", "failed"])
def test_a_late_report_on_the_first_attempt_does_not_cancel_the_second(row: Message, kind: str) -> None:
    """BSPs repeat webhooks; the operator's resend must outlive that."""
    failed_once(row)
    ledger.resend([row.pk])
    assert reported(row, kind, number=1) == ["repeated"]
    assert row.status == Status.QUEUED
    sent(row)
    assert reported(row, kind, number=1) == ["repeated"]
    assert (row.status, row.attempt) == (Status.ACCEPTED, 2)


def test_nor_does_one_that_is_new(row: Message) -> None:
    """Out of order: that the first attempt was sent is told after that it failed."""
    sent(row)
    reported(row, "failed", code=ReportCode.UNAVAILABLE)
    ledger.resend([row.pk])
    assert reported(row, "sent", number=1) == ["recorded"]
    assert row.status == Status.QUEUED


def test_the_second_attempt_is_reported_on_by_itself(row: Message) -> None:
    failed_once(row)
    ledger.resend([row.pk])
    sent(row)
    reported(row, "sent", number=2)
    assert row.status == Status.SENT
    reported(row, "delivered", number=2)
    assert row.status == Status.DELIVERED
    assert pending() == ["sent", "failed", "delivered"], "each status once"


def test_a_second_failure_is_not_reported_twice(row: Message) -> None:
    failed_once(row)
    ledger.resend([row.pk])
    sent(row)
    assert reported(row, "failed", number=2, code=ReportCode.UNAVAILABLE) == ["recorded"]
    assert (row.status, pending()) == (Status.FAILED, ["sent", "failed"])


def test_a_first_failure_that_was_kept_back_does_not_silence_the_second(row: Message) -> None:
    """Unknown, sent again, and only then the first attempt's failure comes in."""
    sent(row, Outcome.UNKNOWN)
    ledger.resend([row.pk])
    sent(row)
    reported(row, "failed", number=1, code=ReportCode.OTHER)
    assert (row.status, pending()) == (Status.ACCEPTED, [])
    reported(row, "failed", number=2, code=ReportCode.PHONE)
    assert (row.status, row.error_code, pending()) == (Status.FAILED, 1002, ["failed"])


def test_an_unknown_message_that_turns_out_to_be_sent_is_not_sent_again(row: Message) -> None:
    sent(row, Outcome.UNKNOWN)
    ledger.resend([row.pk])
    reported(row, "sent", number=1)
    assert row.status == Status.SENT
    assert claims.claim(row.provider_id, 1, timezone.now()) == []


def test_what_the_first_attempt_delivered_is_delivered(row: Message) -> None:
    failed_once(row)
    ledger.resend([row.pk])
    sent(row)
    reported(row, "delivered", number=1)
    assert row.status == Status.DELIVERED


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.REJECTED, Outcome.RETRY])
def test_a_late_answer_does_not_cancel_a_resend(row: Message, outcome: Outcome) -> None:
    started(row)
    claims.recover(row.provider_id, timezone.now())
    ledger.resend([row.pk])
    answered(again(row), outcome, code=ReportCode.OTHER)
    assert row.status == Status.QUEUED


def test_a_late_success_does(row: Message) -> None:
    started(row)
    claims.recover(row.provider_id, timezone.now())
    ledger.resend([row.pk])
    answered(again(row), Outcome.ACCEPTED)
    assert row.status == Status.ACCEPTED


def test_an_expired_resend_fails_again(row: Message) -> None:
    failed_once(row)
    ledger.resend([row.pk])
    assert ledger.fail_expired(row.provider_id, timezone.now() + timedelta(days=2), timedelta(days=1)) == 1
    assert (again(row).status, pending()) == (Status.FAILED, ["sent", "failed"])


def test_each_attempt_that_expires_is_counted(row: Message) -> None:
    late = timezone.now() + timedelta(days=2)
    for outcome in (Outcome.RETRY, Outcome.THROTTLED):
        sent(row, outcome)
        assert ledger.fail_expired(row.provider_id, late, timedelta(days=1)) == 1
        ledger.resend([row.pk])
    assert (count(Metric.NOT_SENT), pending()) == (2, ["failed"])


# Whose report it is


def test_a_report_that_names_two_messages_is_about_neither(provider: Provider, row: Message) -> None:
    sent(row, bsp_id="bsp-1")
    other = MessageFactory(provider=provider, bsp_id="bsp-2", status=Status.SENDING, untracked=True)
    update = StatusUpdate("delivered", reference=matching.reference(row.pk, 1), bsp_id="bsp-2")
    assert ledger.record(provider.pk, [update]) == ["unmatched"]
    assert (again(row).status, again(other).status) == (Status.ACCEPTED, Status.SENDING)


@pytest.mark.parametrize("named", [{"bsp_id": "bsp-1"}, {"msg_id": True}, {"reference": True}])
def test_every_id_leads_to_the_message(row: Message, named: dict[str, Any]) -> None:
    sent(row, bsp_id="bsp-1")
    named = {key: row.msg_id if value is True else value for key, value in named.items()}
    assert ledger.record(row.provider_id, [StatusUpdate("delivered", **named)]) == ["recorded"]
    assert again(row).status == Status.DELIVERED


def test_the_bsps_id_is_learnt_from_a_report(row: Message) -> None:
    sent(row)
    reported(row, "sent", bsp_id="bsp-7")
    assert row.bsp_id == "bsp-7"
    assert ledger.record(row.provider_id, [StatusUpdate("read", bsp_id="bsp-7")]) == ["recorded"]


@pytest.mark.parametrize(
    "named",
    [
        {},
        {"reference": "wp-999999-1"},
        {"reference": "wp-999999999999999999-1"},
        {"bsp_id": "?"},
        {"msg_id": "?"},
    ],
)
def test_an_unknown_id_matches_nothing(row: Message, named: dict[str, Any]) -> None:
    sent(row, bsp_id="")
    assert ledger.record(row.provider_id, [StatusUpdate("delivered", **named)]) == ["unmatched"]


def test_another_providers_report_is_not_applied(row: Message) -> None:
    sent(row, bsp_id="bsp-1")
    neighbour = make_provider(connector_slug=row.provider.connector_slug)
    stranger = make_provider(connector_slug="twilio", credentials={"account_sid": "AC1", "auth_token": "t"})
    for provider, named in (
        (stranger, {"reference": matching.reference(row.pk, 1)}),
        (neighbour, {"bsp_id": "bsp-1"}),
        (neighbour, {"msg_id": row.msg_id}),
    ):
        assert ledger.record(provider.pk, [StatusUpdate("delivered", **named)]) == ["unmatched"]
    assert again(row).status == Status.ACCEPTED


def test_one_id_to_two_people_is_told_apart_by_the_number(provider: Provider, row: Message) -> None:
    sent(row)
    twin = MessageFactory(provider=provider, msg_id=row.msg_id, to="15559999999")
    deltas.add(Counter({counted_as(twin, Metric.ACCEPTED): 1}))
    sent(twin)
    by_id = StatusUpdate("delivered", msg_id=row.msg_id)
    assert ledger.record(provider.pk, [by_id]) == ["unmatched"], "it could be either"
    to_one = StatusUpdate("delivered", msg_id=row.msg_id, to=twin.to)
    assert ledger.record(provider.pk, [to_one]) == ["recorded"]
    assert (again(row).status, again(twin).status) == (Status.ACCEPTED, Status.DELIVERED)


def test_a_message_without_an_id_of_clevertaps_is_never_counted_nor_forwarded(provider: Provider) -> None:
    row = MessageFactory(provider=provider, msg_id="0|0|0|0", untracked=True)
    sent(row)
    reported(row, "sent", "delivered", "read", "clicked")
    assert row.status == Status.READ
    assert (pending(), StatCount.objects.count()) == ([], 0)


def test_one_can_be_found_by_our_reference_only(provider: Provider) -> None:
    row = MessageFactory(provider=provider, msg_id="0|0|0|0", untracked=True)
    sent(row)
    assert ledger.record(provider.pk, [StatusUpdate("read", msg_id="0|0|0|0")]) == ["unmatched"]


# Times and counts


def test_a_report_keeps_the_bsps_time(row: Message) -> None:
    sent(row)
    reported(row, "sent", timestamp=1767600000)
    assert Event.objects.get().at.timestamp() == 1767600000


def test_a_time_far_in_the_future_is_taken_for_now(row: Message) -> None:
    sent(row)
    reported(row, "sent", timestamp=int(timezone.now().timestamp()) + 10 * 86400)
    assert abs((Event.objects.get().at - timezone.now()).total_seconds()) < 3600


def test_a_missing_time_is_now(row: Message) -> None:
    sent(row)
    reported(row, "sent")
    assert abs((Event.objects.get().at - timezone.now()).total_seconds()) < 3600


def test_sent_reports_may_stay_here(row: Message) -> None:
    sent(row)
    ledger.record(row.provider_id, [StatusUpdate("sent", msg_id=row.msg_id)], forward_sent=False)
    assert (again(row).status, pending()) == (Status.SENT, [])


def shown() -> tuple[Any, ...]:
    """Everything that stats can tell, each part from points and what is not folded yet."""
    everything = filters.parse({"range": "all"}, timezone.now())
    by = ("provider_id", "campaign", "variant", "template")
    return (
        breakdowns.totals(everything),
        sorted(count_sql.figures(everything, by, bucket="at", spans=(Span.QUARTER,))),
        details.errors(everything),
        details.urls(everything),
        details.times(everything),
    )


def quarters(rows: list[Any]) -> Any:
    """Sums by the quarter of an hour: a delta has a minute of its own until it is folded."""
    found: Counter[Any] = Counter()
    for *about, at, accepted in ((*row[:4], row[4], row[5:]) for row in rows):
        found[(*about, points.begin(sql.datetimes(at), Span.QUARTER))] += sum(accepted)
    return found


def test_folding_keeps_everything_that_is_shown(row: Message) -> None:
    sent(row)
    reported(row, "sent", "delivered", "read", timestamp=1767600000)
    for second in range(30):
        reported(row, "clicked", timestamp=1767600000 + second)
    before = shown()
    assert before[0].clicked_total == 30
    assert deltas.squash() > 30
    after = shown()
    assert (before[0], *before[2:]) == (after[0], *after[2:])
    assert quarters(before[1]) == quarters(after[1])
    assert not StatCount.objects.exists()
    assert deltas.squash() == 0, "nothing is left to fold"


def test_the_audit_compares_failures_in_points_with_their_codes(row: Message) -> None:
    sent(row, Outcome.REJECTED, code=ReportCode.PHONE)
    deltas.squash()
    with transaction.atomic():
        StatPoint.objects.update(not_sent=0)
        assert audit.CHECKS["the counts of longer spans are the sums of shorter spans"]() != []
        transaction.set_rollback(True)


def test_folding_goes_in_steps(row: Message) -> None:
    sent(row)
    for second in range(30):
        reported(row, "clicked", timestamp=1767600000 + second)
    before = shown()
    while deltas.squash(limit=5):
        assert shown()[0] == before[0]
    assert audit.CHECKS["the counts agree with the rows"]() == []
    assert audit.CHECKS["the counts of longer spans are the sums of shorter spans"]() == []


def test_a_squash_that_dies_folds_nothing(row: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    sent(row)
    reported(row, "sent", "clicked")
    before = StatCount.objects.count()
    monkeypatch.setattr(points, "_add_details", lambda details: 1 / 0)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        deltas.squash()
    assert (StatCount.objects.count(), StatPoint.objects.count()) == (before, 0)


def test_many_pages_of_one_campaign_are_counted_together(
    row: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links with something personal in their path would else make a row for every person."""
    monkeypatch.setattr(points, "MOST_URLS", 3)
    for number in range(6):
        update = StatusUpdate("clicked", 1767600000, msg_id=row.msg_id, url=f"https://s.example/{number}?a=1")
        ledger.record(row.provider_id, [update])
        deltas.squash()
    found = details.urls(filters.parse({}, timezone.now()))
    assert [(each.url, each.total, each.unique) for each in found] == [
        (points.OTHER_URLS, 3, 3),
        *((f"https://s.example/{number}", 1, 1) for number in range(3)),
    ]


@pytest.fixture
def noon() -> Iterator[None]:
    """Minutes are forgotten within one day, whatever time it is: the audit looks at whole days."""
    with time_machine.travel(timezone.now().replace(hour=12)):
        yield


@pytest.mark.usefixtures("noon")
def test_old_minutes_are_forgotten_and_no_figure_changes(row: Message) -> None:
    """At noon: late in the evening the two hours would lead into a day whose minutes are audited."""
    noon = timezone.now().replace(hour=12)
    with time_machine.travel(noon):
        sent(row)
        for kind, hours in (("delivered", 1), ("read", -1)):
            at = noon - points.MINUTES_KEPT + timedelta(hours=hours)
            reported(row, kind, timestamp=int(at.timestamp()))
        deltas.squash()
        before = shown()[0]
    with time_machine.travel(noon + timedelta(hours=2)):
        assert points.forget_minutes() > 0
        assert points.forget_minutes() == 0
        assert shown()[0] == before
        minutes = StatPoint.objects.filter(span=Span.MINUTE)
        assert not minutes.filter(at__lt=timezone.now() - points.MINUTES_KEPT).exists()
        assert minutes.exists(), "of the attempt"


def test_counts_that_nobody_folds_are_noticed(row: Message) -> None:
    """Every figure stays right; but a page reads each delta there is."""
    while deltas.squash():
        pass
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        assert deltas.behind() is None, "nothing is waiting"
        sent(row)
        assert deltas.behind() == pytest.approx(timedelta(days=1), abs=timedelta(minutes=1))
        campaigns_tasks.upkeep()
        assert deltas.behind() is None


def test_a_clock_that_was_never_set_is_not_believed(row: Message) -> None:
    """Or all time would begin in 1970."""
    sent(row)
    now = int(timezone.now().timestamp())
    for kind, timestamp in (("sent", 0), ("delivered", 86_400), ("read", now + 90_000), ("clicked", 10**18)):
        reported(row, kind, timestamp=timestamp)
    for event in Event.objects.filter(message=row):
        assert abs(event.at.timestamp() - now) < 3600
    reported(row, "clicked", timestamp=now + 3600)  # an hour ahead of ours: it may not know its zone
    assert Event.objects.latest("id").at.timestamp() == now + 3600


def test_read_is_not_delivered_and_delivered_not_sent(row: Message) -> None:
    """Figures are what was reported, as CleverTap's are; only the status tells the highest."""
    sent(row)
    reported(row, "read")
    found = breakdowns.totals(filters.parse({}, timezone.now()))
    assert (found.sent, found.delivered, found.viewed) == (0, 0, 1)
    assert again(row).status == Status.READ


def test_opposite_changes_leave_no_row(row: Message) -> None:
    key = counted_as(row, Metric.CLICKED)
    deltas.add(Counter({key: 1}))
    deltas.add(Counter({key: -1}))
    deltas.squash()
    assert not StatPoint.objects.filter(clicked_total__gt=0).exists()
    assert not StatCount.objects.filter(metric=Metric.CLICKED).exists()
