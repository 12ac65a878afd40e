"""Campaigns are entered when their first message comes in: at most one statement a minute for each."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from campaigns.models import Campaign
from lib import sql

AGAIN = timedelta(minutes=1)
MOST = 10_000

# When each campaign was last written down by this process.
_noted: dict[tuple[int, str], datetime] = {}


def note(sights: Iterable[tuple[int, str, datetime]]) -> None:
    """Enters campaigns, each as provider, id and minute, or renews when they were last seen.

    Call it inside the transaction that stores their messages.
    """
    latest: dict[tuple[int, str], datetime] = {}
    for provider_id, code, at in sights:
        if code:
            latest[provider_id, code] = max(at, latest.get((provider_id, code), at))
    due = {key: at for key, at in latest.items() if key not in _noted or at - _noted[key] >= AGAIN}
    if not due:
        return
    sql.insert(
        Campaign,
        ("provider_id", "code", "name", "first_seen_at", "last_seen_at"),
        # In the same order everywhere, so that no two processes wait for each other.
        [(provider_id, code, "", at, at) for (provider_id, code), at in sorted(due.items())],
        conflict="(provider_id, code) DO UPDATE SET last_seen_at = excluded.last_seen_at "
        "WHERE campaigns_campaign.last_seen_at < excluded.last_seen_at",
    )
    transaction.on_commit(partial(_remember, due))


def _remember(written: dict[tuple[int, str], datetime]) -> None:
    if len(_noted) >= MOST:
        _noted.clear()
    _noted.update(written)
