"""Reading stored callbacks. Each provider's are read by one worker at a time, in the order they came; one
worker reads those of several providers together."""

import logging
import math
import random
import threading
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle
from time import monotonic, sleep

from django.db import InterfaceError, OperationalError, connection
from django.db.models import QuerySet
from django.utils import timezone

from callbacks.models import Webhook
from callbacks.webhooks import recording
from callbacks.webhooks.deliveries import Read
from callbacks.webhooks.routing import Directory
from campaigns.ledger import months
from lib import outages, sql
from lib.http import HttpRequest
from lib.wakeup import wake
from providers import leases
from providers.dialects.clevertap import callbacks as clevertap_callbacks
from providers.dialects.clevertap.requests import decode
from providers.messages import Malformed, WebhookItem, kind_of

logger = logging.getLogger(__name__)

BATCH = 500
GATHER = 0.02  # seconds; statements for many webhooks cost little more than for one
BATCHES = 8  # until a worker lets go of its providers, so that others may take some
# The shares of the waiting providers that a worker takes, one after the other. At first it leaves most to
# other workers; then it takes what they have left.
SHARES = (4, 2, 1)
REREAD = 1.0  # seconds between looks at the providers' settings

State = Webhook.State
_OPEN = f"({', '.join(str(state.value) for state in Webhook.OPEN)})"  # as the index has it
ENDS_WORKERS = "Its worker crashed twice while reading it, or took longer than a worker's lease."


def lease(provider_id: int) -> str:
    """Who reads the provider's webhooks."""
    return f"read:{provider_id}"


def drain(*, woken: threading.Event | None = None, stop: threading.Event | None = None) -> int:
    """Reads everything stored that no other worker reads. Returns how many webhooks."""
    woken, stop = woken or threading.Event(), stop or threading.Event()
    count = 0
    reader = _Reader()
    shares = cycle(SHARES)
    while not stop.is_set():
        woken.clear()
        waiting = outages.patiently(due)
        if waiting:
            # At random: whoever looks at the same time takes others.
            mine = random.sample(waiting, math.ceil(len(waiting) / next(shares)))
            with leases.together(lease(pk) for pk in mine) as holds:
                if holds:
                    count += reader.read(holds, stop)
        elif not woken.is_set():
            break
    return count


def due() -> list[int]:
    """The providers with webhooks to read that nobody reads now."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT p.id FROM providers_provider AS p
            LEFT JOIN providers_lease AS l ON l.name = 'read:' || p.id
            WHERE (l.name IS NULL OR {leases.free("l")}) AND EXISTS (
                SELECT 1 FROM callbacks_webhook AS w
                WHERE w.provider_id = p.id AND w.state IN {_OPEN} AND w.next_attempt_at <= %s
                {months.sql_in_work("w.id")})
            ORDER BY p.id""",
            [sql.adapted(now)],
        )
        return [pk for (pk,) in cursor.fetchall()]


class _Reader:
    """What one drain knows of the providers."""

    def __init__(self) -> None:
        self._directory: Directory | None = None
        self._read_at = 0.0

    def read(self, holds: Sequence[leases.Hold], stop: threading.Event) -> int:
        """Reads what waits for some providers, as far as it is this worker's turn. Returns how many."""
        providers = [int(hold.name.partition(":")[2]) for hold in holds]
        count = 0
        for _ in range(BATCHES):
            for hold in holds:
                hold.renew()
            done = outages.patiently(lambda: self._batch(providers))
            count += done
            if done <= 1 or stop.is_set():
                break
            if done < BATCH:
                sleep(GATHER)
        return count

    def _batch(self, providers: Sequence[int]) -> int:
        directory = self._directory
        fresh = monotonic() - self._read_at <= REREAD
        if directory is None or not fresh or not directory.providers.keys() >= set(providers):
            directory = Directory()
            self._read_at = monotonic()
        self._directory = None  # if the batch fails, its providers may say what was undone
        count = run_batch(providers, directory)
        self._directory = directory
        return count


def run_batch(providers: Sequence[int], directory: Directory, limit: int = BATCH) -> int:
    """Reads the oldest webhooks of the providers that are due. Returns how many.

    Before reading, it commits that they are being read. A worker that finds such webhooks knows that another
    one crashed over them, or took longer than its lease. It reads each of them alone. One that crashes a
    worker again is quarantined: otherwise it would stop everybody's webhooks.
    """
    webhooks = _oldest(providers, limit)
    interrupted = [webhook for webhook in webhooks if webhook.state in (State.READING, State.READING_ALONE)]
    for webhook in interrupted:
        if webhook.state == State.READING_ALONE:
            logger.error("Webhook %s ended a worker twice, or took too long; it is quarantined", webhook.pk)
            recording.settle([Read(webhook, error=ENDS_WORKERS)])
        else:
            _work(directory, [webhook], State.READING_ALONE)
    if webhooks and not interrupted:
        _work(directory, webhooks, State.READING)
    return len(interrupted or webhooks)


