"""What reports say of how WhatsApp charges their messages: kept once a message, and counted."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from campaigns.counting.keys import Key, Metric
from campaigns.ledger.entries import Reported
from campaigns.ledger.events import count_key, moment
from campaigns.models import Pricing
from lib import sql


class _Pricing(NamedTuple):
    """One row to store; the names are the columns of campaigns.Pricing."""

    message_id: int
    type: str
    category: str
    billable: bool | None
    at: datetime
    received_at: datetime


def add(reports: Sequence[Reported], now: datetime, deltas: Counter[Key]) -> None:
    """Keeps the first pricing of each message. Later reports repeat it."""
    rows: dict[int, _Pricing] = {}
    about = {report.message.id: report.message for report in reports}
    for report in reports:
        if price := report.update.pricing:
            at = moment(report.update.timestamp, now)
            row = _Pricing(report.message.id, price.type, price.category, price.billable, at, received_at=now)
            rows.setdefault(report.message.id, row)
    if not rows:
        return
    stored = sql.insert(
        Pricing, _Pricing._fields, list(rows.values()), ignore_conflicts=True, returning=("message_id",)
    )
    for (message_id,) in stored:
        row, message = rows[message_id], about[message_id]
        if not message.untracked:
            key = count_key(message, row.at, Metric.PRICED)
            deltas[key._replace(url=f"{row.category}/{row.type}")] += 1
