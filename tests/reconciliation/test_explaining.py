"""Explanations and what stays unexplained are the difference, always; and each cause is counted."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from callbacks.forwarding import forward
from campaigns.ledger import ledger
from campaigns.ledger.matching import reference
from campaigns.models import Campaign, Event, Forward, Message, Status
from providers.messages import Outcome, ReportCode, StatusUpdate
from providers.models import Provider
from stats.reconciliation import matching
from stats.reconciliation.causes import CAUSES, explain
from stats.reconciliation.columns import FIGURES
from stats.reconciliation.comparing import Row, Theirs, compare, with_causes
from stats.reconciliation.facts import Basis
from stats.reconciliation.hints import Source
from stats.reconciliation.matching import Asked
from stats.reconciliation.our_figures import Key, Ours
from stats.reconciliation.verdicts import verdict
from tests.factories import make_provider
from tests.stats.conftest import NOW, fold, freeform, refused, reported, submitted
from tests.stats.conftest import accepted as accepted_then

DAY = date(2026, 3, 17)
NOON = datetime(2026, 3, 17, 12, tzinfo=NOW.tzinfo)
UTC = ZoneInfo("UTC")

_names = st.sampled_from([cause.name for cause in CAUSES])
_counts = st.dictionaries(_names, st.integers(-3, 60), max_size=len(CAUSES))
_figures = st.one_of(st.none(), st.integers(0, 100))
_days = st.sampled_from([DAY, date(2026, 3, 18)])
_codes = st.sampled_from(["c1", "c2", "c3"])
_keys = st.builds(Key, _days, st.sampled_from([1, 2]), _codes)
_theirs = st.builds(
    Theirs, _days, _codes, st.sampled_from([None, 1, 2]), st.just(""), st.just(False), report=st.just(0),
    figures=st.fixed_dictionaries(dict.fromkeys(FIGURES, _figures)), internal=st.integers(0, 9),
)  # fmt: skip


@given(st.sampled_from(FIGURES), st.integers(-100, 100), _counts)
def test_explained_and_unexplained_are_the_difference(
    figure: str, difference: int, counts: Mapping[str, int]
) -> None:
    found, rest = explain(figure, difference, counts)
    assert sum(each.explains for each in found) + rest == difference
    for each in found:
        assert each.explains * difference > 0, "an explanation points the way of the difference"
        assert abs(each.explains) <= each.count == counts[each.cause.name]
        assert figure in each.cause.figures
    assert rest * difference >= 0


@given(
    st.lists(_theirs, max_size=6, unique_by=lambda line: (line.day, line.campaign, line.provider_id)),
    st.dictionaries(_keys, st.builds(Ours, *[st.integers(0, 30)] * 6), max_size=8),
    st.dictionaries(_keys, st.fixed_dictionaries(dict.fromkeys(FIGURES, _counts)), max_size=8),
    st.booleans(),
    st.sets(st.tuples(st.just(0), _days)),
)
def test_all_rows_add_up(
    theirs: list[Theirs],
    ours: dict[Key, Ours],
    counted: dict[Key, dict[str, dict[str, int]]],
    complete: bool,
    early: set[tuple[int, date]],
) -> None:
    """Nothing of ours is counted twice or lost, and the verdict is the sum of its rows."""
    days = {line.day for line in theirs}
    rows = compare(
        theirs,
        ours,
        named={},
        seen={"c1": [1, 2]},
        expected=lambda key: 0 if complete and key.day in days else None,
        early=early,
    )
    positive = {
        key: {figure: Counter(counts) for figure, counts in by.items()} for key, by in counted.items()
    }
    rows = with_causes(rows, positive)
    told = verdict(rows)
    about = {(line.day, line.campaign) for line in theirs}
    shown = [figures for key, figures in ours.items() if (complete and key.day in days) or key[::2] in about]
    for total in told.totals:
        cells = [cell for row in rows for cell in row.cells if cell.figure == total.figure]
        for cell in cells:
            explained = sum(each.explains for each in cell.explained)
            assert explained + cell.unexplained == cell.difference
        assert total.explained + total.unexplained + total.early == total.apart >= abs(total.difference)
        if complete:
            assert sum(cell.ours for cell in cells) == sum(figures.of(total.figure) for figures in shown)
    assert told.differences == sum(len(row.differing) for row in rows)
    assert told.explained + told.unexplained + told.early == told.differences <= told.compared
    assert min(told.explained, told.unexplained, told.early) >= 0
    assert told.early == sum(len(row.differing) for row in rows if (0, row.day) in early)


def accepted(provider: Provider, at: datetime, **values: Any) -> Message:
    """A message of that day's run."""
    return accepted_then(provider, at, **{"batch": f"{at:%Y%m%d}"} | values)


