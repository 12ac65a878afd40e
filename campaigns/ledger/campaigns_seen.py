"""Campaigns are entered when their first message comes in: at most one statement a minute for each."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from django.db import transaction

from campaigns.counting.keys import Key
from campaigns.models import Campaign
from lib import sql

AGAIN = timedelta(minutes=1)
MOST = 10_000


class _Campaign(NamedTuple):
    """One campaign to enter; the names are the columns of campaigns.Campaign."""

    provider_id: int
    code: str
    name: str
    first_seen_at: datetime
    last_seen_at: datetime


# When this process last wrote each campaign, by provider and id.
_noted: dict[tuple[int, str], datetime] = {}


def note(counted: Iterable[Key]) -> None:
    """Enters the campaigns of what was counted, or renews when they were last seen.

    Call it inside the transaction that stores their messages.
    """
    latest: dict[tuple[int, str], datetime] = {}
    for key in counted:
        if key.campaign:
            seen = (key.provider_id, key.campaign)
            latest[seen] = max(key.minute, latest.get(seen, key.minute))
    due = {seen: at for seen, at in latest.items() if seen not in _noted or at - _noted[seen] >= AGAIN}
    if not due:
        return
    sql.insert(
        Campaign,
        _Campaign._fields,
        # In the same order everywhere, so that no two processes wait for each other.
        [_Campaign(provider_id, code, "", at, at) for (provider_id, code), at in sorted(due.items())],
        conflict="(provider_id, code) DO UPDATE SET last_seen_at = excluded.last_seen_at "
        "WHERE campaigns_campaign.last_seen_at < excluded.last_seen_at",
    )
    transaction.on_commit(partial(_remember, due))


def _remember(written: dict[tuple[int, str], datetime]) -> None:
    if len(_noted) >= MOST:
        _noted.clear()
    _noted.update(written)
