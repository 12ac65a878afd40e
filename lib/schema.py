"""Which version of the code made the tables, so that no other version works on them.

`migrate` keeps, for each of our apps, a fingerprint of its tables as the code has them. It is only renewed by
migrations of that app. Where the code has other tables and no migration says so, the two differ.
"""

import hashlib
from collections.abc import Iterable
from enum import StrEnum

from django.apps import AppConfig, apps
from django.conf import settings
from django.db import DatabaseError, connection, models, transaction

from lib import migrations
from lib.postgres import parts
from lib.version import VERSION

TABLE = "waypost_schema"  # without a model: it must be readable whatever the models are
_MADE = f"""
CREATE TABLE IF NOT EXISTS {TABLE}
(app varchar(40) PRIMARY KEY, fingerprint varchar(64) NOT NULL, version varchar(20) NOT NULL)
"""

_same = False


class State(StrEnum):
    CURRENT = "current"
    OLDER = "older"  # migrations wait
    OTHER = "other"  # and no migration leads from it to this version
    UNKNOWN = "unknown"  # the database does not answer


def ours() -> list[AppConfig]:
    """The apps of Waypost that have tables."""
    found = [each for each in apps.get_app_configs() if str(each.path).startswith(str(settings.BASE_DIR))]
    return [each for each in found if ".venv" not in str(each.path) and any(each.get_models())]


def fingerprint(app: AppConfig) -> str:
    """Of the app's tables: their columns with types and targets, the names of constraints and indexes, and
    what they are parted by on PostgreSQL."""
    lines = sorted(line for model in app.get_models(include_auto_created=True) for line in _lines(model))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _lines(model: type[models.Model]) -> Iterable[str]:
    meta = model._meta
    for field in meta.local_concrete_fields:
        target = field.remote_field.model._meta.db_table if field.remote_field else ""
        marks = (field.null, field.unique, field.primary_key)
        kind = f"{field.get_internal_type()}({field.max_length})"
        yield f"{meta.db_table}.{field.column} {kind} {marks} {target}"
    for each in (*meta.constraints, *meta.indexes):
        yield f"{meta.db_table} {each.name}"
    if meta.db_table in parts.BY:
        yield f"{meta.db_table} by {parts.BY[meta.db_table]}"


def keep(changed: Iterable[str]) -> None:
    """After migrations of the apps with these labels: their tables are this code's."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_MADE)
        for app in ours():
            if app.label in changed:
                cursor.execute(f"DELETE FROM {TABLE} WHERE app = %s", [app.label])
                cursor.execute(
                    f"INSERT INTO {TABLE} VALUES (%s, %s, %s)", [app.label, fingerprint(app), VERSION]
                )


def state() -> State:
    """Whether the database belongs to this code."""
    global _same
    try:
        if migrations.pending():
            return State.OLDER
        kept = {app: found for app, (found, _) in _kept().items()}
        _same = all(kept.get(app.label) == fingerprint(app) for app in ours())
        return State.CURRENT if _same else State.OTHER
    except DatabaseError:
        return State.UNKNOWN


def _kept() -> dict[str, tuple[str, str]]:
    if TABLE not in connection.introspection.table_names():
        return {}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT app, fingerprint, version FROM {TABLE}")
        return {app: (found, version) for app, found, version in cursor.fetchall()}


def other() -> str:
    """The complaint about tables of another state of the code. Those of this one stay so, and a process looks
    only until it knows that they are."""
    if _same:
        return ""
    found = state()
    return complaint(found) if found == State.OTHER else ""


def complaint(found: State) -> str:
    """What is wrong and what to do, as sentences; empty where nothing is."""
    if found == State.OLDER:
        return f"The database is older than Waypost {VERSION}. Run manage.py migrate, then start again."
    if found != State.OTHER:
        return ""
    kept = _kept()
    others = [app.label for app in ours() if kept.get(app.label, ("", ""))[0] != fingerprint(app)]
    makers = sorted({kept[label][1] for label in others if label in kept}) or ["an earlier version"]
    return (
        f"The tables of {', '.join(others)} were made by another version of the code ({', '.join(makers)}),"
        f" and no migration leads from them to this one ({VERSION}). Nothing is lost: go back to the code"
        " that made them, or give this one a new database (DATABASE_URL) and run manage.py migrate."
    )


def problem() -> str:
    """Why no process may start on this database, and what to do; else empty. A database that does not answer
    is no such reason: who starts waits for it."""
    return complaint(state())
