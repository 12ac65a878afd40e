"""Media of inbound messages: fetched from the BSP once, kept, and served from a URL of ours.

Only where the connector says that CleverTap cannot fetch it by itself, because it expires or
needs the BSP's key. Each such message has a row from the moment it is recorded; a worker
fetches soon, and the URL does it too when CleverTap is faster.
"""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import partial
from time import time
from typing import Protocol

import msgspec
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.signing import BadSignature, TimestampSigner
from django.db import DatabaseError
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from callbacks.fetching import Fetched, Unavailable, fetch, first_call
from callbacks.models import Media, Reply
from lib import sql
from lib.redact import Redactor
from providers import leases
from providers.messages import Reply as Inbound
from providers.models import Provider

logger = logging.getLogger(__name__)

TIMEOUT = 60.0  # for one file, redirects and all
READER_TIMEOUT = 25.0  # while somebody waits for it, whose proxy gives up sooner
AT_ONCE = 4  # each is held in memory while it comes in
PATIENCE = 1.0  # between looks at the lease while waiting
WAITS = [timedelta(seconds=seconds) for seconds in (5, 30, 300, 1800, 7200)]
STORED = ("state", "file", "content_type")

_signer = TimestampSigner(salt="inbound media")


def expect(provider: Provider, replies: Sequence[tuple[int, Inbound]], now: datetime) -> bool:
    """Notes which of the new replies, with their ids, have media to fetch. Returns whether any has."""
    if not any(inbound.media for _, inbound in replies):
        return False
    connector, config = provider.bsp, provider.config
    wanted = [pk for pk, inbound in replies if first_call(connector, config, inbound) is not None]
    Media.objects.bulk_create(Media(reply_id=pk, next_attempt_at=now) for pk in wanted)
    return bool(wanted)


def reachable(reply: Reply, inbound: Inbound) -> Inbound:
    """The message with a media URL that CleverTap can fetch: ours, if we were to fetch it when it came."""
    if inbound.media is None or not hasattr(reply, "media"):
        return inbound
    return msgspec.structs.replace(inbound, media=msgspec.structs.replace(inbound.media, url=url(reply.pk)))


def url(reply_id: int) -> str:
    """Our URL of the reply's media, good for MEDIA_URL_SECONDS."""
    return f"{settings.PUBLIC_BASE_URL}{reverse('media', args=[_signer.sign(str(reply_id))])}"


def read_token(token: str) -> Media | None:
    """The media a URL of ours leads to; None when it is forged, too old, or gone."""
    try:
        reply_id = int(_signer.unsign(token, max_age=settings.MEDIA_URL_SECONDS))
    except (BadSignature, ValueError):
        return None
    return Media.objects.select_related("reply__provider").filter(reply_id=reply_id).first()


def obtain(media: Media) -> None:
    """Fetches and stores the media for somebody who asks before the worker has it. Raises Unavailable.

    The connection is given back while the BSP is slow: the pool is that of the message endpoint.
    What fails is for the worker to note, since readers may ask any number of times.
    """
    with sql.borrowed():
        call = _call_for(media)
    fetched = call(READER_TIMEOUT)
    with sql.borrowed():
        _keep(media, fetched)


class _Call(Protocol):
    def __call__(self, timeout: float) -> Fetched: ...


def _call_for(media: Media) -> _Call:
    """All that needs the database; the rest may run in another thread."""
    provider = media.reply.provider
    inbound = msgspec.json.decode(media.reply.content, type=Inbound)
    return partial(fetch, provider.bsp, provider.config, inbound)


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


def drain(
    *, linger: float = 0.0, stirred: threading.Event | None = None, stop: threading.Event | None = None
) -> int:
    """Fetches everything due. Returns how many were tried; nothing while another worker does it."""
    stirred = stirred or threading.Event()
    hold = leases.take("media")
    if hold is None:
        return 0
    done = 0
    idle_since = time()
    with hold, ThreadPoolExecutor(AT_ONCE, "media") as pool:
        while not (stop and stop.is_set()):
            stirred.clear()
            hold.renew()
            rows = list(_due().select_related("reply__provider").order_by("next_attempt_at", "id")[:AT_ONCE])
            for row, fetching in [(row, _begin(pool, row)) for row in rows]:
                while not wait([fetching], PATIENCE).done:
                    hold.renew()
                _settle(row, fetching)
            done += len(rows)
            if rows:
                idle_since = time()
            elif time() - idle_since >= linger:
                break
            else:
                stirred.wait(0.2)
    return done


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
    # A reader may have got it meanwhile.
    Media.objects.filter(pk=row.pk, state=Media.State.PENDING).update(**values)


def forget(now: datetime, days: int, limit: int = 500) -> int:
    """Deletes media that came more than `days` ago, files first. Returns how many.

    The oldest have the lowest ids, which saves a look at all of them.
    """
    before = now - timedelta(days=days)
    oldest = Media.objects.select_related("reply").order_by("pk")[:limit]
    old = [media for media in oldest if media.reply.received_at < before]
    for media in old:
        media.file.delete(save=False)
    return Media.objects.filter(pk__in=[media.pk for media in old]).delete()[0]
