"""Short links: one for each tracked button of a message, made when it is sent."""

import re
import secrets
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection

from campaigns.models import Link
from lib import sql

TOKEN_BYTES = 12  # 16 characters, which nobody guesses
KEPT_EXPIRED = timedelta(days=30)  # so long a link says that it has expired, then it is unknown

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,32}")
_COLUMNS = ("message_id", "token", "path", "url", "short_url", "created_at", "expires_at", "clicks")


class Wanted(NamedTuple):
    """A link to make. `prefix` is what precedes the token in the button's registered URL."""

    message_id: int
    path: str
    url: str
    prefix: str


def make(wanted: Sequence[Wanted], now: datetime, days: int) -> dict[int, dict[str, str]]:
    """Stores links that live for `days`, in one statement. Returns message → path → token.

    A message that is sent once more keeps the link it has, for another `days`.
    """
    if not wanted:
        return {}
    expires = now + timedelta(days=days)
    rows = []
    for each in wanted:
        token = secrets.token_urlsafe(TOKEN_BYTES)
        row = (each.message_id, token, each.path, each.url, each.prefix + token, now, expires, 0)
        rows.append(row)
    names = ("message_id", "path", "token")
    stored = sql.insert(Link, _COLUMNS, rows, ignore_conflicts=True, returning=names)
    if len(stored) < len(rows):
        new = {token for _, _, token in stored}
        again = Link.objects.filter(message_id__in={row[0] for row in rows}).exclude(token__in=new)
        again.update(expires_at=expires)
        stored += again.values_list(*names)
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for message_id, path, token in stored:
        found[message_id][path] = token
    return found


def find(token: str) -> tuple[int, str, datetime] | None:
    """Id, destination and expiry. In plain SQL: the ORM takes three times as long to ask."""
    if not _TOKEN.fullmatch(token):
        return None
    with sql.borrowed(), connection.cursor() as cursor:
        cursor.execute(f"SELECT id, url, expires_at FROM {Link._meta.db_table} WHERE token = %s", [token])
        row = cursor.fetchone()
    return (row[0], row[1], sql.datetimes(row[2])) if row else None


def forget(now: datetime, limit: int = 2000) -> int:
    """Deletes links, with their clicks, that expired long ago. Returns how many rows went."""
    old = Link.objects.filter(expires_at__lt=now - KEPT_EXPIRED).order_by("expires_at")
    return Link.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:limit])).delete()[0]
