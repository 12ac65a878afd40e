"""A backup as a directory, and a database made from one.

manifest.json   the version, the moment, how many rows each table has
database.dump   pg_dump's custom format, or database.sqlite3
media/          the files of MEDIA_ROOT
keys.env        SECRET_KEY and FIELD_ENCRYPTION_KEYS, where they were asked for
"""

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection, models, transaction
from django.utils import timezone

from lib import keys
from lib.version import VERSION

MANIFEST = "manifest.json"
GAP = 100_000_000  # ids that the lost hours may have used


class Failed(Exception):
    """Why there is no backup, or no restored database, as sentences for an operator."""


def make(parent: Path, *, with_keys: bool, with_media: bool) -> Path:
    """Makes a new directory under `parent`. It gets its name once it is complete. Raises Failed."""
    name = f"waypost-{timezone.now():%Y%m%d-%H%M%S-%f}"
    draft, made = parent / f"{name}.unfinished", parent / name
    try:
        draft.mkdir(mode=0o700, parents=True)
        manifest = {"version": VERSION, "at": timezone.now().isoformat(), "vendor": connection.vendor}
        with _one_moment() as snapshot:
            rows = counts()
            _dump(draft, snapshot)
        if with_media and Path(settings.MEDIA_ROOT).is_dir():
            shutil.copytree(settings.MEDIA_ROOT, draft / "media")
        if with_keys:
            _write(draft / "keys.env", _keys())
        _write(draft / MANIFEST, json.dumps(manifest | {"rows": rows}, indent=2))
        draft.rename(made)
    except OSError as error:
        raise Failed(f"{draft} cannot be written: {error}") from error
    except DatabaseError as error:
        raise Failed(f"The database cannot be read: {error}") from error
    return made


@contextmanager
def _one_moment() -> Iterator[str]:
    """What is counted and what is dumped inside is of one moment. PostgreSQL names it for pg_dump."""
    with transaction.atomic(), connection.cursor() as cursor:
        name = ""
        if connection.vendor == "postgresql":
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # a dump may take hours
            cursor.execute("SELECT pg_export_snapshot()")
            name = cursor.fetchone()[0]
        yield name


def _dump(to: Path, snapshot: str) -> None:
    if connection.vendor == "sqlite":
        # Uses a connection of its own: the one that blocks writers meanwhile would wait for itself.
        _copy(connection.settings_dict["NAME"], to / "database.sqlite3")
        return
    file = str(to / "database.dump")
    ours = (f"--snapshot={snapshot}", f"--dbname={connection.settings_dict['NAME']}")
    _run("pg_dump", "--format=custom", "--no-owner", "--no-acl", f"--file={file}", *ours)
    if " campaigns_message " not in _run("pg_restore", "--list", file):
        raise Failed("pg_dump wrote no table of Waypost. Does DATABASE_URL name Waypost's database?")


def restore(made: Path, *, with_media: bool) -> dict[str, Any]:
    """Fills an empty database, and MEDIA_ROOT. Returns the manifest of the backup. Raises Failed."""
    try:
        manifest: dict[str, Any] = json.loads((made / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise Failed(f"{made} is not a complete backup of Waypost: {error}") from error
    if manifest["vendor"] != connection.vendor:
        raise Failed(f"It is a backup of {manifest['vendor']}, and DATABASE_URL names {connection.vendor}.")
    if connection.introspection.table_names():
        raise Failed("The database that DATABASE_URL names has tables already. Name an empty one.")
    if connection.vendor == "sqlite":
        connection.close()
        _copy(made / "database.sqlite3", connection.settings_dict["NAME"])
    else:
        how = ("--no-owner", "--no-acl", "--exit-on-error", "--single-transaction")
        where = f"--dbname={connection.settings_dict['NAME']}"
        _run("pg_restore", *how, where, str(made / "database.dump"))
    if wrong := [table for table, rows in manifest["rows"].items() if _count(table) != rows]:
        raise Failed(f"The rows of these tables differ from the backup's manifest: {', '.join(wrong)}.")
    if with_media and (made / "media").is_dir():
        shutil.copytree(made / "media", settings.MEDIA_ROOT, dirs_exist_ok=True)
    return manifest


def leave_a_gap() -> None:
    """Ids go on far above those that the lost hours may have used, which BSPs and links still name."""
    with connection.cursor() as cursor:
        for model in _models():
            key, table = model._meta.pk, model._meta.db_table
            if not isinstance(key, models.BigAutoField):
                continue
            last = f"SELECT COALESCE(max({key.column}), 0) + %s FROM {table}"
            if connection.vendor == "sqlite":
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
                cursor.execute(f"INSERT INTO sqlite_sequence VALUES (%s, ({last}))", [table, GAP])
            else:
                cursor.execute(
                    f"SELECT setval(pg_get_serial_sequence(%s, %s), ({last}))", [table, key.column, GAP]
                )


def counts() -> dict[str, int]:
    """How many rows each table has."""
    return {model._meta.db_table: _count(model._meta.db_table) for model in _models()}


def _models() -> Iterator[type[models.Model]]:
    return (each for each in apps.get_models(include_auto_created=True) if each._meta.managed)


def _count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")
        return int(cursor.fetchone()[0])


def _copy(source: Path | str, target: Path | str) -> None:
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def _write(path: Path, text: str) -> None:
    path.touch(0o600)
    path.write_text(text)


def _keys() -> str:
    return f"SECRET_KEY={settings.SECRET_KEY}\nFIELD_ENCRYPTION_KEYS={','.join(keys.keys())}\n"


def _run(program: str, *argv: str) -> str:
    """Runs one of PostgreSQL's programs. The password is in no list of processes."""
    named = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD"}
    given = {name: str(connection.settings_dict[key]) for name, key in named.items()}
    env = os.environ | {name: value for name, value in given.items() if value}
    try:
        done = subprocess.run([program, *argv], env=env, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError as error:
        raise Failed(f"{program} is not installed. On Debian: apt install postgresql-client.") from error
    if done.returncode:
        raise Failed(f"{program} failed: {done.stderr.strip()[-500:]}")
    return done.stdout
