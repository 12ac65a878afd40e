"""DRF views for machines: one format in, one out, so there is nothing to negotiate."""

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from rest_framework.views import APIView


class PlainView(APIView):
    """Handlers get Django's request and give a ready answer; credentials are theirs to check.

    DRF's steps around a handler (negotiation, parsing, authentication, throttling, rendering)
    are left out: they decide what is fixed here, and cost twice what reading a message costs.
    DRF still routes, and answers a wrong method.
    """

    schema = None  # what CleverTap and BSPs post is in their own documentation, not in OpenAPI

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        name = (request.method or "").lower()
        handler = getattr(self, name, None) if name in ("get", "post") else None
        if handler is None:
            return super().dispatch(request, *args, **kwargs)
        response: HttpResponseBase = handler(request, *args, **kwargs)
        return response
