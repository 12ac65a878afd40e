"""Whether the database has the tables that the code expects."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

_applied = False


def pending() -> int:
    """How many migrations are not applied. Applied ones stay applied, so a process looks only until they
    are."""
    global _applied
    if _applied:
        return 0
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    _applied = not waiting
    return len(waiting)
