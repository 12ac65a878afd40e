from typing import Any

from django.core.management.commands import migrate
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from lib import schema


class Command(migrate.Command):
    """Django's, which then keeps whose tables these are."""

    def handle(self, *args: Any, **options: Any) -> None:
        before = set(MigrationRecorder(connection).applied_migrations())
        super().handle(*args, **options)
        after = set(MigrationRecorder(connection).applied_migrations())
        if changed := {app for app, _ in before ^ after}:
            schema.keep(changed)
