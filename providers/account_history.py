"""What BSPs report about a provider's account: stored as a timeline, and acted on."""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from providers import lifecycle
from providers.connectors.base import Rate
from providers.messages import Account, AccountUpdate, StatusUpdate
from providers.models import AccountEvent, Provider
from providers.outcomes import ACCOUNT_LIMIT, why_paused

logger = logging.getLogger(__name__)

UPGRADED = Rate(1000, 1)  # what Meta lets a number send after the upgrade of its throughput


def record(provider: Provider, updates: Sequence[AccountUpdate]) -> Counter[str]:
    """Keeps each update once and acts on it. Returns how many there were of each kind."""
    found: Counter[str] = Counter()
    for update in updates:
        moment = datetime.fromtimestamp(update.timestamp, UTC) if update.timestamp else timezone.now()
        event, new = AccountEvent.objects.get_or_create(
            provider=provider, happened_at=moment, kind=update.kind, text=update.text
        )
        found["account update" if new else "repeated account update"] += 1
        if new and (done := _act(provider, update)):
            event.effect = done
            event.save(update_fields=["effect"])
    return found


def note_reports(provider: Provider, updates: Sequence[StatusUpdate]) -> None:
    """Counts how many reports in a row say that the account was refused, and pauses the provider after too
    many. If they say that the account sends too much, nothing is sent for a while.

    Several BSPs accept messages from such an account, and report later that each has failed.
    """
    _slow_down(provider, updates)
    count, last = provider.account_failures, None
    for update in updates:
        if update.kind != "failed":
            count = 0
        elif update.account:
            count, last = count + 1, update
    if count >= ACCOUNT_LIMIT and last and last.account:
        reason = why_paused(f"{count} messages", last.account, last.text)
        if provider.state == Provider.State.ACTIVE:
            lifecycle.pause(provider, reason, last.account)
            logger.error("Provider %s paused: %s", provider.nickname, reason)
        count = 0
    if count != provider.account_failures:
        provider.account_failures = count
        Provider.objects.filter(pk=provider.pk).update(account_failures=count)


def _slow_down(provider: Provider, updates: Sequence[StatusUpdate]) -> None:
    """Holds the provider until the longest wait that the reports ask for is over. A wait counts from its
    report, so a report that is read late holds nothing."""
    now = timezone.now()
    for update in updates:
        if update.wait is None:
            continue
        reported_at = datetime.fromtimestamp(update.timestamp, UTC) if update.timestamp else now
        until = min(reported_at, now) + timedelta(seconds=update.wait)
        if until > max(now, provider.hold_until or now):
            provider.hold_until = until
            provider.hold_reason, provider.hold_for = update.text[:500], Provider.Hold.THROTTLE
            provider.save(update_fields=["hold_until", "hold_reason", "hold_for"])


def _act(provider: Provider, update: AccountUpdate) -> str:
    """Acts on the update. Returns what was done, in words for the provider's page."""
    if update.effect == "stop":
        words = ": ".join(filter(None, (update.kind, update.text)))
        reason = f"WhatsApp stopped the account ({words}). Resume when it may send again."
        lifecycle.pause(provider, reason, Account.RESTRICTED)
        logger.error("Provider %s paused: %s", provider.nickname, words)
        return "paused the provider"
    usual = provider.connector.default_rate
    mine = Provider.objects.filter(pk=provider.pk)
    if update.effect == "faster" and usual is not None:
        at_default = mine.filter(rate_count=usual.requests, rate_period=usual.seconds)
        if at_default.update(rate_count=UPGRADED.requests, rate_period=UPGRADED.seconds):
            return f"raised the rate limit from {usual.requests} to {UPGRADED.requests} a second"
    return ""
