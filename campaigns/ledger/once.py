"""What may be stored only once. On partitioned tables no constraint can ensure it, so a small table of hashes
does, for `REPEAT_RETENTION_DAYS`. On SQLite the tables' own constraints do.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar
from uuid import UUID

from campaigns.models import Once
from lib import sql
from lib.postgres import parts

T = TypeVar("T")


class _Once(NamedTuple):
    digest: UUID
    at: datetime


def new(entries: Sequence[T], name: Callable[[T], tuple[object, ...]], now: datetime) -> list[T]:
    """Those that were not stored before, by their names; one without a name always counts as new. In the
    caller's transaction: another transaction with the same name waits for it."""
    if not parts.parted():
        return list(entries)
    named = {_digest(words): entry for entry in reversed(entries) if (words := name(entry))}
    # In the same order everywhere, so that no two processes wait for each other.
    rows = [_Once(digest, now) for digest in sorted(named)]
    stored = sql.insert(Once, _Once._fields, rows, ignore_conflicts=True, returning=("digest",))
    fresh = {id(named[digest]) for (digest,) in stored}
    found = []
    for entry in entries:
        if not name(entry) or id(entry) in fresh:
            fresh.discard(id(entry))
            found.append(entry)
    return found


def _digest(words: tuple[object, ...]) -> UUID:
    return UUID(bytes=hashlib.sha256("\n".join(map(str, words)).encode()).digest()[:16])


def forget(now: datetime, days: int) -> int:
    """Deletes some of those that are older; none for 0. Returns how many."""
    if not days:
        return 0
    old = Once.objects.filter(at__lt=now - timedelta(days=days)).order_by("at").values_list("pk", flat=True)
    return Once.objects.filter(pk__in=list(old[: sql.at_once()])).delete()[0]
