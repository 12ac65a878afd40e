"""How much the database reads for a query: for tests that this does not grow with the tables."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.models import Model


class Reading:
    """Rows and pages on PostgreSQL; steps of its machine on SQLite, in hundreds."""

    def __init__(self) -> None:
        self.amount = 0


@contextmanager
def reading() -> Iterator[Reading]:
    read = Reading()
    with _pages(read) if connection.vendor == "postgresql" else _steps(read):
        yield read


@contextmanager
def _pages(read: Reading) -> Iterator[None]:
    def explained(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith(("SELECT", "WITH")):
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", parameters)
                (found,) = cursor.fetchone()
            (plan,) = json.loads(found) if isinstance(found, str) else found
            read.amount += plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
            read.amount += _rows(plan["Plan"])
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(explained):
        yield


def _rows(node: dict[str, Any]) -> int:
    """The rows that its scans looked at."""
    here = 0
    if "Scan" in node["Node Type"]:
        here = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return int(here) + sum(_rows(each) for each in node.get("Plans", ()))


@contextmanager
def _steps(read: Reading) -> Iterator[None]:
    def step() -> int:
        read.amount += 1
        return 0

    connection.ensure_connection()
    connection.connection.set_progress_handler(step, 100)
    try:
        yield
    finally:
        connection.connection.set_progress_handler(None, 100)


def settle(*models: type[Model]) -> None:
    """Renews the planner's statistics, and has it use indexes for small tables too. The statistics outlive
    the test: with `models`, only those tables get new ones."""
    with connection.cursor() as cursor:
        for table in [model._meta.db_table for model in models] or [""]:
            cursor.execute(f"ANALYZE {table}")
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
