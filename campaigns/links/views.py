"""Where a tap on a tracked button leads: on to the URL that CleverTap sent."""

import logging
from functools import partial

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.encoding import iri_to_uri
from django.views import View

from campaigns.links import clicks, short_links
from lib import aside, outages

logger = logging.getLogger(__name__)

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<title>{title}</title>
<body style="font:1.1rem/1.5 system-ui,sans-serif;max-width:30rem;margin:20vh auto;padding:0 1rem">
<h1 style="font-size:1.4rem">{title}</h1><p>{text}</p></body></html>"""


class LinkView(View):
    """GET a short link: a redirect to what was stored for it, and to nothing else."""

    http_method_names = ["get", "head"]

    async def get(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            found = await aside.run(outages.once_more, partial(short_links.find, token))
        except DatabaseError:
            logger.exception("A short link could not be looked up")
            return _words(503, "One moment", "This link cannot be opened right now. Please try it again.")
        if found is None:
            return _words(404, "Nothing here", "This link does not exist. Please check that it is complete.")
        if found.expires_at <= timezone.now():
            return _words(410, "This link has expired", "The message with this link is too old.")
        clicks.note(found.link_id, request.META)
        # iri_to_uri leaves nothing that could end the header.
        return HttpResponse(
            status=302, headers={"Location": iri_to_uri(found.url), "Cache-Control": "no-store"}
        )


def _words(status: int, title: str, text: str) -> HttpResponse:
    page = _PAGE.format(title=title, text=text)
    return HttpResponse(page, status=status, headers={"Cache-Control": "no-store"})