def line(campaign: str = "c1", day: date = DAY, **figures: int) -> Theirs:
    return Theirs(day, campaign, figures=dict.fromkeys(FIGURES) | figures)


def match(*lines: Theirs, exported: datetime = NOW + timedelta(days=1), **basis: Any) -> list[Row]:
    zone = basis.pop("zone", UTC)
    source = Source(Basis(zone, exported, **basis))
    return matching.match(lines, {0: source}, Asked()).rows


def why(row: Row, figure: str) -> dict[str, int]:
    cell = next(cell for cell in row.cells if cell.figure == figure)
    told = {each.cause.name: each.explains for each in cell.explained}
    return told | ({"unexplained": cell.unexplained} if cell.unexplained else {})


def forwarded(message: Message, state: int = Forward.DONE, at: datetime | None = None, **values: Any) -> None:
    Event.objects.filter(message=message).update(
        forward=state, forwarded_at=at or message.accepted_at + timedelta(minutes=1), **values
    )


def test_sides_that_agree(shop: Provider) -> None:
    for _ in range(3):
        message = accepted(shop, NOON)
        submitted(message)
        reported(message, "delivered", "read")
        forwarded(message)
    freeform(shop, NOON)
    accepted(shop, NOON, msg_id="0|0|0|0", untracked=True, campaign="")
    fold()
    result = matching.match(
        [line(sent=3, delivered=3, viewed=3, errors=0)], {0: Source(Basis(UTC, NOW))}, Asked()
    )
    assert result.verdict.words == "Agrees: all 4 figures are the same on both sides."
    assert (result.left.conversations, result.left.tests) == (1, 1)


def test_reports_that_cleverTap_did_not_get(shop: Provider) -> None:
    """Waiting, refused, and no longer retried are separate causes; a difference without a cause stays
    unexplained."""
    for state, error in (
        (Forward.PENDING, ""),
        (Forward.PARKED, "HTTP 400: unknown msgId"),
        (Forward.PARKED, "Waypost stopped retrying after 3 days."),
        (Forward.DONE, ""),
        (Forward.DONE, ""),
    ):
        message = accepted(shop, NOON)
        reported(message, "delivered")
        forwarded(message, state, forward_error=error)
    (row,) = match(line(sent=5, delivered=1))
    assert why(row, "delivered") == {
        "refused_report": 1, "given_up": 1, "waiting": 1, "unexplained": 1,
    }  # fmt: skip
    assert why(row, "sent") == {}


def test_callbacks_not_configured(db: None) -> None:
    silent = make_provider(nickname="Silent")
    for _ in range(4):
        message = accepted(silent, NOON)
        reported(message, "delivered", "read")
    Event.objects.filter(kind=Event.Kind.READ).update(
        forward=Forward.PARKED, forward_error=f"Waypost stopped retrying after {forward.GIVE_UP.days} days."
    )
    (row,) = match(line(sent=4, delivered=0, viewed=0, errors=0))
    assert why(row, "delivered") == why(row, "viewed") == {"no_url": 4}


def test_late_accepts_are_errors_at_cleverTap(shop: Provider) -> None:
    for answer in (3, 1400, 2000):
        message = accepted(shop, NOON, answer_ms=answer)
        reported(message, "delivered")
        forwarded(message)
    (row,) = match(line(sent=1, delivered=1, errors=2))
    assert why(row, "sent") == why(row, "delivered") == {"late": 2}
    assert why(row, "errors") == {"late_error": -2}


def test_what_came_after_the_export(shop: Provider) -> None:
    for hours in (1, 6, 9, 14):
        message = accepted(shop, NOON + timedelta(hours=hours - 6))
        reported(message, "delivered")
        forwarded(message)
    exported = NOON + timedelta(hours=2)
    (row,) = match(line(sent=1, delivered=1), exported=exported)
    assert why(row, "sent") == why(row, "delivered") == {"after": 2, "cached": 1}


def test_runs_of_another_day(shop: Provider) -> None:
    """By msgId's run date. Both days are explained, and the sum agrees."""
    late = NOON + timedelta(hours=12, minutes=30)  # the next day
    for _ in range(2):
        message = accepted(shop, late, batch="20260317")
        reported(message, "delivered")
        forwarded(message)
    message = accepted(shop, NOON, batch="20260317")
    reported(message, "delivered", after=86_400)
    forwarded(message)
    rows = match(line(sent=3, delivered=3), line(day=date(2026, 3, 18), sent=0, delivered=0))
    assert why(rows[0], "sent") == {"other_day": 2}
    assert why(rows[0], "delivered") == {"other_day": 3}
    assert why(rows[1], "sent") == {"from_other_day": -2}
    assert why(rows[1], "delivered") == {"from_other_day": -3}


