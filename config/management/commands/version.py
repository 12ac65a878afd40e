import json
import platform
from argparse import ArgumentParser
from typing import Any

import django
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from lib import schema
from lib.arguments import with_json
from lib.version import VERSION


class Command(BaseCommand):
    help = "Prints the version of Waypost, and whether the database belongs to it."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        with_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        found = schema.state()
        if options["json"]:
            told = {
                "version": VERSION,
                "schema": found.value,
                "python": platform.python_version(),
                "django": django.get_version(),
                "database": _database(),
            }
            self.stdout.write(json.dumps(told))
        else:
            self.stdout.write(" ".join(filter(None, (f"Waypost {VERSION}.", schema.complaint(found)))))


def _database() -> str:
    """`postgresql 16.4`; without a number where it does not answer."""
    try:
        connection.ensure_connection()
        numbers = connection.get_database_version()
    except DatabaseError:
        return connection.vendor
    return f"{connection.vendor} {'.'.join(str(number) for number in numbers)}"
