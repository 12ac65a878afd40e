"""A migration that would lock a busy table is refused: while it runs nobody would get an answer.

The first migrations make empty tables. Whatever comes later is looked at as PostgreSQL gets it.
"""

import re
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from django.apps import apps
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import connection, connections, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django_migration_linter.sql_analyser import PostgresqlAnalyser, analyse_sql_statements

from config.roles import OURS

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no busy tables"),
]
FIRST = {"0001_initial", "0001_roles"}
# What the linter does not look at: each reads the whole table, and holds its writers off meanwhile.
READS_ALL = re.compile(r"ADD CONSTRAINT .* (CHECK|FOREIGN KEY) (?!.*NOT VALID)")


def problems(migration: migrations.Migration, state: ProjectState) -> list[str]:
    """Why it would hold others up, as PostgreSQL gets it."""
    # Nothing is done, so the test's own transaction is in nobody's way.
    with (
        patch.object(connections["default"], "in_atomic_block", migration.atomic),
        connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor,
    ):
        migration.apply(state, editor, collect_sql=True)
    statements = [each for each in editor.collected_sql if not each.startswith("--")]
    if migration.atomic:
        statements = ["BEGIN;", *statements, "COMMIT;"]
    errors, _, warnings = analyse_sql_statements(PostgresqlAnalyser, statements)
    said = [each.message for each in (*errors, *warnings)]
    made = {name for each in statements for name in re.findall(r'^CREATE TABLE ("\w+")', each)}
    for each in statements:
        table = re.match(r'ALTER TABLE ("\w+")', each)
        if table and table[1] not in made and READS_ALL.search(each):
            said.append("a constraint that is not NOT VALID")
    return said


def later() -> Iterator[tuple[str, migrations.Migration, ProjectState]]:
    loader = MigrationLoader(connection)
    for key in sorted(loader.graph.nodes):
        app, name = key
        if (app in OURS or app in ("accounts", "config")) and name not in FIRST:
            yield f"{app}.{name}", loader.graph.nodes[key], loader.project_state(key, at_end=False)


def test_no_migration_locks_a_busy_table() -> None:
    assert {name: said for name, each, state in later() if (said := problems(each, state))} == {}


def example(*operations: Operation, atomic: bool = True) -> list[str]:
    """What is said of a migration of messages."""
    migration = migrations.Migration("0002_example", "campaigns")
    migration.operations, migration.atomic = list(operations), atomic
    return problems(migration, ProjectState.from_apps(apps))


INDEX = models.Index(fields=["template"], name="by_template")
POSITIVE = models.CheckConstraint(condition=models.Q(attempt__gte=0), name="attempts_are_positive")
REFUSED: dict[str, Operation] = {
    "an index": migrations.AddIndex("message", INDEX),
    "a column that must have a value": migrations.AddField("message", "new", models.IntegerField(default=0)),
    "another type": migrations.AlterField("message", "msg_id", models.IntegerField()),
    "another name": migrations.RenameField("message", "msg_id", "message_id"),
    "a column that old processes still write": migrations.RemoveField("message", "notes"),
    "a unique constraint": migrations.AddConstraint(
        "message", models.UniqueConstraint(fields=["bsp_id"], name="bsp_id_once")
    ),
    "a condition": migrations.AddConstraint("message", POSITIVE),
}
TAKEN: dict[str, tuple[bool, Operation]] = {
    "an index made meanwhile": (False, AddIndexConcurrently("message", INDEX)),
    "a column that may be empty": (
        True, migrations.AddField("message", "new", models.IntegerField(null=True)),
    ),
    "a condition on what comes": (True, AddConstraintNotValid("message", POSITIVE)),
    "a table": (
        True,
        migrations.CreateModel(
            "Example",
            [("id", models.BigAutoField(primary_key=True)), ("at", models.DateTimeField(db_index=True))],
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("operation", REFUSED.values(), ids=REFUSED)
def test_what_locks_is_noticed(operation: Any) -> None:
    assert example(operation) != []


@pytest.mark.parametrize(("atomic", "operation"), TAKEN.values(), ids=TAKEN)
def test_what_does_not_is_taken(atomic: bool, operation: Any) -> None:
    assert example(operation, atomic=atomic) == []
