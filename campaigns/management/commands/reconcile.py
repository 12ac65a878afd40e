"""Compares CleverTap's campaign report with our own figures. Changes nothing."""

import json
from argparse import ArgumentParser
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from campaigns.reconciliation import columns, matching, reading, storage, tables
from campaigns.reconciliation.comparing import Theirs
from campaigns.reconciliation.facts import Basis
from campaigns.reconciliation.matching import Asked, Result, Source
from campaigns.reconciliation.reading import Facts, Options, Reading
from lib.csv_files import Unreadable
from providers.models import Provider


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the report, as CleverTap exports it: CSV")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--tz", metavar="ZONE", default=settings.TIME_ZONE, help="that of its days")
        parser.add_argument("--exported", metavar="T", default="", help="when: 2026-01-31T18:30; else now")
        parser.add_argument("--provider", metavar="NICKNAME", default="", help="the one it is about")
        parser.add_argument("--campaign", metavar="ID", default="", help="only this campaign")
        parser.add_argument("--day", metavar="DAY", default="", help="of a report without days: 2026-01-31")
        parser.add_argument("--month-first", action="store_true", help="03/04/2026 is the fourth of March")
        parser.add_argument("--partly", action="store_true", help="it leaves out campaigns of its days")
        parser.add_argument(
            "--column", metavar="WHAT=HEADING", action="append", default=[],
            help=f"a column that is not known by its heading; WHAT is one of {', '.join(columns.TARGETS)}",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        if options["tz"] not in available_timezones():
            raise CommandError(f"{options['tz']}: no such time zone. Write it as Asia/Kolkata.")
        zone = ZoneInfo(options["tz"])
        provider = _provider(options["provider"])
        day = _parsed(date.fromisoformat, options["day"])
        exported = _parsed(datetime.fromisoformat, options["exported"]) or timezone.now()
        exported = exported if exported.tzinfo else exported.replace(tzinfo=zone)
        try:
            with options["file"].open("rb") as file:
                facts = reading.inspect(file)
                mapped = _mapped(facts, options["column"])
                read = reading.read(
                    file, facts, mapped, Options(zone, True if options["month_first"] else None, day)
                )
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from error
        except Unreadable as error:
            raise CommandError(
                f"{error} {_headings(facts) if 'facts' in locals() else ''}".strip()
            ) from error
        pk = provider.pk if provider else None
        source = Source(Basis(zone, exported, tuple(read.people)), not options["partly"], pk)
        result = matching.match(_theirs(read, pk), {0: source}, Asked(campaign=options["campaign"]))
        self._print(result, read, options["json"])

    def _print(self, result: Result, read: Reading, as_json: bool) -> None:
        providers = dict(Provider.objects.values_list("pk", "nickname"))
        told = tables.as_dict(result, providers, matching.titles(result.rows)) | {
            "notes": read.notes,
            "problems": [{"line": line, "why": why} for line, why in read.problems],
            "as_of": timezone.now().isoformat(),
        }
        if as_json:
            self.stdout.write(json.dumps(told))
            return
        self.stdout.write(result.verdict.words)
        for total in result.verdict.totals:
            theirs = "not told" if total.theirs is None else f"{total.theirs:,}"
            self.stdout.write(
                f"  {total.label:<10} ours {total.ours:>10,}  CleverTap {theirs:>10}  "
                f"difference {total.difference:>+8,}  unexplained {total.unexplained:>8,}"
            )
        for row in result.rows:
            if not row.agrees:
                self.stdout.write(f"{row.day} {row.campaign}: {tables.why(row)}")
        for hint in [*result.hints, *read.notes]:
            self.stdout.write(f"Note: {hint}")
        for line, why in read.problems:
            self.stdout.write(f"Not used: line {line}: {why}")


def _theirs(read: Reading, provider_id: int | None) -> list[Theirs]:
    return [
        Theirs(
            line.day, line.campaign, each.provider_id, line.title, line.named,
            {figure: getattr(line, figure) for figure in columns.FIGURES}, line.internal,
        )
        for each in storage.owned(read, provider_id)
        for line in [each.line]
    ]  # fmt: skip


def _mapped(facts: Facts, given: list[str]) -> dict[str, int]:
    mapped = dict(facts.mapped)
    for text in given:
        target, _, heading = text.partition("=")
        if target not in columns.TARGETS or heading not in facts.header:
            raise CommandError(
                f"--column {text}: expected one of {', '.join(columns.TARGETS)}, =, and one of the headings "
                f"{', '.join(facts.header)}"
            )
        mapped[target] = facts.header.index(heading)
    return mapped


def _headings(facts: Facts) -> str:
    return f"The headings are: {', '.join(facts.header)}. Say which is what with --column."


def _provider(nickname: str) -> Provider | None:
    if not nickname:
        return None
    try:
        return Provider.objects.get(nickname=nickname)
    except Provider.DoesNotExist:
        raise CommandError(f"--provider {nickname}: no provider has this nickname.") from None


def _parsed(read: Any, text: str) -> Any:
    if not text:
        return None
    try:
        return read(text)
    except ValueError:
        raise CommandError(f"{text}: write it as 2026-01-31 or 2026-01-31T18:30.") from None
