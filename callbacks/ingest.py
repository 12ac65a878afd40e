"""Reading stored callbacks: reports go to the ledger, inbound messages become replies."""

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import sleep, time

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from callbacks import inbound
from callbacks.models import Webhook
from campaigns import ledger
from lib import sql
from lib.http import HttpRequest
from lib.wake import wake
from providers import leases
from providers.connectors.base import Config
from providers.dialects import clevertap_callbacks, clevertap_send
from providers.messages import Malformed, StatusUpdate, TemplateUpdate, WebhookItem
from providers.messages import Reply as Inbound
from providers.models import Provider
from templates_app import changes

logger = logging.getLogger(__name__)

BATCH = 500
GATHER = 0.02  # seconds; statements for many webhooks cost little more than for one
# A report may overtake the record of its own sending; and a BSP may be hours late with ours.
WAITS = [timedelta(seconds=seconds) for seconds in (1, 2, 5, 15, 60, 300, 900, 3600)]

State = Webhook.State


@dataclass(slots=True)
class _Read:
    """One webhook, what it holds, and what became of that."""

    webhook: Webhook
    updates: list[StatusUpdate] = field(default_factory=list)
    replies: list[Inbound] = field(default_factory=list)
    templates: list[TemplateUpdate] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)
    error: str = ""


def drain(
    *, linger: float = 0.0, stirred: threading.Event | None = None, stop: threading.Event | None = None
) -> int:
    """Reads everything stored. Returns how many webhooks; nothing while another worker does it."""
    stirred = stirred or threading.Event()
    hold = leases.take("ingest")
    if hold is None:
        return 0
    done = 0
    idle_since = time()
    with hold:
        while not (stop and stop.is_set()):
            stirred.clear()
            hold.renew()
            count = run_batch()
            done += count
            if count:
                idle_since = time()
                if count > 1:
                    sleep(GATHER)
            elif time() - idle_since >= linger:
                break
            else:
                stirred.wait(0.05)
    return done


def _due() -> QuerySet[Webhook]:
    now = timezone.now()
    return Webhook.objects.filter(state__in=(State.PENDING, State.WAITING), next_attempt_at__lte=now)


def due() -> bool:
    return _due().exists()


def run_batch(limit: int = BATCH) -> int:
    """Reads the oldest webhooks that are due. Returns how many."""
    webhooks = list(_due().order_by("next_attempt_at", "id")[:limit])
    by_provider: dict[int, list[Webhook]] = defaultdict(list)
    for webhook in webhooks:
        by_provider[webhook.provider_id].append(webhook)
    providers = Provider.objects.in_bulk(by_provider)
    for provider_id, mine in by_provider.items():
        _take_in_or_quarantine(providers[provider_id], mine)
    return len(webhooks)


def _take_in_or_quarantine(provider: Provider, webhooks: Sequence[Webhook]) -> None:
    """Takes them in together; when that fails each by itself, so that a bad one stops no other."""
    try:
        config = provider.config
        _take_in(provider, [_read(provider, config, webhook) for webhook in webhooks])
    except (OperationalError, InterfaceError):
        raise  # the database is down, and no webhook's fault
    except Exception as error:
        if len(webhooks) > 1:
            for webhook in webhooks:
                _take_in_or_quarantine(provider, [webhook])
            return
        logger.exception("Webhook %s could not be recorded", webhooks[0].pk)
        reason = f"Cannot be recorded: {type(error).__name__}: {error}"
        _settle([_Read(webhooks[0], error=reason.replace("\0", ""))], set())


def _read(provider: Provider, config: Config, webhook: Webhook) -> _Read:
    read = _Read(webhook)
    try:
        items = _parse(provider, config, webhook)
    except Malformed as error:
        read.error = f"Cannot be read: {error}"
        return read
    except Exception as error:  # a connector's bug must not stop the queue
        logger.exception("Webhook %s could not be parsed", webhook.pk)
        read.error = f"The {provider.connector} connector failed on it: {type(error).__name__}: {error}"
        return read
    for item in items:
        if isinstance(item, StatusUpdate):
            read.updates.append(item)
        elif isinstance(item, Inbound):
            read.replies.append(item)
        elif isinstance(item, TemplateUpdate):
            read.templates.append(item)
        else:
            read.found[f"unhandled {item.kind}"] += 1
    return read


def _parse(provider: Provider, config: Config, webhook: Webhook) -> list[WebhookItem]:
    body = bytes(webhook.body)
    if webhook.source == Webhook.Source.DELIVERY:
        return clevertap_callbacks.read_statuses(clevertap_send.decode(body))
    if webhook.source == Webhook.Source.INBOUND:
        return clevertap_callbacks.read_inbound(clevertap_send.decode(body))
    request = HttpRequest(webhook.method, webhook.url, webhook.headers, body)
    return provider.bsp.read_webhook(request, config)


def _take_in(provider: Provider, reads: Sequence[_Read]) -> None:
    """Records what was read, and how each webhook ended, in one transaction."""
    with transaction.atomic():
        updates = [update for read in reads for update in read.updates]
        outcomes = ledger.record(provider.pk, updates, provider.switches.forward_sent) if updates else []
        position = 0
        waiting: set[int] = set()
        for read in reads:
            for update in read.updates:
                outcome = outcomes[position]
                position += 1
                read.found[f"{outcome} {update.kind}"] += 1
                if outcome == "unmatched":
                    waiting.add(read.webhook.pk)
        for read in reads:
            read.found.update(changes.record(provider.pk, read.templates) if read.templates else ())
        received = [(read, reply) for read in reads for reply in read.replies]
        new, media_awaited = inbound.store(provider, [(read.webhook, reply) for read, reply in received])
        for (read, _), first_time in zip(received, new, strict=True):
            read.found["inbound message" if first_time else "repeated inbound message"] += 1
        _settle(reads, waiting)
    if any(read.updates or read.replies for read in reads):
        wake("callbacks.forward", provider.pk)
    if media_awaited:
        wake("callbacks.media")


def _settle(reads: Sequence[_Read], waiting: set[int]) -> None:
    """Writes how each webhook ended: done, waiting for its message, given up, or unreadable."""
    now = timezone.now()
    rows = []
    for read in reads:
        webhook = read.webhook
        state, due, summary = State.DONE, now, ", ".join(f"{n} {what}" for what, n in read.found.items())
        if read.error:
            state, summary = State.QUARANTINED, read.error
        elif webhook.pk in waiting and webhook.attempts < len(WAITS):
            state, due = State.WAITING, now + WAITS[webhook.attempts]
        elif webhook.pk in waiting:
            state = State.UNMATCHED
        rows.append((webhook.pk, state.value, due, webhook.attempts + 1, summary[:500]))
    sql.update(
        Webhook,
        ("id", "state", "next_attempt_at", "attempts", "summary"),
        rows,
        "state = v.state, next_attempt_at = v.next_attempt_at, attempts = v.attempts, summary = v.summary",
        "m.id = v.id",
    )


def replay(webhooks: Sequence[int]) -> int:
    """Reads quarantined and unmatched webhooks again, after a fix. Returns how many."""
    again = Webhook.objects.filter(Q(state=State.QUARANTINED) | Q(state=State.UNMATCHED), id__in=webhooks)
    count = again.update(state=State.PENDING, attempts=0, next_attempt_at=timezone.now())
    wake("callbacks.ingest")
    return count
