"""How much a person's browser may post, judged by the Content-Length before anything is read.

Django takes a form with files apart, and writes the files to disk, before a view or a permission is asked.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from audience import upload
from broadcasts.people import lists
from stats.reconciliation import reading
from templates_app.exchange import formats

# Bytes for whoever has not signed in: less than what Django keeps in memory, so that nothing comes to disk.
STRANGER = 1_000_000
ROOM = 100_000  # bytes of the form around a file

# The pages that take files.
FILES = {
    "admin:audience_upload_choose": upload.MOST_BYTES,
    "reconciliation:upload": reading.MOST_BYTES,
    "admin:templates_app_template_import": formats.MOST_BYTES,
    "admin:broadcasts_broadcast_step": lists.MOST_BYTES,
}


class BodyLimitMiddleware:
    """Answers 413 to what is longer than its page takes. Stands behind the authentication, which reads no
    body."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            return HttpResponse("The Content-Length is not a number.", status=400, content_type="text/plain")
        if length > STRANGER and length > _most(request):
            return HttpResponse(
                "The request is larger than this page accepts.", status=413, content_type="text/plain"
            )
        return self.get_response(request)


def _most(request: HttpRequest) -> int:
    if not request.user.is_authenticated:
        return STRANGER
    try:
        name = resolve(request.path_info).view_name
    except Resolver404:
        return STRANGER
    return FILES[name] + ROOM if name in FILES else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