def test_accepted_about_midnight(shop: Provider) -> None:
    accepted(shop, datetime(2026, 3, 17, 23, 58, tzinfo=NOW.tzinfo), batch="")
    accepted(shop, NOON, batch="")
    rows = match(line(sent=1), line(day=date(2026, 3, 18), sent=1))
    assert why(rows[1], "sent") == {"edge": 1}
    assert why(rows[0], "sent") == {"from_edge": -1}


def test_several_messages_to_one_person(shop: Provider) -> None:
    for to in ("9198100001", "9198100001", "9198100002"):
        message = accepted(shop, NOON, to=to)
        reported(message, "delivered")
        forwarded(message)
    (row,) = match(line(sent=2, delivered=2), people=("sent", "delivered"))
    assert why(row, "sent") == why(row, "delivered") == {"repeat": 1}
    (row,) = match(line(sent=2, delivered=2))
    assert why(row, "sent") == {"unexplained": 1}


def test_errors_on_both_sides(shop: Provider) -> None:
    """Refusals, failures that were tried again, CleverTap's own errors and what is still open."""
    refused(shop, 2001, NOW)
    retried = accepted(shop, NOW)
    submitted(retried, outcome=Outcome.REJECTED, code=ReportCode.OTHER)
    ledger.resend([retried.pk])
    retried.refresh_from_db()
    submitted(retried)
    reported(retried, "failed", code=ReportCode.PHONE)
    first, second = Event.objects.filter(message=retried).order_by("pk")
    Event.objects.filter(pk=first.pk).update(forward=Forward.DONE, forwarded_at=NOW)
    assert second.forward == Forward.NONE, "CleverTap is told of one failure of a message"
    (row,) = match(line(day=NOW.date(), sent=1, errors=1))
    assert row.ours == Ours(1, 0, 0, 1, 1, 1)
    assert why(row, "errors") == {"not_told": 1, "refusals": 1}
    accepted(shop, NOW)
    told = Theirs(NOW.date(), "c1", figures=dict.fromkeys(FIGURES) | {"errors": 8}, internal=3)
    (row,) = match(told)
    assert why(row, "errors") == {"internal": -3, "open": -1, "unexplained": -1}


def test_unknown_doubled_and_tests(shop: Provider) -> None:
    lost = accepted(shop, NOON)
    submitted(lost, outcome=Outcome.UNKNOWN)
    twice = accepted(shop, NOON)
    reported(twice, "delivered")
    forwarded(twice, forward_attempts=2)
    accepted(shop, NOON, msg_id="0|0|0|0", untracked=True, campaign="", template="welcome")
    (row,) = match(line(sent=3, delivered=4))
    assert why(row, "sent") == {"tests": -1}
    assert why(row, "delivered") == {"again": -1, "unknown": -1, "unexplained": -1}


def test_a_test_explains_nothing_but_itself(shop: Provider) -> None:
    """Not that it was late, nor its report, nor that the same person got another message."""
    message = accepted(shop, NOON)
    reported(message, "delivered")
    forwarded(message)
    test = accepted(shop, NOON, to=message.to, msg_id="0|0|0|0", untracked=True, answer_ms=1500)
    at = int(NOON.timestamp()) + 5
    ledger.record(shop.pk, [StatusUpdate("delivered", at, reference=reference(test.pk, 0))])
    forwarded(test, Forward.PARKED)
    (row,) = match(line(sent=0, delivered=0, errors=0), people=("sent", "delivered"))
    assert why(row, "sent") == why(row, "delivered") == {"unexplained": 1}


def test_what_is_left_out_is_of_the_provider_asked_for(shop: Provider, other_shop: Provider) -> None:
    for provider in (shop, other_shop):
        accepted(provider, NOON)
        accepted(provider, NOON, campaign="")
        freeform(provider, NOON)
        accepted(provider, NOON, msg_id="0|0|0|0", untracked=True, campaign="")
    source = {0: Source(Basis(UTC, NOW))}
    left = matching.match([line(sent=1)], source, Asked(provider_id=shop.pk)).left
    assert (left.conversations, left.nameless, left.tests) == (1, 1, 1)
    left = matching.match([line(sent=1)], source, Asked()).left
    assert (left.conversations, left.nameless, left.tests) == (2, 2, 2)


def test_a_test_is_of_the_campaign_that_used_its_template_at_that_provider(
    shop: Provider, other_shop: Provider
) -> None:
    accepted(shop, NOON)
    accepted(other_shop, NOON, campaign="c2")
    accepted(shop, NOON, msg_id="0|0|0|0", untracked=True, campaign="")
    rows = match(line(sent=2), line("c2", sent=2))
    assert {row.campaign: why(row, "sent") for row in rows} == {
        "c1": {"tests": -1},
        "c2": {"unexplained": -1},
    }


