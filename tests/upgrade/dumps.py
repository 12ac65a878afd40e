"""A database as SQL text, on SQLite and on PostgreSQL, and what tables a database has."""

import re
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

# What makes a table, whatever the order of its columns. Parts of months come with time and are not compared.
_POSTGRES = """
WITH tables AS (SELECT c.oid, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition)
SELECT concat_ws(' ', relname, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
    attgenerated, pg_get_expr(adbin, adrelid)) FROM tables JOIN pg_attribute AS a ON attrelid = tables.oid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attnum > 0 AND NOT attisdropped
UNION SELECT relname || ' ' || pg_get_indexdef(indexrelid) FROM tables JOIN pg_index ON indrelid = tables.oid
UNION SELECT concat_ws(' ', relname, conname, pg_get_constraintdef(c.oid))
    FROM tables JOIN pg_constraint AS c ON conrelid = tables.oid
UNION SELECT relname || ' ' || pg_get_triggerdef(t.oid)
    FROM tables JOIN pg_trigger AS t ON tgrelid = tables.oid WHERE NOT tgisinternal
UNION SELECT relname || ' ' || pg_get_partkeydef(oid) FROM tables WHERE pg_get_partkeydef(oid) IS NOT NULL
"""
_SQLITE = """
SELECT m.name || ' ' || x.name || ' ' || x.type || x."notnull" || x.pk || x.hidden
    || coalesce(x.dflt_value, '')
    FROM sqlite_master AS m JOIN pragma_table_xinfo(m.name) AS x WHERE m.type = 'table'
UNION SELECT m.name || ' ' || f."from" || ' ' || f."table" || ' ' || f."to"
    FROM sqlite_master AS m JOIN pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table'
UNION SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL
"""
_ROLES = """
SELECT g.name || ' may ' || p.codename FROM auth_group AS g
JOIN auth_group_permissions AS gp ON gp.group_id = g.id JOIN auth_permission AS p ON p.id = gp.permission_id
WHERE g.name IN ('operators', 'analysts', 'auditors')
"""

# A restored PostgreSQL database writes the casts of an expression in other places.
_CASTS = re.compile(r"::(text|character varying)(\[\])?|[()]")


def vendor(env: Mapping[str, str]) -> str:
    return "postgresql" if env["DATABASE_URL"].startswith("postgres") else "sqlite"


def rows(env: Mapping[str, str], query: str) -> list[tuple[Any, ...]]:
    if vendor(env) == "postgresql":
        with psycopg.connect(env["DATABASE_URL"]) as server:
            return server.execute(query).fetchall()  # type: ignore[arg-type]
    with closing(sqlite3.connect(_file(env))) as database:
        return database.execute(query).fetchall()


def dump(env: Mapping[str, str]) -> str:
    if vendor(env) == "sqlite":
        with closing(sqlite3.connect(_file(env))) as database:
            return "\n".join(database.iterdump())
    # As INSERT, which any client may send: psql and the server that take it may be of any later version.
    how = ("--inserts", "--rows-per-insert=100", "--no-owner", "--no-acl", f"--dbname={env['DATABASE_URL']}")
    text = subprocess.run(["pg_dump", *how], capture_output=True, text=True, check=True).stdout
    return "\n".join(line for line in text.splitlines() if not line.startswith(("\\", "--", "SET ")))


def restore(env: Mapping[str, str], text: str) -> None:
    """Into a database that has no table."""
    if vendor(env) == "postgresql":
        with psycopg.connect(env["DATABASE_URL"], autocommit=True) as server:
            server.execute(text)  # type: ignore[arg-type]
        return
    with closing(sqlite3.connect(_file(env))) as database:
        database.executescript(text)


def tables(env: Mapping[str, str]) -> set[str]:
    """Columns, constraints and indexes of every table, and what the roles may."""
    query = _POSTGRES if vendor(env) == "postgresql" else _SQLITE
    return {_CASTS.sub("", line) for (line,) in (*rows(env, query), *rows(env, _ROLES))}


def _file(env: Mapping[str, str]) -> Path:
    return Path(env["DATABASE_URL"].removeprefix("sqlite:///"))
