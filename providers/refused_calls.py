"""Calls that leave no row of their own, above all those that were turned away: how many a minute, and the
last of them.

What CleverTap's set-up page gets wrong first is the login, and what a BSP's gets wrong is the secret. Nothing
of such a call becomes a message or a webhook, so without these rows nobody could see it. They are written
in the background, in groups: a call that costs nobody a login must not cost us a commit.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import Error as DatabaseError
from django.db import transaction
from django.utils import timezone

from lib import sql
from lib.group_commit import GroupCommit, Overloaded
from providers.models import CallCount, CallSample

logger = logging.getLogger(__name__)

What = CallCount.What
SAMPLES = 20
KEPT = timedelta(days=30)


class _Sample(NamedTuple):
    """The columns of a CallSample."""

    provider_id: int
    what: str
    at: datetime
    address: str
    text: str


class _Count(NamedTuple):
    """The columns of a CallCount."""

    provider_id: int
    what: str
    minute: datetime
    calls: int


def note(provider_id: int, what: CallCount.What, address: str = "", text: str = "") -> None:
    """Has the call counted a moment later. `text` must hold no secret. Never fails."""
    sample = _Sample(provider_id, what, timezone.now(), address[:45], text.replace("\x00", "")[:500])
    try:
        _writer.hand_over(sample)
    except (Overloaded, DatabaseError):
        logger.warning("A refused call of provider %d is not counted", provider_id)


def _write(group: Sequence[_Sample]) -> None:
    counted = Counter(
        (each.provider_id, each.what, each.at.replace(second=0, microsecond=0)) for each in group
    )
    kept: dict[tuple[int, str], list[_Sample]] = {}
    for each in group:
        kept.setdefault((each.provider_id, each.what), []).append(each)
    rows = [_Count(*key, count) for key, count in sorted(counted.items())]
    with transaction.atomic():
        sql.insert(
            CallCount,
            _Count._fields,
            rows,
            conflict=f"(provider_id, what, minute) DO UPDATE SET calls = {CallCount._meta.db_table}.calls"
            " + excluded.calls",
        )
        sql.insert(CallSample, _Sample._fields, [each for mine in kept.values() for each in mine[-SAMPLES:]])
        for provider_id, what in kept:
            mine = CallSample.objects.filter(provider_id=provider_id, what=what)
            old = mine.order_by("-id").values_list("id", flat=True)[SAMPLES : SAMPLES + 1].first()
            if old is not None:
                mine.filter(id__lte=old).delete()


_writer: GroupCommit[_Sample] = GroupCommit(_write, gather=0.5)


def forget(now: datetime) -> None:
    """Deletes old counts."""
    CallCount.objects.filter(minute__lt=now - KEPT).delete()
