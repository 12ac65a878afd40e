"""Reports kept: the file until it is read, then its lines, which replace those of earlier reports."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import PurePath
from typing import IO, Any, NamedTuple
from zoneinfo import ZoneInfo

from django.core.files import File
from django.db import transaction
from django.db.models import Count, QuerySet

from lib import phone, sql
from lib.crypto import token
from lib.csv_files import Alive
from providers.models import Provider
from stats.models import Report, ReportLine
from stats.reconciliation import reading
from stats.reconciliation.columns import FIGURES
from stats.reconciliation.comparing import Theirs
from stats.reconciliation.reading import Facts, Line, Options, Reading, Tell, add

LINES_A_PAGE = 20_000  # what a page compares at once, which takes about a second
TOLD = 50  # lines that could not be used, with a note each


class _Stored(NamedTuple):
    """A ReportLine, as it is written and read; the names are its columns."""

    report_id: int
    day: date
    campaign: str
    named: bool
    title: str
    provider_id: int | None
    sent: int | None
    delivered: int | None
    viewed: int | None
    errors: int | None
    internal: int


@dataclass(frozen=True, slots=True)
class Owned:
    """A line with the provider it is about; None is all providers."""

    line: Line
    provider_id: int | None


def draft(name: str, content: IO[bytes], **about: Any) -> Report:
    """Keeps the file with what its headings say. Raises Unreadable."""
    facts = reading.glance(content)
    content.seek(0)
    report = Report(
        name=PurePath(name).name.replace("\0", "")[:255],
        encoding=facts.encoding,
        delimiter=facts.delimiter,
        header=facts.header,
        header_row=facts.header_row,
        mapping=facts.mapped,
        rows=facts.rows,
        **about,
    )
    report.file.save(f"{token(12)}.csv", File(content), save=False)
    report.save()
    return report


def count(report: Report, alive: Alive) -> None:
    """The rows of a large file, which is read to its end for the first time, and its encoding, which its
    beginning need not show. Raises Unreadable, OSError, and what `alive` raises."""
    with report.file.open("rb") as file:
        facts = reading.inspect(file.file, alive)
    report.rows, report.encoding = facts.rows, facts.encoding
    report.save(update_fields=["rows", "encoding"])


def facts_of(report: Report) -> Facts:
    return Facts(
        report.encoding, report.delimiter, report.header_row, report.header, report.mapping, report.rows
    )


def options_of(report: Report) -> Options:
    return Options(ZoneInfo(report.zone), report.month_first, report.day)


def read_report(report: Report, tell: Tell) -> Reading:
    """What its file says. Raises Unreadable, OSError, and what `tell` raises."""
    with report.file.open("rb") as file:
        return reading.read(file.file, facts_of(report), report.mapping, options_of(report), tell)


def store(report: Report, read: Reading) -> None:
    """Stores the lines that were read, and deletes the file. The caller opens the transaction."""
    lines = owned(read, report.provider_id)
    told = [f"Line {line}: {why}." for line, why in read.problems[:TOLD]]
    if len(read.problems) > TOLD:
        told.append(f"{len(read.problems) - TOLD:,} more lines cannot be used.")
    replaced = _make_room(lines)
    if replaced:
        read.notes.append(f"Replaced {replaced:,} lines of earlier reports.")
    sql.insert(ReportLine, _Stored._fields, [_stored(report, each) for each in lines])
    report.people, report.notes = read.people, read.notes + told
    report.missing_days = [day.isoformat() for day in missing_days(read)]
    kept, file_name = report.file.storage, str(report.file.name)
    report.file = ""
    report.save(update_fields=["people", "notes", "missing_days", "file"])
    transaction.on_commit(lambda: kept.delete(file_name))


def missing_days(read: Reading) -> list[date]:
    """The days between the first and the last that have no line."""
    days = sorted({line.day for line in read.lines})
    return [
        before + timedelta(days=n)
        for before, after in pairwise(days)
        for n in range(1, (after - before).days)
    ]


def _stored(report: Report, each: Owned) -> _Stored:
    line = each.line
    return _Stored(
        report_id=report.pk,
        day=line.day,
        campaign=line.campaign,
        named=line.named,
        title=line.title,
        provider_id=each.provider_id,
        sent=line.sent,
        delivered=line.delivered,
        viewed=line.viewed,
        errors=line.errors,
        internal=line.internal,
    )


def owned(read: Reading, provider_id: int | None) -> list[Owned]:
    """The lines with their providers. Lines of providers that Waypost does not have are left out, with a
    note. Where Waypost has none of the report's providers, the column is ignored."""
    if provider_id is not None:
        return _once(Owned(line, provider_id) for line in read.lines)
    told = {(line.provider, line.waba) for line in read.lines if line.provider or line.waba}
    known = {each: pk for each in told if (pk := _provider(*each)) is not None}
    strange = told - known.keys()
    names = ", ".join(sorted({provider or waba for provider, waba in strange})[:5])
    if strange and not known:
        read.notes.append(
            f"No provider here has the nickname or number {names} of the report. Its lines are compared with "
            "all providers together."
        )
        return _once(Owned(line, None) for line in read.lines)
    if strange:
        read.notes.append(f"Left out, of providers that are not in Waypost: {names}.")
    return _once(
        Owned(line, known.get(about))
        for line in read.lines
        if (about := (line.provider, line.waba)) not in strange
    )


