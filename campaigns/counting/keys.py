"""What a count is about."""

from datetime import datetime
from typing import NamedTuple

from campaigns.models import StatCount

Metric = StatCount.Metric


class Key(NamedTuple):
    """The names are the columns of campaigns.StatCount. `minute` is when it happened, seconds cut off."""

    provider_id: int
    minute: datetime
    campaign: str
    variant: str
    template: str
    metric: int
    code: int = 0
    url: str = ""


def minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
