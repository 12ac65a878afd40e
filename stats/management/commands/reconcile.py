"""Compares CleverTap's campaign report with our own figures. Changes nothing."""

import json
from argparse import ArgumentParser
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from lib.arguments import with_json
from lib.commands import BaseCommand
from lib.csv_files import Unreadable
from providers.models import Provider
from stats.reconciliation import columns, export_tables, matching, reading, storage
from stats.reconciliation.comparing import Theirs
from stats.reconciliation.facts import Basis
from stats.reconciliation.hints import Source
from stats.reconciliation.matching import Asked, Result
from stats.reconciliation.reading import Facts, Options, Reading, Tell

PROGRESS_EVERY = 20_000  # rows


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="The report, a CSV file as CleverTap exports it.")
        with_json(parser)
        parser.add_argument(
            "--tz", metavar="ZONE", default=settings.TIME_ZONE, help="The time zone of the report's days."
        )
        parser.add_argument(
            "--exported", metavar="T", default="", help="When it was exported: 2026-01-31T18:30. Default: now"
        )
        parser.add_argument(
            "--provider", metavar="NICKNAME", default="", help="The provider that the report is about."
        )
        parser.add_argument("--campaign", metavar="ID", default="", help="Only this campaign.")
        parser.add_argument(
            "--day", metavar="DAY", default="", help="The day of a report without days: 2026-01-31."
        )
        parser.add_argument(
            "--month-first",
            action="store_true",
            help="Dates have the month first: 03/04/2026 is the fourth of March.",
        )
        parser.add_argument(
            "--partly", action="store_true", help="The report leaves out some campaigns of its days."
        )
        parser.add_argument(
            "--column",
            metavar="WHAT=HEADING",
            action="append",
            default=[],
            help=f"What a column with an unknown heading is; WHAT is one of {', '.join(columns.TARGETS)}.",
        )

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
                about = Options(zone, True if options["month_first"] else None, day)
                read = reading.read(file, facts, mapped, about, self._progress(facts.rows))
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from error
        except Unreadable as error:
            raise CommandError(
                f"{error} {_headings(facts) if 'facts' in locals() else ''}".strip()
            ) from error
        pk = provider.pk if provider else None
        basis = Basis(zone, exported, tuple(read.people))
        missing = storage.missing_days(read)
        source = Source(basis, not options["partly"], pk, options["file"].name, missing)
        result = matching.match(_theirs(read, pk), {0: source}, Asked(campaign=options["campaign"]))
        self._print(result, read, options["json"])

    def _progress(self, rows: int) -> Tell:
        """Writes the progress of a long file to stderr, so that stdout has only the comparison."""

        def tell(done: int) -> None:
            if done and done % PROGRESS_EVERY == 0:
                self.stderr.write(f"{done:,} of {rows:,} rows read")

        return tell

    def _print(self, result: Result, read: Reading, as_json: bool) -> None:
        providers = dict(Provider.objects.values_list("pk", "nickname"))
        answer = export_tables.as_dict(result, providers, matching.titles(result.rows)) | {
            "notes": read.notes,
            "problems": [{"line": line, "why": why} for line, why in read.problems],
            "as_of": timezone.now().isoformat(),
        }
        if as_json:
            self.stdout.write(json.dumps(answer))
            return
        self.stdout.write(result.verdict.words)
        for total in result.verdict.totals:
            theirs = "not told" if total.theirs is None else f"{total.theirs:,}"
            self.stdout.write(
                f"  {total.label:<10} ours {total.ours:>10,}  CleverTap {theirs:>10}  "
                f"difference {total.difference:>+8,}  with possible causes {total.explained:>8,}  "
                f"unexplained {total.unexplained:>8,}  too early to tell {total.early:>8,}"
            )
        for row in result.rows:
            if not row.agrees:
                self.stdout.write(f"{row.day} {row.campaign}: {row.verdict}. {export_tables.why(row)}")
        for hint in [*result.hints, *read.notes]:
            self.stdout.write(f"Note: {hint}")
        for line, why in read.problems:
            self.stdout.write(f"Not used: line {line}: {why}")


def _theirs(read: Reading, provider_id: int | None) -> list[Theirs]:
    return [
        Theirs(
            day=line.day,
            campaign=line.campaign,
            provider_id=each.provider_id,
            title=line.title,
            named=line.named,
            figures={figure: getattr(line, figure) for figure in columns.FIGURES},
            internal=line.internal,
        )
        for each in storage.owned(read, provider_id)
        for line in [each.line]
    ]


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
