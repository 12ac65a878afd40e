"""Short links: one for each tracked button of a message, made when it is sent."""

import re
import secrets
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from campaigns.ledger import months
from campaigns.models import Link
from lib import sql

TOKEN_BYTES = 12  # 16 characters, which nobody guesses
RECENT = timedelta(days=7)  # nearly all taps are on links of messages that young
KEPT_EXPIRED = timedelta(days=30)  # how long an expired link says so; then it is deleted

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,32}")


class Wanted(NamedTuple):
    """A link to make. `prefix` is what precedes the token in the button's registered URL."""

    message_id: int
    path: str
    url: str
    prefix: str


class _Link(NamedTuple):
    """One link to store; the names are the columns of campaigns.Link."""

    message_id: int
    token: str
    path: str
    url: str
    short_url: str
    created_at: datetime
    expires_at: datetime
    clicks: int = 0


class Target(NamedTuple):
    """Where a link leads, and until when."""

    link_id: int
    url: str
    expires_at: datetime


def make(wanted: Sequence[Wanted], now: datetime, days: int) -> dict[int, dict[str, str]]:
    """Stores links that live for `days`, in one statement. Returns message → path → token.

    A message that is sent once more keeps the link it has, for another `days`.
    """
    if not wanted:
        return {}
    expires = now + timedelta(days=days)
    links = []
    for each in wanted:
        token = secrets.token_urlsafe(TOKEN_BYTES)
        link = _Link(each.message_id, token, each.path, each.url, each.prefix + token, now, expires)
        links.append(link)
    names = ("message_id", "path", "token")
    stored = sql.insert(Link, _Link._fields, links, ignore_conflicts=True, returning=names)
    if len(stored) < len(links):
        new = {token for _, _, token in stored}
        again = Link.objects.filter(message_id__in={link.message_id for link in links})
        again = again.exclude(token__in=new)
        again.update(expires_at=expires)
        stored += again.values_list(*names)
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for message_id, path, token in stored:
        found[message_id][path] = token
    return found


def find(token: str) -> Target | None:
    """The link with that token. In plain SQL: the ORM takes three times as long to ask."""
    if not _TOKEN.fullmatch(token):
        return None
    query = f"SELECT id, url, expires_at FROM {Link._meta.db_table} WHERE token = %s"
    recent, row = months.since(timezone.now() - RECENT), None
    with connection.cursor() as cursor:
        for within in (f" AND message_id >= {recent}", f" AND message_id < {recent}") if recent else ("",):
            cursor.execute(query + within, [token])
            if row := cursor.fetchone():
                break
    if row is None:
        return None
    link_id, url, expires_at = row
    return Target(link_id, url, sql.datetimes(expires_at))


def forget(now: datetime) -> int:
    """Deletes links, with their clicks, that expired long ago. Returns how many rows went."""
    old = Link.objects.filter(expires_at__lt=now - KEPT_EXPIRED).order_by("expires_at")
    return Link.objects.filter(pk__in=list(old.values_list("pk", flat=True)[: sql.at_once()])).delete()[0]
