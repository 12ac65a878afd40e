"""Where CleverTap, and people in admin, fetch the media of inbound messages."""

import threading

from django.core.files import File
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views import View

from callbacks.media import downloads, signed_urls
from callbacks.media.fetching import PLAIN, Unavailable
from callbacks.models import Media
from lib import sql
from providers.dialects.clevertap.callbacks import EXTENSIONS

# CleverTap's messages need the web's threads. So only a few threads fetch, each with a whole file in
# memory, and a few more wait for them. Further requests get 503.
_fetching = threading.BoundedSemaphore(downloads.AT_ONCE)
_waiting = threading.BoundedSemaphore(4 * downloads.AT_ONCE)
_WAIT = 10.0
_AGAIN = 5  # seconds
BLOCK = 65536


class MediaView(View):
    """GET a signed, time-limited URL: the media as the BSP had it."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, token: str) -> HttpResponseBase:
        # A slow reader must not keep a database connection.
        with sql.borrowed():
            found = signed_urls.media_of(token)
        if found is None:
            return _words(404, "There is no file here: the address is wrong or has expired.")
        file = _opened(found)
        if file is None:
            if not _waiting.acquire(blocking=False):
                return _words(503, "Too many files are being fetched. Ask again in a moment.")
            try:
                file = _fetched(found)
            except Unavailable as error:
                return _words(410 if error.for_good else 502, "The BSP does not provide this file.")
            finally:
                _waiting.release()
        if file is None:
            return _words(503, "Waypost is fetching the file. Ask again in a moment.")
        response = FileResponse(
            file,
            content_type=found.content_type,
            filename=found.reply.kind + EXTENSIONS.get(found.content_type, ".bin"),
            as_attachment=found.content_type == PLAIN,  # nothing in it may run
        )
        response.block_size = BLOCK
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Security-Policy"] = "sandbox; default-src 'none'"
        response["Cache-Control"] = "private, max-age=3600"
        return response


def _fetched(found: Media) -> "File[bytes] | None":
    """The file, fetched from the BSP unless somebody else has just done so. Raises Unavailable."""
    if not _fetching.acquire(timeout=_WAIT):
        return None
    try:
        with sql.borrowed():
            found.refresh_from_db(fields=downloads.STORED)
        file = _opened(found)
        if file is None:
            downloads.obtain(found)
        return file or _opened(found)
    except Media.DoesNotExist as error:
        raise Unavailable("it was deleted meanwhile", for_good=True) from error
    finally:
        _fetching.release()


def _opened(found: Media) -> "File[bytes] | None":
    """The stored file; None when it is not here. Machines without a shared storage fetch it each for
    themselves."""
    try:
        return found.file.open("rb") if found.file else None
    except FileNotFoundError:
        return None


def _words(status: int, text: str) -> HttpResponse:
    response = JsonResponse({"message": text}, status=status)
    if status in (502, 503):
        response.reason_phrase = f"{response.reason_phrase} ({text})"  # in the log
        response["Retry-After"] = str(_AGAIN)
    return response
