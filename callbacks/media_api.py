"""Where CleverTap, and people in admin, fetch the media of inbound messages."""

import threading

from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views import View

from callbacks import media
from callbacks.models import Media
from providers.dialects.clevertap_callbacks import EXTENSIONS

# Fetching holds the whole file in memory, so few do it at a time in one process.
_fetching = threading.BoundedSemaphore(4)
_WAIT = 30.0


class MediaView(View):
    """GET a signed, time-limited URL: the media as the BSP had it."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, token: str) -> HttpResponseBase:
        found = media.read_token(token)
        if found is None:
            return _words(404, "There is no media here: the address is wrong, or too old.")
        if found.state == Media.State.PENDING or not _is_here(found):
            if not _fetching.acquire(timeout=_WAIT):
                return _words(503, "Too many are fetched at once. Ask again in a moment.")
            try:
                media.obtain(found)
            except media.Unavailable as error:
                return _words(410 if error.for_good else 502, f"The BSP does not give it out: {error}")
            finally:
                _fetching.release()
        response = FileResponse(
            found.file.open("rb"),
            content_type=found.content_type,
            filename=found.reply.kind + EXTENSIONS.get(found.content_type, ".bin"),
            as_attachment=found.content_type == media.PLAIN,  # nothing in it may run
        )
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Security-Policy"] = "sandbox; default-src 'none'"
        response["Cache-Control"] = "private, max-age=3600"
        return response


def _is_here(found: Media) -> bool:
    """Several machines need a storage they share; without one each fetches for itself."""
    name = found.file.name
    return bool(name) and found.file.storage.exists(str(name))


def _words(status: int, text: str) -> HttpResponse:
    return JsonResponse({"message": text}, status=status)
