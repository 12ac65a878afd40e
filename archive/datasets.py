"""The data sets: their columns in the files, and the statements that read them. docs/archive.md has both.

A column is only added, and VERSION rises with it. Files keep the version that they were written by.
"""

from typing import NamedTuple

from django.db import connection, models

from callbacks.models import Reply
from campaigns.models import Campaign, Event, Message, Pricing

VERSION = 1

WHOLE, MASKED, HASHED = "whole", "masked", "hashed"  # ARCHIVE_NUMBERS


class Column(NamedTuple):
    """`type` is Arrow's name for it. `sql` reads it from the row `t` and its provider `p`; without one it is
    made while rows are written."""

    name: str
    type: str
    sql: str = ""


class Dataset(NamedTuple):
    """`day` says which day, by UTC, a row belongs to; without one it is the day on which it is written, and
    the whole table is written once each day. `joined` leads from `t` to what has the provider."""

    name: str
    model: type[models.Model]
    day: str
    columns: tuple[Column, ...]
    joined: str = ""
    provider: str = "t.provider_id"

    @property
    def table(self) -> str:
        return self.model._meta.db_table


TIME = "timestamp[us, tz=UTC]"


def _plain(type_: str, *names: str) -> tuple[Column, ...]:
    return tuple(Column(name, type_, f't."{name}"') for name in names)


def _words(name: str, choices: type[models.IntegerChoices]) -> Column:
    cases = " ".join(f"WHEN {each.value} THEN '{each.label.lower()}'" for each in choices)
    return Column(name, "string", f'CASE t."{name}" {cases} END')


# Both are made of `who`: the number or user id.
PERSON = (Column("person", "string"), Column("number", "string"))

MESSAGES = Dataset(
    "messages",
    Message,
    "accepted_at",
    (
        *_plain("int64", "id"),
        *_plain(TIME, "accepted_at"),
        *_plain("string", "msg_id", "campaign", "batch", "variant", "template", "language"),
        _words("kind", Message.Kind),
        *_plain("bool", "untracked"),
        *PERSON,
        Column("content", "string", "t.content"),
        Column("custom_props", "string", "t.custom_props"),
    ),
)
REPORTS = Dataset(
    "reports",
    Event,
    "at",
    (
        *_plain("int64", "id"),
        Column("message", "int64", "t.message_id"),
        _words("kind", Event.Kind),
        *_plain(TIME, "at", "received_at"),
        *_plain("int16", "code"),
        *_plain("string", "bsp_code"),
        *_plain("bool", "not_sent"),
    ),
)
COSTS = Dataset(
    "costs",
    Pricing,
    "at",
    (
        *_plain("int64", "id"),
        Column("message", "int64", "t.message_id"),
        *_plain(TIME, "at", "received_at"),
        *_plain("string", "category", "type"),
        *_plain("bool", "billable"),
    ),
    f"JOIN {Message._meta.db_table} AS m ON m.id = t.message_id",
    "m.provider_id",
)
REPLIES = Dataset(
    "replies",
    Reply,
    "at",
    (
        *_plain("int64", "id"),
        *_plain(TIME, "at", "received_at"),
        *_plain("string", "kind"),
        Column("answers", "int64", "t.answers_id"),
        *PERSON,
        Column("text", "string", "t.text"),
    ),
)
CAMPAIGNS = Dataset(
    "campaigns",
    Campaign,
    "",
    (
        *_plain("int64", "id"),
        *_plain("string", "code", "name"),
        *_plain(TIME, "first_seen_at", "last_seen_at"),
        Column("archived_at", TIME),
    ),
)
ALL = (MESSAGES, REPORTS, COSTS, REPLIES, CAMPAIGNS)
# What people wrote or were told: only where ARCHIVE_TEXTS is set.
TEXTS = {"content", "custom_props", "text"}
_WHO = {
    MESSAGES.name: "t.person",
    REPLIES.name: "CASE WHEN t.sender <> '' THEN t.sender ELSE t.user_id END",
}


def who(dataset: Dataset) -> str:
    """The SQL of the number, or the user id, of whom a row is about; empty where it is about nobody."""
    return _WHO.get(dataset.name, "")


def read(dataset: Dataset) -> str:
    """The statement for the next rows in a range of ids: a column of the files each, where it is the rows',
    then whom it is about, and the provider. Times are texts on SQLite and microseconds since 1970 on
    PostgreSQL: both are cheaper than datetimes."""
    columns = [_time(each.sql) if each.type == TIME else each.sql for each in dataset.columns if each.sql]
    columns += [who(dataset) or "''", dataset.provider]
    return (
        f"SELECT {', '.join(columns)} FROM {dataset.table} AS t {dataset.joined}"
        " WHERE t.id > %s AND t.id <= %s ORDER BY t.id LIMIT %s"
    )


def _time(column: str) -> str:
    if connection.vendor == "postgresql":
        # Exact to the microsecond until the year 2255. EXTRACT, which is always exact, takes longer than the
        # rest of the statement.
        return f"(date_part('epoch', {column}) * 1000000)::bigint"
    return f"({column} || '')"
