"""The figures of a broadcast's messages, from the counts that stats read."""

from django.utils import timezone

from broadcasts.models import Broadcast
from campaigns.log.timeline import code_words
from stats.query import breakdowns, details
from stats.query.figures import Figures
from stats.query.filters import Filters


def totals(broadcast: Broadcast) -> Figures:
    return breakdowns.totals(filters(broadcast))


def failures(broadcast: Broadcast) -> int:
    return totals(broadcast).errors


def most_frequent_error(broadcast: Broadcast) -> str:
    errors = details.errors(filters(broadcast))
    return code_words(errors[0].code) if errors else "no reason was given"


def filters(broadcast: Broadcast) -> Filters:
    """Everything of the broadcast, from its first message to now."""
    provider = broadcast.provider
    return Filters(
        timezone.now(),
        broadcast.tz,
        range="all",
        campaign=broadcast.code,
        provider=provider.nickname,
        provider_id=provider.pk,
    )
