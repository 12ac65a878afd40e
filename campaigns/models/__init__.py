"""Messages, every attempt and report of theirs, and the counts that stats read."""

from campaigns.models.counts import Campaign, Span, StatCount, StatDetail, StatPoint, StatScope
from campaigns.models.horizon import Horizon
from campaigns.models.installation import Installation
from campaigns.models.links import Click, Link
from campaigns.models.messages import Attempt, Message, Refusal, Status
from campaigns.models.months import Month, Once
from campaigns.models.reports import Event, Forward, Pricing

__all__ = [
    "Attempt",
    "Campaign",
    "Click",
    "Event",
    "Forward",
    "Horizon",
    "Installation",
    "Link",
    "Message",
    "Month",
    "Once",
    "Pricing",
    "Refusal",
    "Span",
    "StatCount",
    "StatDetail",
    "StatPoint",
    "StatScope",
    "Status",
]
