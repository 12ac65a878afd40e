"""Reports against our counts: from lines to rows with their differences explained."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils import timezone

from campaigns.models import Campaign, Message, Report, ReportLine
from campaigns.reconciliation import comparing, facts, ours, storage, zones
from campaigns.reconciliation.comparing import Row, Theirs, Verdict
from campaigns.reconciliation.facts import Basis
from campaigns.reconciliation.ours import Key, Ours, midnight
from campaigns.stats import queries
from campaigns.stats.filters import NONE, Filters

# Messages and reports that a page looks at for causes without being asked to: a second or two.
MOST_LOOKED_AT = 100_000


@dataclass(frozen=True, slots=True)
class Asked:
    """Which lines are wanted; empty leaves everything in. Days are those that the reports write.

    Without `causes` they are only looked for among few messages.
    """

    first: date | None = None
    last: date | None = None
    campaign: str = ""
    provider_id: int | None = None
    causes: bool = True


@dataclass(frozen=True, slots=True)
class Source:
    """What a report says of itself."""

    basis: Basis
    complete: bool = True
    provider_id: int | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """What was accepted on these days and is in no campaign of CleverTap's report. No count knows the tests:
    they are None where they would have to be looked for among many messages."""

    conversations: int
    nameless: int
    tests: int | None
    own: int = 0

    def and_(self, other: "Left") -> "Left":
        tests = None if self.tests is None or other.tests is None else self.tests + other.tests
        return Left(self.conversations + other.conversations, self.nameless + other.nameless, tests)


@dataclass(frozen=True, slots=True)
class Result:
    """`unseen` is how many messages and reports were not looked at for causes; the causes are open then."""

    rows: list[Row]
    verdict: Verdict
    left: Left
    hints: list[str]
    unseen: int = 0


def stored(asked: Asked) -> Result:
    """The reports that were uploaded, against our figures."""
    lines = ReportLine.objects.order_by("day")
    if asked.first:
        lines = lines.filter(day__gte=asked.first)
    if asked.last:
        lines = lines.filter(day__lte=asked.last)
    theirs = storage.theirs(lines)
    ids = {line.report for line in theirs}
    return match(theirs, {report.pk: source(report) for report in Report.objects.filter(pk__in=ids)}, asked)


def source(report: Report) -> Source:
    basis = Basis(ZoneInfo(report.zone), report.exported_at, tuple(report.people))
    return Source(basis, report.complete, report.provider_id)


def match(theirs: Sequence[Theirs], sources: Mapping[int, Source], asked: Asked) -> Result:
    """Lines, each of one of the sources, against our figures."""
    by_zone: defaultdict[str, list[Theirs]] = defaultdict(list)
    for line in theirs:
        by_zone[sources[line.report].basis.zone.key].append(line)
    rows: list[Row] = []
    hints: list[str] = []
    volume, everything = 0, 0
    left = Left(0, 0, 0)
    for name, lines in by_zone.items():
        zone = ZoneInfo(name)
        days = [line.day for line in lines]
        mine = ours.figures(min(days), max(days), zone)
        wanted = [row for row in _rows(lines, sources, mine) if _wanted(row, asked)]
        differing = {row.day for row in wanted if not row.agrees}
        volume += sum(sum(figures) for key, figures in mine.items() if key.day in differing)
        everything += sum(sum(figures) for figures in mine.values())
        rows += wanted
        quick = everything <= MOST_LOOKED_AT or asked.causes
        if quick and (hint := zones.better(lines, zone)):
            hints.append(_words(zone, *hint))
        left = left.and_(_left(min(days), max(days), zone, asked, quick))
    unseen = volume if volume > MOST_LOOKED_AT and not asked.causes else 0
    rows = rows if unseen else _with_causes(rows, sources)
    left = replace(left, own=sum(row.ours.accepted for row in rows if row.own))
    rows = [row for row in rows if not row.own]
    rows.sort(key=lambda row: (-row.day.toordinal(), row.campaign, row.provider_id or 0))
    return Result(rows, comparing.verdict(rows, not unseen), left, hints, unseen)


def _with_causes(rows: Iterable[Row], sources: Mapping[int, Source]) -> list[Row]:
    by_report: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_report[row.report].append(row)
    now = timezone.now()
    return [
        row
        for report, group in by_report.items()
        for row in comparing.with_causes(group, facts.gather(group, sources[report].basis, now))
    ]


def _rows(lines: Sequence[Theirs], sources: Mapping[int, Source], mine: Mapping[Key, Ours]) -> list[Row]:
    reports: defaultdict[date, set[int]] = defaultdict(set)
    for line in lines:
        reports[line.day].add(line.report)

    def expected(key: Key) -> int | None:
        return next(
            (
                report
                for report in sorted(reports.get(key.day, ()), reverse=True)
                if sources[report].complete and sources[report].provider_id in (None, key.provider_id)
            ),
            None,
        )

    named = _named(lines)
    seen: defaultdict[str, set[int]] = defaultdict(set)
    codes = {line.campaign for line in lines if not line.named} | set(named.values())
    for code, provider_id in Campaign.objects.filter(code__in=codes).values_list("code", "provider_id"):
        seen[code].add(provider_id)
    return comparing.compare(lines, mine, named=named, seen=seen, expected=expected)


def _named(lines: Iterable[Theirs]) -> dict[str, str]:
    """Ids of the campaigns that go by one name and no other does; lower case, as people write it."""
    wanted = {line.campaign.lower() for line in lines if line.named}
    if not wanted:
        return {}
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name, code in Campaign.objects.exclude(name="").values_list("name", "code"):
        found[name.strip().lower()].add(code)
    codes = {name: code for name in wanted for code in found.get(name, ()) if len(found[name]) == 1}
    # What an operator has not named may be given by its id all the same.
    known = Campaign.objects.filter(code__in=wanted - codes.keys()).values_list("code", flat=True)
    return codes | {code.lower(): code for code in known}


def _wanted(row: Row, asked: Asked) -> bool:
    providers = {row.provider_id, *(key.provider_id for key in row.keys)}
    return (not asked.campaign or asked.campaign in (row.campaign, row.title)) and (
        asked.provider_id is None or asked.provider_id in providers
    )


def _left(first: date, last: date, zone: ZoneInfo, asked: Asked, quick: bool) -> Left:
    start, end = midnight(first, zone), midnight(last + timedelta(days=1), zone)
    everything = Filters(timezone.now(), zone, provider_id=asked.provider_id).between(start, end)
    tests = Message.objects.filter(untracked=True, accepted_at__gte=start, accepted_at__lt=end)
    if asked.provider_id is not None:
        tests = tests.filter(provider_id=asked.provider_id)

    def accepted(**values: Any) -> int:
        return queries.totals(replace(everything, **values)).accepted

    return Left(accepted(traffic="conversations"), accepted(campaign=NONE), tests.count() if quick else None)


def _words(zone: ZoneInfo, name: str, apart: int, now: int) -> str:
    rest = f"{apart:,} would" if apart else "none would"
    return (
        f"With the days of {name} instead of {zone.key}, {rest} be on another day than at CleverTap; now "
        f"{now:,} are. Upload the report again with CleverTap’s time zone."
    )


def titles(rows: Iterable[Row]) -> dict[str, str]:
    """The names operators gave to campaigns, by id."""
    codes = {row.campaign for row in rows}
    named = Campaign.objects.filter(~Q(name=""), code__in=codes)
    return dict(named.values_list("code", "name"))
