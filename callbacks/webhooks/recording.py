"""What a batch of webhooks holds, recorded in one transaction: reports, inbound messages, news of accounts.

Reports of any number of providers are recorded together, so that a batch of many providers' webhooks costs
no more statements than one provider's.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from audience import opting
from callbacks.models import Webhook
from callbacks.replies import people, record
from callbacks.webhooks import kinds
from callbacks.webhooks.deliveries import Delivery, Read, came
from callbacks.webhooks.routing import Directory
from campaigns.ledger import claims, ledger, marketing_stops
from campaigns.ledger.entries import Told
from campaigns.sending import marketing_hold, template_news
from lib import sql
from lib.wakeup import wake
from providers import account_history, refused_calls
from providers.messages import (
    AccountUpdate,
    IdentityChange,
    Preference,
    StatusUpdate,
    TemplateUpdate,
    Unhandled,
    WebhookItem,
)
from providers.messages import Reply as Inbound
from providers.models import Provider
from providers.refused_calls import What
from templates_app.history import changes
from templates_app.imports import renewal

# How long a report, or once an answer, waits for its message. It may come before we have recorded the BSP's
# answer.
WAITS = [timedelta(seconds=seconds) for seconds in (1, 2, 5, 15, 60, 300, 900, 3600)]
# How often it has waited when old messages are looked through too: a second later, after a while in case one
# was sent again, and at last.
OLDER = {1, 4, len(WAITS)}

State = Webhook.State


def take_in(directory: Directory, reads: Sequence[Read]) -> None:
    """Records what was read, and how each webhook ended, in one transaction."""
    now = timezone.now()
    items: dict[int | None, list[WebhookItem]] = defaultdict(list)
    for read in reads:
        routes = directory.routes(read.webhook.provider_id)
        for item in read.items:
            receivers = routes.of(item)
            items[receivers[0].pk if receivers else None].append(item)
    released: set[int] = set()
    with transaction.atomic():
        learnt = people.learn(items)
        deliveries = _sorted(directory, reads)
        kinds.note(came(reads, deliveries))
        _record_reports(deliveries)
        media_awaited = [_deliver(delivery) for delivery in deliveries]
        for pk, new in learnt.items():
            provider = None if pk is None else directory.providers[pk]
            released |= people.follow_up(provider, new, now)
        settle(reads)
    for provider_id in released | {one.provider.pk for one in deliveries if one.updates or one.replies}:
        wake("callbacks.forward", provider_id)
    _note_unhandled(reads)
    if any(media_awaited):
        wake("callbacks.media")
    if any(one.templates for one in deliveries):
        wake("templates.import")


def _note_unhandled(reads: Sequence[Read]) -> None:
    """Counts items that Waypost does not know: more of them than usual mean that a BSP changed its format."""
    for read in reads:
        for item in read.items:
            if isinstance(item, Unhandled):
                refused_calls.note(read.webhook.provider_id, What.UNHANDLED, text=item.kind)


def _sorted(directory: Directory, reads: Sequence[Read]) -> list[Delivery]:
    """Each item under the provider that it is for. Items for no provider, and unknown items, are only
    counted."""
    deliveries: dict[int, Delivery] = {}
    for read in reads:
        routes = directory.routes(read.webhook.provider_id)
        for item in read.items:
            receivers = routes.of(item)
            if not receivers:
                read.strays = True
                read.found[f"not for a number here: {type(item).__name__}"] += 1
            for receiver in receivers:
                delivery = deliveries.setdefault(receiver.pk, Delivery(receiver))
                if isinstance(item, StatusUpdate):
                    delivery.updates.append((read, item))
                elif isinstance(item, Inbound):
                    delivery.replies.append((read, item))
                elif isinstance(item, TemplateUpdate):
                    delivery.templates.append((read, item))
                elif isinstance(item, AccountUpdate):
                    delivery.accounts.append((read, item))
                elif isinstance(item, Preference):
                    delivery.preferences.append((read, item))
                elif isinstance(item, IdentityChange):
                    read.found["changed number or user id"] += 1
                else:
                    read.found[f"unhandled {item.kind}"] += 1
    return [delivery for _, delivery in sorted(deliveries.items())]


def _record_reports(deliveries: Sequence[Delivery]) -> None:
    """Records the delivery reports for all providers together."""
    told = [
        Told(
            one.provider.pk,
            update,
            one.provider.quirks.forward_sent,
            read.webhook.received_at,
            older=read.webhook.attempts in OLDER,
        )
        for one in deliveries
        for read, update in one.updates
    ]
    now = timezone.now()
    outcomes = iter(ledger.record_all(told))
    for delivery in deliveries:
        recorded = []
        for read, update in delivery.updates:
            outcome = next(outcomes)
            read.found[f"{outcome} {update.kind}"] += 1
            read.waits |= outcome == "unmatched"
            if outcome == "recorded":
                recorded.append(update)
        provider = delivery.provider
        account_history.note_reports(provider, recorded)
        marketing_hold.heed_reports(provider, recorded, now)
        if provider.state == Provider.State.PAUSED and any(update.account for update in recorded):
            claims.hurry(provider.pk, provider.connector.capped_codes)  # for when it is resumed
        template_news.heed_reports(provider, recorded, now)


def _deliver(delivery: Delivery) -> bool:
    """Records what else is for one provider. Returns whether media is to be fetched."""
    provider = delivery.provider
    for read, template in delivery.templates:
        read.found.update(changes.record(provider.pk, [template]))
    if delivery.templates:
        renewal.note(provider, [template for _, template in delivery.templates])
    for read, account in delivery.accounts:
        read.found.update(account_history.record(provider, [account]))
    for read, _ in delivery.preferences:
        read.found["marketing preference"] += 1
    updates = [update for _, update in delivery.updates]
    _heed_preferences(provider, updates, [preference for _, preference in delivery.preferences])
    first = [reply for read, reply in delivery.replies if not read.webhook.attempts]
    early = record.too_early(provider, first)
    for read, reply in delivery.replies:
        read.waits |= id(reply) in early  # once
    replies = [(read, reply) for read, reply in delivery.replies if id(reply) not in early]
    new, media_awaited = record.store(provider, [(read.webhook, reply) for read, reply in replies])
    for (read, _), first_time in zip(replies, new, strict=True):
        read.found["inbound message" if first_time else "repeated inbound message"] += 1
    return media_awaited


def _heed_preferences(
    provider: Provider, updates: Sequence[StatusUpdate], choices: Sequence[Preference]
) -> None:
    """Who stopped or resumed marketing in WhatsApp: as told, or by a refusal that says so."""
    codes = provider.connector.stopped_codes
    refusals = [update for update in updates if update.bsp_code in codes]
    stopped = [*people.with_numbers(choices), *marketing_stops.of_reports(provider.pk, refusals)]
    if stopped:
        opting.heed_preferences(provider, stopped, timezone.now())


class _Ending(NamedTuple):
    id: int
    state: int
    next_attempt_at: datetime
    attempts: int
    summary: str


def settle(reads: Sequence[Read]) -> None:
    """Writes how each webhook ended: done, waiting for its message, unmatched, not ours, or quarantined."""
    now = timezone.now()
    rows = []
    for read in reads:
        webhook = read.webhook
        state, due, summary = State.DONE, now, ", ".join(f"{n} {what}" for what, n in read.found.items())
        if read.error:
            state, summary = State.QUARANTINED, read.error
        elif read.waits and webhook.attempts < len(WAITS):
            state, due = State.WAITING, now + WAITS[webhook.attempts]
        elif read.strays:
            state = State.NOT_OURS
        elif read.waits:
            state = State.UNMATCHED
        rows.append(_Ending(webhook.pk, state.value, due, webhook.attempts + 1, summary[:500]))
    sql.update(
        Webhook,
        _Ending._fields,
        rows,
        "state = v.state, next_attempt_at = v.next_attempt_at, attempts = v.attempts, summary = v.summary",
        "m.id = v.id",
    )