def test_campaigns_that_only_one_side_has(shop: Provider) -> None:
    accepted(shop, NOON, campaign="wp-7", reported=False)
    accepted(shop, NOON, campaign="c9")
    accepted(shop, NOON - timedelta(days=1), campaign="c8")  # a day that no report is about
    rows = {row.campaign: row for row in match(line(sent=0), line("gone", sent=4))}
    assert sorted(rows) == ["c1", "c9", "gone"]
    assert why(rows["c9"], "sent") == {"unexplained": 1}
    assert why(rows["gone"], "sent") == {"unexplained": -4}
    whole = matching.match([line(sent=0)], {0: Source(Basis(UTC, NOW))}, Asked())
    assert whole.left.broadcasts == 1  # CleverTap was not told of wp-7: that it lacks it is no difference
    partly = matching.match([line(sent=0)], {0: Source(Basis(UTC, NOW), complete=False)}, Asked())
    assert [row.campaign for row in partly.rows] == ["c1"]


def test_campaigns_by_name(shop: Provider) -> None:
    accepted(shop, NOON)
    named = Theirs(DAY, "Spring Sale", named=True, figures={"sent": 1})
    (row, missing) = match(named)
    assert (row.unseen, row.ours.accepted, missing.campaign) == (True, 0, "c1") or missing.unseen
    Campaign.objects.filter(code="c1").update(name="spring sale ")
    (row,) = match(named)
    assert (row.campaign, row.unseen, row.agrees) == ("c1", False, True)


def test_providers_together_and_apart(shop: Provider) -> None:
    other = make_provider(nickname="Other")
    accepted(shop, NOON)
    accepted(other, NOON)
    (row,) = match(line(sent=2))
    assert row.agrees
    assert {key.provider_id for key in row.keys} == {shop.pk, other.pk}
    of_shop = Theirs(DAY, "c1", shop.pk, figures={"sent": 1})
    rows = match(of_shop, Theirs(DAY, "c1", other.pk, figures={"sent": 5}))
    assert [(row.provider_id, why(row, "sent")) for row in rows] == [
        (shop.pk, {}), (other.pk, {"unexplained": -4}),
    ]  # fmt: skip
    result = matching.match([of_shop], {0: Source(Basis(UTC, NOW), provider_id=shop.pk)}, Asked())
    assert [row.provider_id for row in result.rows] == [shop.pk], "a report of one provider lacks no other"


def test_another_time_zone_is_proposed(shop: Provider) -> None:
    """CleverTap's days are India's: by UTC's, the evening's messages are on the wrong day."""
    for hour in (10, 19, 20, 21, 22):
        accepted(shop, datetime(2026, 3, 16, hour, tzinfo=NOW.tzinfo), batch="")
    fold()
    lines = [line(day=date(2026, 3, 16), sent=1), line(sent=4)]
    result = matching.match(lines, {0: Source(Basis(UTC, NOW))}, Asked())
    assert len(result.hints) == 1
    assert result.hints[0].startswith(
        "With the days of Asia/Kolkata instead of UTC, none would be on another"
    )
    agreed = matching.match(lines, {0: Source(Basis(ZoneInfo("Asia/Kolkata"), NOW))}, Asked())
    assert agreed.verdict.state == "agrees"
    assert agreed.hints == []


def test_the_day_of_a_clock_change(shop: Provider) -> None:
    """It has 25 hours, and all of them are its own."""
    berlin = ZoneInfo("Europe/Berlin")
    for hour in (0, 1, 2, 3, 12, 23):
        accepted(shop, datetime(2025, 10, 26, hour, 30, tzinfo=berlin), batch="20251026")
    accepted(shop, datetime(2025, 10, 26, 2, 30, tzinfo=berlin, fold=1), batch="20251026")
    accepted(shop, datetime(2025, 10, 27, 0, 30, tzinfo=berlin), batch="20251027")
    rows = match(line(day=date(2025, 10, 26), sent=7), line(day=date(2025, 10, 27), sent=1), zone=berlin)
    assert [row.ours.accepted for row in rows] == [1, 7]
    assert all(row.agrees for row in rows)


def test_open_statuses_rank_below_failed() -> None:
    """The facts take everything below failed as neither delivered nor failed."""
    below = {status for status in Status if status < Status.FAILED}
    assert below == {Status.QUEUED, Status.SENDING, Status.UNKNOWN, Status.ACCEPTED, Status.SENT}