def _work(directory: Directory, webhooks: Sequence[Webhook], state: Webhook.State) -> None:
    mine = Webhook.objects.filter(pk__in=[webhook.pk for webhook in webhooks])
    mine.update(state=state)
    try:
        _take_in_or_quarantine(directory, webhooks)
    except (OperationalError, InterfaceError):
        with suppress(OperationalError, InterfaceError):  # the database failed, and no worker ended
            outages.patiently(lambda: mine.filter(state=state).update(state=State.PENDING))
        raise


def _oldest(providers: Sequence[int], limit: int) -> list[Webhook]:
    """In the order of their time. Each provider's index gives its own ones, and they are merged."""
    columns = ", ".join(f'"{field.column}"' for field in Webhook._meta.concrete_fields)
    within = months.sql_in_work("id")
    one = (
        f"SELECT * FROM (SELECT {columns} FROM callbacks_webhook WHERE provider_id = %s AND state IN {_OPEN} "
        f"AND next_attempt_at <= %s{within} ORDER BY next_attempt_at, id LIMIT {limit}) AS w"
    )
    query = f"{' UNION ALL '.join([one] * len(providers))} ORDER BY next_attempt_at, id LIMIT {limit}"
    now = sql.adapted(timezone.now())
    return list(Webhook.objects.raw(query, [value for pk in providers for value in (pk, now)]))


def _take_in_or_quarantine(directory: Directory, webhooks: Sequence[Webhook]) -> None:
    """Records the webhooks together. When that fails, records each provider's apart, and then each alone:
    a bad one stops no other."""
    try:
        recording.take_in(directory, [_read(directory, webhook) for webhook in webhooks])
    except (OperationalError, InterfaceError):
        raise  # the database is down, which is no webhook's fault
    except Exception as error:
        if len(webhooks) > 1:
            for part in _parts(webhooks):  # with the providers as they are stored: the failure was undone
                _take_in_or_quarantine(Directory(), part)
            return
        logger.exception("Webhook %s could not be recorded", webhooks[0].pk)
        reason = f"Cannot be recorded: {type(error).__name__}: {error}"
        recording.settle([Read(webhooks[0], error=reason.replace("\0", ""))])


def _parts(webhooks: Sequence[Webhook]) -> list[list[Webhook]]:
    by_provider: dict[int, list[Webhook]] = defaultdict(list)
    for webhook in webhooks:
        by_provider[webhook.provider_id].append(webhook)
    return list(by_provider.values()) if len(by_provider) > 1 else [[webhook] for webhook in webhooks]


def _read(directory: Directory, webhook: Webhook) -> Read:
    read = Read(webhook)
    try:
        read.items, read.kinds = _parse(directory, webhook)
    except Malformed as error:
        read.error = f"Cannot be read: {error}"
    except Exception as error:  # a connector's bug must not stop the queue
        logger.exception("Webhook %s could not be parsed", webhook.pk)
        slug = directory.providers[webhook.provider_id].connector_slug
        read.error = f"The {slug} connector failed on it: {type(error).__name__}: {error}"
    return read


def _parse(directory: Directory, webhook: Webhook) -> tuple[list[WebhookItem], set[str]]:
    """What the webhook holds, and which kinds of news these are."""
    body = bytes(webhook.body)
    if webhook.source == Webhook.Source.NATIVE:
        provider = directory.providers[webhook.provider_id]
        request = HttpRequest(webhook.method, webhook.url, webhook.headers, body)
        items = provider.connector.read_webhook(request, directory.config(provider))
        return items, provider.connector.webhook_kinds(request, items)
    inbound = webhook.source == Webhook.Source.INBOUND
    read = clevertap_callbacks.read_inbound if inbound else clevertap_callbacks.read_statuses
    items = read(decode(body))
    return items, {kind_of(item) for item in items}


# What may be read again from the admin: the others are recorded.
TROUBLED = (State.UNMATCHED, State.QUARANTINED, State.NOT_OURS)


def replay(webhooks: Sequence[int]) -> int:
    """Reads webhooks again that were not recorded, after a fix. Returns how many."""
    return _again(Webhook.objects.filter(state__in=TROUBLED, id__in=webhooks))


def reread(webhooks: QuerySet[Webhook], chunk: int = 1000) -> int:
    """Reads webhooks again of which an earlier version left something unhandled. Returns how many.

    Reports and messages that were recorded before change nothing.
    """
    ended = webhooks.filter(state__in=(State.DONE, *TROUBLED)).order_by("pk")
    count = last = 0
    while ids := list(ended.filter(pk__gt=last).values_list("pk", flat=True)[:chunk]):
        last = ids[-1]
        count += _again(Webhook.objects.filter(pk__in=ids))
    return count


def _again(webhooks: QuerySet[Webhook]) -> int:
    months.wake(webhooks.values_list("pk", flat=True))
    count = webhooks.update(state=State.PENDING, attempts=0, next_attempt_at=timezone.now())
    wake("callbacks.ingest")
    return count
