"""`manage.py simulator`: a fake BSP and a fake CleverTap, to run Waypost without any account."""

from django.core.management.base import BaseCommand, CommandParser

from simulator import foreground


class Command(BaseCommand):
    help = "Run a fake BSP and a fake CleverTap until Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        foreground.add_options(parser)

    def handle(self, **options: object) -> None:
        names = ("host", "port", "delay", "accounts", "traffic", "no_record")
        foreground.run(**{name: options[name] for name in names})  # type: ignore[arg-type]
