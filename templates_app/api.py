"""The template list CleverTap imports from us, in the form of Meta's list.

Source: CleverTap's Generic WhatsApp page ("Import Templates").
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import JsonResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from rest_framework.request import Request
from rest_framework.views import APIView

from providers import auth
from templates_app.models import Template

DEFAULT_LIMIT = 50
MOST = 500


class TemplatesView(APIView):
    """GET ?limit=&after=, authenticated like the message endpoint.

    Only what CleverTap can send: approved, still at the BSP, and of a kind it knows. A cursor is
    the last row's id, so pages stay whole while templates come, change and go.
    """

    def get(self, request: Request, public_id: str) -> HttpResponseBase:
        access = auth.access(public_id)
        if access is None:
            return JsonResponse({"message": "There is no such endpoint"}, status=404)
        if not access.admits(request.META):
            return JsonResponse({"message": "Invalid Credentials"}, status=401)
        try:
            limit = min(max(int(request.GET.get("limit", DEFAULT_LIMIT)), 1), MOST)
            after = read_cursor(request.GET.get("after", ""))
        except ValueError as error:
            return JsonResponse({"message": str(error)}, status=400)
        rows = list(
            Template.objects.filter(
                provider_id=access.provider_id,
                status=Template.Status.APPROVED,
                unsupported="",
                vanished_at=None,
                id__gt=after,
            ).order_by("id")[: limit + 1]
        )
        page, more = rows[:limit], len(rows) > limit
        body: dict[str, Any] = {"data": [_shown(template) for template in page]}
        if page:
            cursors = {"before": cursor(page[0].pk), "after": cursor(page[-1].pk)}
            body["paging"] = {"cursors": cursors}
            if more:
                query = urlencode({"limit": limit, "after": cursors["after"]})
                path = reverse("templates", args=[public_id])
                body["paging"]["next"] = f"{settings.PUBLIC_BASE_URL}{path}?{query}"
        response = JsonResponse(body)
        etag = quote_etag(sha256(response.content).hexdigest())
        response["ETag"] = etag
        response["Cache-Control"] = "private, no-cache"
        return get_conditional_response(request, etag=etag, response=response) or response


def cursor(pk: int) -> str:
    return urlsafe_b64encode(f"t{pk}".encode()).decode().rstrip("=")


def read_cursor(text: str) -> int:
    """The id behind a cursor, 0 without one. CleverTap's own example ends in a stray quote."""
    text = text.strip().strip("\"'")
    if not text:
        return 0
    try:
        decoded = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
        return int(decoded.removeprefix("t"))
    except (Base64Error, ValueError) as error:
        raise ValueError("after: not a cursor of this list") from error


def _shown(template: Template) -> dict[str, Any]:
    """The template in Meta's form, with the keys of the BSP's listing that have no field here."""
    known = {
        "message_send_ttl_seconds": template.ttl_seconds,
        "previous_category": template.previous_category,
    }
    return {
        **template.extra,
        "name": template.name,
        **{name: value for name, value in known.items() if value},
        "parameter_format": template.parameter_format,
        "components": template.components,
        "language": template.language,
        "status": template.status,
        "category": template.category,
        "id": template.bsp_id or str(template.pk),
    }
