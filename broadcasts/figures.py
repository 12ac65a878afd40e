"""How a broadcast's messages fare, by the counts that stats read."""

from django.utils import timezone

from broadcasts.models import Broadcast
from campaigns.stats import queries
from campaigns.stats.figures import Figures
from campaigns.stats.filters import Filters
from campaigns.timeline import code_words


def totals(broadcast: Broadcast) -> Figures:
    return queries.totals(filters(broadcast))


def failures(broadcast: Broadcast) -> int:
    return totals(broadcast).errors


def most_frequent_error(broadcast: Broadcast) -> str:
    errors = queries.errors(filters(broadcast))
    return code_words(errors[0].code) if errors else "no reason was given"


def filters(broadcast: Broadcast) -> Filters:
    """Everything of the broadcast, from its first message to now."""
    provider = broadcast.provider
    return Filters(
        timezone.now(), broadcast.tz, range="all", campaign=broadcast.code, provider=provider.nickname,
        provider_id=provider.pk,
    )  # fmt: skip