def _once(lines: Iterable[Owned]) -> list[Owned]:
    """Adds up lines about the same provider, campaign and day."""
    found: dict[tuple[Any, ...], Owned] = {}
    for each in lines:
        key = (each.line.day, each.line.campaign, each.line.named, each.provider_id)
        if other := found.get(key):
            line = each.line._replace(
                sent=add(other.line.sent, each.line.sent),
                delivered=add(other.line.delivered, each.line.delivered),
                viewed=add(other.line.viewed, each.line.viewed),
                errors=add(other.line.errors, each.line.errors),
                internal=other.line.internal + each.line.internal,
            )
            each = Owned(line, each.provider_id)
        found[key] = each
    return list(found.values())


def _provider(*told: str) -> int | None:
    """The provider whose nickname is its name at CleverTap, or else the one with its number."""
    providers = list(Provider.objects.all())
    for text in told:
        for provider in providers:
            if provider.nickname.casefold() == text.casefold() or phone.same(provider.waba_number, text):
                return provider.pk
    return None


def _make_room(lines: Sequence[Owned]) -> int:
    """Deletes the stored lines that these replace, and reports that have no line left."""
    days = {each.line.day for each in lines}
    columns = ("pk", "day", "campaign", "title", "provider_id")
    stored = ReportLine.objects.filter(day__in=days).values_list(*columns)
    if not stored:
        return 0
    about: dict[tuple[Any, str], set[int | None]] = {}
    for each in lines:
        for name in _names(each.line.campaign, each.line.title):
            about.setdefault((each.line.day, name), set()).add(each.provider_id)
    same = []
    for pk, day, campaign, title, provider_id in stored:
        told = set().union(*(about.get((day, name), ()) for name in _names(campaign, title)))
        if told and (provider_id is None or None in told or provider_id in told):
            same.append(pk)
    for start in range(0, len(same), sql.CHUNK):
        ReportLine.objects.filter(pk__in=same[start : start + sql.CHUNK]).delete()
    Report.objects.filter(state=Report.State.DONE).annotate(n=Count("lines")).filter(n=0).delete()
    return len(same)


def _names(campaign: str, title: str) -> set[str]:
    """A campaign's id and name. One report may have only the id, and the next only the name."""
    return {name.lower() for name in (campaign, title) if name}


class Days(NamedTuple):
    """Days side by side; None where the range has no end."""

    first: date | None
    last: date | None


def pages(first: date | None, last: date | None) -> list[Days]:
    """These days in pieces, the newest first. A piece is one day, or has at most LINES_A_PAGE lines."""
    found = ReportLine.objects.order_by("-day")
    found = found.filter(day__gte=first) if first else found
    found = found.filter(day__lte=last) if last else found
    begun: list[date] = []
    size = 0
    newer: date | None = None
    for day, count in found.values_list("day").annotate(Count("pk")):
        if newer and size + count > LINES_A_PAGE:
            begun.append(newer)
            size = 0
        size += count
        newer = day
    ends = [last, *(day - timedelta(days=1) for day in begun)]
    return [Days(*each) for each in zip([*begun, first], ends, strict=True)]


def discard(report: Report) -> None:
    """Takes a report back, with its lines and its file."""
    if report.file:
        report.file.delete(save=False)
    report.delete()


def theirs(lines: QuerySet[ReportLine]) -> list[Theirs]:
    """Stored lines as the comparison wants them."""
    return [
        Theirs(
            day=row.day,
            campaign=row.campaign,
            provider_id=row.provider_id,
            title=row.title,
            named=row.named,
            figures={figure: getattr(row, figure) for figure in FIGURES},
            internal=row.internal,
            report=row.report_id,
        )
        for row in map(_Stored._make, lines.values_list(*_Stored._fields))
    ]
