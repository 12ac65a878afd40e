"""Prints the figures that the stats pages show."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from lib.arguments import with_json
from lib.commands import BaseCommand
from stats.query import breakdowns
from stats.query.figures import DEFINITIONS
from stats.query.filters import Invalid, parse

_OPTIONS = {
    "campaign": ("ID", "Only the campaign with this id in msgId."),
    "variant": ("NAME", "Only this variant of the campaign."),
    "template": ("NAME", "Only messages of this template."),
    "provider": ("NICKNAME", "Only this provider."),
    "from": ("T", "A day, or a day with a time: 2026-01-31, 2026-01-31T18:30."),
    "to": ("T", "As --from; the whole day is included."),
    "tz": ("ZONE", "The time zone of both. Default: TIME_ZONE of the settings"),
}


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        with_json(parser)
        for name, (metavar, text) in _OPTIONS.items():
            parser.add_argument(f"--{name}", metavar=metavar, default="", help=text)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            filters = parse({name: options[name] for name in _OPTIONS}, timezone.now())
        except Invalid as error:
            raise CommandError(str(error)) from error
        figures = breakdowns.totals(filters)
        if options["json"]:
            self.stdout.write(json.dumps(figures.as_dict()))
            return
        for definition in DEFINITIONS:
            self.stdout.write(f"{definition.label:<14} {getattr(figures, definition.name):>12,}")
        for code, count in figures.errors_by_code.items():
            self.stdout.write(f"  code {code:<7} {count:>12,}")
