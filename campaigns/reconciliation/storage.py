"""Reports kept: a draft until its columns are known, then its lines, which replace those of before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath
from typing import IO, Any
from zoneinfo import ZoneInfo

from django.core.files import File
from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from campaigns.models import Report, ReportLine
from campaigns.reconciliation import reading
from campaigns.reconciliation.comparing import Theirs
from campaigns.reconciliation.reading import Facts, Line, Options, Reading, add
from lib import phone, sql
from lib.crypto import token
from providers.models import Provider

DRAFTS_KEPT = timedelta(days=1)
TOLD = 50  # lines that could not be used, told of one by one
_COLUMNS = (
    "report_id", "day", "campaign", "named", "title", "provider_id", "sent", "delivered", "viewed", "errors",
    "internal",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Owned:
    """A line with its provider found; None is all of them."""

    line: Line
    provider_id: int | None


def draft(name: str, content: IO[bytes], **about: Any) -> Report:
    """Keeps the file with what its headings say. Raises Unreadable."""
    facts = reading.inspect(content)
    _forget_drafts()
    content.seek(0)
    report = Report(
        name=PurePath(name).name.replace("\0", "")[:255],
        encoding=facts.encoding,
        delimiter=facts.delimiter,
        header=facts.header,
        header_row=facts.header_row,
        mapping=facts.mapped,
        **about,
    )
    report.file.save(f"{token(12)}.csv", File(content), save=False)
    report.save()
    return report


def facts_of(report: Report) -> Facts:
    return Facts(report.encoding, report.delimiter, report.header_row, report.header, report.mapping)


def options_of(report: Report) -> Options:
    return Options(ZoneInfo(report.zone), report.month_first, report.day)


def load(report: Report) -> int:
    """Reads the draft's file and makes it count. Returns how many lines of earlier reports it replaced.

    Raises Unreadable; then it stays a draft, and nothing else has changed.
    """
    with report.file.open("rb") as file:
        read = reading.read(file.file, facts_of(report), report.mapping, options_of(report))
    lines = owned(read, report.provider_id)
    told = [f"Line {line}: {why}." for line, why in read.problems[:TOLD]]
    if len(read.problems) > TOLD:
        told.append(f"{len(read.problems) - TOLD:,} more lines cannot be used.")
    with transaction.atomic():
        replaced = _make_room(lines)
        if replaced:
            read.notes.append(f"Replaced {replaced:,} lines of earlier reports.")
        rows = [
            (
                report.pk, line.day, line.campaign, line.named, line.title, each.provider_id, line.sent,
                line.delivered, line.viewed, line.errors, line.internal,
            )
            for each in lines
            for line in [each.line]
        ]  # fmt: skip
        sql.insert(ReportLine, _COLUMNS, rows)
        report.draft, report.people, report.notes = False, read.people, read.notes + told
        storage, file_name = report.file.storage, str(report.file.name)
        report.file = ""
        report.save()
        transaction.on_commit(lambda: storage.delete(file_name))
    return replaced


def owned(read: Reading, provider_id: int | None) -> list[Owned]:
    """The lines with their providers. Those of providers that Waypost does not have are left out, and
    told of; where it knows none of the report's, the column says nothing."""
    if provider_id is not None:
        return _once(Owned(line, provider_id) for line in read.lines)
    told = {(line.provider, line.waba) for line in read.lines if line.provider or line.waba}
    known = {each: pk for each in told if (pk := _provider(*each)) is not None}
    strange = told - known.keys()
    names = ", ".join(sorted({provider or waba for provider, waba in strange})[:5])
    if strange and not known:
        read.notes.append(
            f"The report’s provider, {names}, goes by none of the nicknames or numbers here: its lines are "
            "compared with all providers together."
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
    """Lines that are about the same once their providers are known, added up."""
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
    """By its name at CleverTap where that is the nickname here, else by its number."""
    providers = list(Provider.objects.all())
    for text in told:
        for provider in providers:
            if provider.nickname.casefold() == text.casefold() or phone.same(provider.waba_number, text):
                return provider.pk
    return None


def _make_room(lines: Sequence[Owned]) -> int:
    """Deletes stored lines that these are about too, and reports that have none left."""
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
    Report.objects.filter(draft=False).annotate(n=Count("lines")).filter(n=0).delete()
    return len(same)


def _names(campaign: str, title: str) -> set[str]:
    """A campaign's id and name: one report may have the one, the next the other."""
    return {name.lower() for name in (campaign, title) if name}


def _forget_drafts() -> None:
    for old in Report.objects.filter(draft=True, created_at__lt=timezone.now() - DRAFTS_KEPT):
        discard(old)


def discard(report: Report) -> None:
    """Takes a report back, with its lines and its file."""
    if report.file:
        report.file.delete(save=False)
    report.delete()


def theirs(lines: QuerySet[ReportLine]) -> list[Theirs]:
    """Stored lines as the comparison wants them."""
    return [
        Theirs(
            day, campaign, provider_id, title, named,
            {"sent": sent, "delivered": delivered, "viewed": viewed, "errors": errors},
            internal, report_id,
        )
        for (
            report_id, day, campaign, named, title, provider_id, sent, delivered, viewed, errors, internal,
        ) in lines.values_list(*_COLUMNS)
    ]  # fmt: skip
