"""If a BSP accepts no marketing templates from an account, only these wait. All other messages are sent.

The BSP says so in its answer, or accepts the message and says so in a failed report.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from providers.messages import MARKETING_HOLD, SendResult, StatusUpdate
from providers.models import Provider
from templates_app.gate.prepare import Prepared

logger = logging.getLogger(__name__)

_MARKETING = "MARKETING"


def learn(provider: Provider, results: Sequence[SendResult], now: datetime) -> None:
    """Holds the marketing templates for an hour after one was refused because it is marketing. Then some are
    tried."""
    if any(result.marketing_is_off for result in results):
        _hold(provider, now, now)


def heed_reports(provider: Provider, updates: Sequence[StatusUpdate], now: datetime) -> None:
    """The same for failed reports. The hour counts from the report: one that is read late holds nothing."""
    for update in updates:
        if update.marketing_is_off:
            reported_at = datetime.fromtimestamp(update.timestamp, UTC) if update.timestamp else now
            _hold(provider, min(reported_at, now), now)


def _hold(provider: Provider, since: datetime, now: datetime) -> None:
    until = since + timedelta(seconds=MARKETING_HOLD)
    if until <= max(now, provider.marketing_held_until or now):
        return
    provider.marketing_held_until = until
    Provider.objects.filter(pk=provider.pk).update(marketing_held_until=until)
    logger.warning("Provider %s holds its marketing templates: the BSP takes none", provider.nickname)


def holds(provider: Provider, prepared: Prepared, now: datetime) -> bool:
    """Whether the message has to wait: its template is marketing, and the BSP would refuse it again."""
    held, known = provider.marketing_held_until, prepared.registered
    if held is None or held <= now or known is None or known.category != _MARKETING:
        return False
    return not provider.connector.sends_marketing_apart(provider.config)
