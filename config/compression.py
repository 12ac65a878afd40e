"""Pages are compressed. Files and what programs are answered are not: some clients take them as they come."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class PagesMiddleware(GZipMiddleware):
    """Django's, which adds random bytes, so that lengths tell nothing of what is in a page."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not response.headers.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)
