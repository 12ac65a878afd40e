"""Lines of reports and our counts → rows that compare them, with possible causes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils import timezone

from campaigns.models import Campaign, Message
from stats.models import Report, ReportLine
from stats.query import breakdowns
from stats.query.filters import NONE, Filters
from stats.reconciliation import comparing, facts, hints, our_figures, storage, zones
from stats.reconciliation.comparing import Row, Theirs
from stats.reconciliation.facts import Basis
from stats.reconciliation.hints import Source
from stats.reconciliation.our_figures import Key, Ours, midnight
from stats.reconciliation.verdicts import Verdict, verdict

# Messages and reports that a page looks at for causes without being asked to: a second or two.
MOST_LOOKED_AT = 100_000


@dataclass(frozen=True, slots=True)
class Asked:
    """Which lines are wanted; an empty field leaves everything in. Days are as the reports write them.

    Without `causes`, causes are looked for only where there are few messages to look at.
    """

    first: date | None = None
    last: date | None = None
    campaign: str = ""
    provider_id: int | None = None
    causes: bool = True


@dataclass(frozen=True, slots=True)
class Left:
    """What was accepted on these days and has no campaign in CleverTap's report. The counts do not know the
    tests. They are None where that would mean to look at many messages."""

    conversations: int
    nameless: int
    tests: int | None
    broadcasts: int = 0

    def and_(self, other: "Left") -> "Left":
        tests = None if self.tests is None or other.tests is None else self.tests + other.tests
        return Left(self.conversations + other.conversations, self.nameless + other.nameless, tests)


@dataclass(frozen=True, slots=True)
class Result:
    """`unseen` is how many messages and reports would have to be looked at for causes, and were not."""

    rows: list[Row]
    verdict: Verdict
    left: Left
    hints: list[str]
    unseen: int = 0


def stored(asked: Asked) -> Result:
    """Compares the uploaded reports with our figures."""
    lines = ReportLine.objects.order_by("day")
    if asked.first:
        lines = lines.filter(day__gte=asked.first)
    if asked.last:
        lines = lines.filter(day__lte=asked.last)
    theirs = storage.theirs(lines)
    used = Q(pk__in={line.report for line in theirs}) | ~Q(missing_days=[])
    reports = Report.objects.filter(used, state=Report.State.DONE)
    return match(theirs, {report.pk: source(report) for report in reports}, asked)


def source(report: Report) -> Source:
    basis = Basis(ZoneInfo(report.zone), report.exported_at, tuple(report.people))
    missing = [date.fromisoformat(day) for day in report.missing_days]
    return Source(basis, report.complete, report.provider_id, report.name, missing)


def match(theirs: Sequence[Theirs], sources: Mapping[int, Source], asked: Asked) -> Result:
    """Compares lines, each from one of the sources, with our figures."""
    missing = _missing(theirs, sources, asked)
    by_zone: defaultdict[str, list[Theirs]] = defaultdict(list)
    for line in theirs:
        by_zone[sources[line.report].basis.zone.key].append(line)
    lacking: defaultdict[str, dict[int, list[date]]] = defaultdict(dict)
    for report, days in missing.items():
        lacking[sources[report].basis.zone.key][report] = days
    rows: list[Row] = []
    told: list[str] = []
    volume, everything = 0, 0
    left = Left(0, 0, 0)
    for name in dict.fromkeys((*by_zone, *lacking)):
        zone, lines = ZoneInfo(name), by_zone[name]
        all_days = {line.day for line in lines}.union(*lacking[name].values())
        first, last = min(all_days), max(all_days)
        mine = our_figures.figures(first, last, zone)
        wanted = [row for row in _rows(lines, sources, mine, lacking[name]) if _wanted(row, asked)]
        differing = {row.day for row in wanted if not row.agrees}
        volume += sum(sum(figures) for key, figures in mine.items() if key.day in differing)
        everything += sum(sum(figures) for figures in mine.values())
        rows += wanted
        told += [hints.missing(sources[report], days, mine) for report, days in lacking[name].items()]
        quick = everything <= MOST_LOOKED_AT or asked.causes
        if quick and (better := zones.better(lines, zone)):
            told.append(hints.better_zone(zone, better))
        left = left.and_(_left(first, last, zone, asked, quick))
    unseen = volume if volume > MOST_LOOKED_AT and not asked.causes else 0
    rows = rows if unseen else _with_causes(rows, sources)
    broadcasts = [row for row in rows if row.missing and row.broadcast]
    left = replace(left, broadcasts=sum(row.ours.accepted for row in broadcasts))
    if broadcasts:
        rows = [row for row in rows if not (row.missing and row.broadcast)]
    rows.sort(key=lambda row: (-row.day.toordinal(), row.campaign, row.provider_id or 0))
    told = [*hints.early(rows, sources, facts.cache()), *told]
    return Result(rows, verdict(rows, not unseen), left, told, unseen)


def _missing(theirs: Sequence[Theirs], sources: Mapping[int, Source], asked: Asked) -> dict[int, list[date]]:
    """The days asked for that a complete report lacks, and that no other report has a line for."""
    there = {line.day for line in theirs}
    first, last = asked.first or date.min, asked.last or date.max
    found = {
        report: [day for day in source.missing if first <= day <= last and day not in there]
        for report, source in sources.items()
        if source.complete and asked.provider_id in (None, source.provider_id or asked.provider_id)
    }
    return {report: days for report, days in found.items() if days}


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


def _rows(
    lines: Sequence[Theirs],
    sources: Mapping[int, Source],
    mine: Mapping[Key, Ours],
    missing: Mapping[int, Sequence[date]],
) -> list[Row]:
    about = {(line.report, line.day) for line in lines}
    about |= {(report, day) for report, days in missing.items() for day in days}
    reports: defaultdict[date, set[int]] = defaultdict(set)
    for report, day in about:
        reports[day].add(report)
    cache = facts.cache()
    early = {
        (report, day)
        for report, day in about
        if sources[report].basis.exported_at < sources[report].settled(day, cache)
    }

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
    return comparing.compare(lines, mine, named=named, seen=seen, expected=expected, early=early)


def _named(lines: Iterable[Theirs]) -> dict[str, str]:
    """The ids of campaigns by their lower-case names, where only one campaign has the name."""
    wanted = {line.campaign.lower() for line in lines if line.named}
    if not wanted:
        return {}
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name, code in Campaign.objects.exclude(name="").values_list("name", "code"):
        found[name.strip().lower()].add(code)
    codes = {name: code for name in wanted for code in found.get(name, ()) if len(found[name]) == 1}
    # The report may have an id in the column of names, where nobody has named the campaign.
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
        return breakdowns.totals(replace(everything, **values)).accepted

    return Left(accepted(traffic="conversations"), accepted(campaign=NONE), tests.count() if quick else None)


def titles(rows: Iterable[Row]) -> dict[str, str]:
    """The names operators gave to campaigns, by id."""
    codes = {row.campaign for row in rows}
    named = Campaign.objects.filter(~Q(name=""), code__in=codes)
    return dict(named.values_list("code", "name"))
