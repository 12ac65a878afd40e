"""Media of inbound messages: fetched from the BSP once, and kept.

Waypost fetches media only where the connector says that CleverTap cannot, because its URL expires or
needs the BSP's key. Each such message gets a `Media` row when it is recorded. A worker fetches the file
soon. When CleverTap asks for our URL before that, the web fetches the file.
"""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import msgspec
from django.core.files.base import ContentFile
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from callbacks.media.fetching import Fetched, Unavailable, fetch, first_call
from callbacks.models import Media
from lib import outages, sql
from lib.redact import Redactor
from providers.messages import Reply as Inbound
from providers.models import Provider

logger = logging.getLogger(__name__)

TIMEOUT = 60.0  # seconds for one file with its redirects
READER_TIMEOUT = 25.0  # seconds while a caller waits, whose proxy would not wait for TIMEOUT
AT_ONCE = 4  # files; each is held in memory while it comes in
CLAIM = timedelta(seconds=2 * TIMEOUT)  # until others may try what a worker has taken and left
WAITS = [timedelta(seconds=seconds) for seconds in (5, 30, 300, 1800, 7200)]
STORED = ("state", "file", "content_type")


def expect(provider: Provider, replies: Sequence[tuple[int, Inbound]], now: datetime) -> bool:
    """Notes which of the new replies, with their ids, have media to fetch. Returns whether any has."""
    if not any(inbound.media for _, inbound in replies):
        return False
    connector, config = provider.connector, provider.config
    wanted = [pk for pk, inbound in replies if first_call(connector, config, inbound) is not None]
    Media.objects.bulk_create(Media(reply_id=pk, next_attempt_at=now) for pk in wanted)
    return bool(wanted)


def obtain(media: Media) -> None:
    """Fetches and stores the media for somebody who asks before the worker has it. Raises Unavailable.

    The connection is given back while the BSP is slow: the pool is that of the message endpoint.
    Only the worker notes failures, since readers may ask any number of times.
    """
    with sql.borrowed():
        call = _call_for(media)
    fetched = call(READER_TIMEOUT)
    with sql.borrowed():
        _keep(media, fetched)


class _Call(Protocol):
    def __call__(self, timeout: float) -> Fetched: ...


def _call_for(media: Media) -> _Call:
    """All that needs the database; the rest may run in another thread. Raises Unavailable."""
    provider = media.reply.provider
    if provider.unreadable:
        raise Unavailable(provider.unreadable)
    inbound = msgspec.json.decode(media.reply.content, type=Inbound)
    return partial(fetch, provider.connector, provider.config, inbound)


def _keep(media: Media, fetched: Fetched) -> None:
    """Stores the file, unless another process was faster. Raises Unavailable."""
    before = media.file.name
    try:
        media.file.save(str(media.reply_id), ContentFile(fetched.content), save=False)
    except OSError as error:
        raise Unavailable(f"it cannot be stored: {error}") from error
    stored, storage = str(media.file.name), media.file.storage
    same = Media.objects.filter(pk=media.pk, file=before or "")
    values = {"state": Media.State.STORED, "error": "", "content_type": fetched.content_type}
    if same.update(file=stored, **values):
        media.content_type = fetched.content_type
        return
    storage.delete(stored)
    try:
        media.refresh_from_db(fields=STORED)
    except Media.DoesNotExist as error:
        raise Unavailable("it was deleted meanwhile", for_good=True) from error


def _due() -> QuerySet[Media]:
    return Media.objects.filter(state=Media.State.PENDING, next_attempt_at__lte=timezone.now())


def due() -> bool:
    return _due().exists()


def drain(*, woken: threading.Event | None = None, stop: threading.Event | None = None) -> int:
    """Fetches everything due that no other worker has taken. Returns how many were tried."""
    done = 0
    with ThreadPoolExecutor(AT_ONCE, "media") as pool:
        while not (stop and stop.is_set()) and (rows := _take()):
            for row, fetching in [(row, _begin(pool, row)) for row in rows]:
                outages.patiently(partial(_settle, row, fetching))
            done += len(rows)
    return done


def _take() -> list[Media]:
    """The next to fetch. Other workers skip them for a while, and find them again if this worker dies."""
    with transaction.atomic():
        next_ones = _due().select_for_update(skip_locked=True).order_by("next_attempt_at", "id")
        ids = list(next_ones.values_list("pk", flat=True)[:AT_ONCE])
        Media.objects.filter(pk__in=ids).update(next_attempt_at=timezone.now() + CLAIM)
    return list(Media.objects.filter(pk__in=ids).select_related("reply__provider").order_by("pk"))


def _begin(pool: ThreadPoolExecutor, row: Media) -> "Future[Fetched]":
    try:
        return pool.submit(_call_for(row), TIMEOUT)
    except Exception as error:
        failed: Future[Fetched] = Future()
        failed.set_exception(error)
        return failed


def _settle(row: Media, fetching: "Future[Fetched]") -> None:
    """Stores what was fetched, or says on the row why it was not and when it is tried again."""
    try:
        _keep(row, fetching.result())
        return
    except DatabaseError:
        raise
    except Unavailable as error:
        reason, for_good = str(error), error.for_good
    except Exception as error:  # one message must not stop the queue
        logger.exception("Media %s could not be fetched", row.pk)
        reason, for_good = f"{type(error).__name__}: {error}", False
    reason = Redactor(row.reply.provider.secret_values).text(reason).replace("\0", "")
    attempts = row.attempts + 1
    values = {"attempts": attempts, "error": reason[:300]}
    if for_good or attempts > len(WAITS):
        values["state"] = Media.State.FAILED
    else:
        values["next_attempt_at"] = timezone.now() + WAITS[attempts - 1]
    # Unless the web has fetched it for a reader meanwhile.
    Media.objects.filter(pk=row.pk, state=Media.State.PENDING).update(**values)


def forget(now: datetime, days: int, limit: int = 500) -> int:
    """Deletes media that came more than `days` ago, files first. Returns how many.

    The oldest have the lowest ids, so not all rows are looked at.
    """
    before = now - timedelta(days=days)
    oldest = Media.objects.select_related("reply").order_by("pk")[:limit]
    old = [media for media in oldest if media.reply.received_at < before]
    for media in old:
        media.file.delete(save=False)
    return Media.objects.filter(pk__in=[media.pk for media in old]).delete()[0]
