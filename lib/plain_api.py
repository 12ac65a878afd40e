"""DRF views for machines: one format in, one out, so there is nothing to negotiate."""

from typing import Any, ClassVar

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView


class _JsonOnly(BaseContentNegotiation):
    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0] if parsers else None

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return _RENDERER, _RENDERER.media_type


_RENDERER = JSONRenderer()


class PlainView(APIView):
    """The body is read raw and answers are written ready; credentials are checked by the view."""

    content_negotiation_class = _JsonOnly
    authentication_classes: ClassVar[list[Any]] = []
    permission_classes: ClassVar[list[Any]] = []
    throttle_classes: ClassVar[list[Any]] = []
