"""What Waypost's intake is compared with: the usual view, and the fastest one there can be.

Both store the same row in the same table as the gateway and check the same credentials.
"""

import asyncio
import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
django.setup()

import msgspec  # noqa: E402
from django.contrib import admin  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils import timezone  # noqa: E402
from rest_framework import authentication, exceptions, serializers  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from campaigns.ledger import ledger  # noqa: E402
from campaigns.ledger.entries import Accepted  # noqa: E402
from campaigns.models import Message  # noqa: E402
from lib import crypto  # noqa: E402
from lib.plain_api import MachineHandler  # noqa: E402
from providers.models import ApiCredential, Provider  # noqa: E402


class ComponentSerializer(serializers.Serializer):
    type = serializers.CharField(required=False)
    header = serializers.DictField(required=False)
    body = serializers.DictField(required=False)
    index = serializers.IntegerField(required=False)
    subType = serializers.CharField(required=False)
    buttonText = serializers.CharField(required=False)
    parameters = serializers.ListField(child=serializers.DictField(), required=False)
    customProps = serializers.ListField(child=serializers.DictField(), required=False)


class TemplateSerializer(serializers.Serializer):
    namespace = serializers.CharField()
    languageCode = serializers.CharField()


class SendSerializer(serializers.Serializer):
    payloadVersion = serializers.FloatField()
    to = serializers.RegexField(r"^\+?[0-9]{7,15}$")
    wabaNumber = serializers.CharField()
    isTemplate = serializers.BooleanField()
    msgId = serializers.CharField(max_length=255)
    template = TemplateSerializer()
    components = ComponentSerializer(many=True)


class BasicDigest(authentication.BasicAuthentication):
    def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> Any:
        for row in ApiCredential.objects.filter(label=userid):
            if crypto.matches(f"{userid}:{password}", row.headers["authorization"]):
                return (row, None)
        raise exceptions.AuthenticationFailed


class PlainView(APIView):
    """DRF serializer and one ORM insert a request."""

    authentication_classes = [BasicDigest]

    def post(self, request: Any, public_id: str) -> Response:
        serializer = SendSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        now = timezone.now()
        Message.objects.create(
            provider=Provider.objects.get(public_id=public_id),
            msg_id=data["msgId"],
            to=data["to"].lstrip("+"),
            to_raw=data["to"],
            kind=Message.Kind.TEMPLATE,
            template=data["template"]["namespace"],
            language=data["template"]["languageCode"],
            campaign=data["msgId"].split("|")[1],
            payload=request.body.decode() if hasattr(request, "_body") else "",
            content=msgspec.json.encode(data["components"]).decode(),
            accepted_at=now,
            queued_at=now,
            next_attempt_at=now,
            answer_ms=0,
        )
        return Response({"status": "success"})


async def redirect(request: Any, token: str) -> HttpResponse:
    """A redirect that looks nothing up: the same for everybody."""
    return HttpResponse(status=302, headers={"Location": "https://shop.example.org/"})


urlpatterns = [
    path("admin/", admin.site.urls),  # whose place the middleware asks for
    path("v1/<str:public_id>/messages", PlainView.as_view()),
    path("l/<str:token>", redirect),
]


class _Plain(WSGIHandler):
    def get_response(self, request: Any) -> Any:
        request.urlconf = "bench.baselines"
        return super().get_response(request)


plain = _Plain()


# No middleware, like the gateway's own paths for machines and short links.
bare = MachineHandler("bench.baselines")

_queue: list[tuple[Any, asyncio.Future]] = []
_writing = False
_writers: set[asyncio.Task] = set()


async def ceiling(scope: Any, receive: Any, send: Any) -> None:
    """A raw ASGI function with group commit: no framework, no validation, no credentials."""
    global _writing
    if scope["type"] != "http":
        return
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    data = msgspec.json.decode(body) if body else None
    if data:
        future = asyncio.get_running_loop().create_future()
        _queue.append((_row(data, body), future))
        if not _writing:
            _writing = True
            _writers.add(task := asyncio.ensure_future(_write()))
            task.add_done_callback(_writers.discard)
        await future
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
    )
    await send({"type": "http.response.body", "body": b'{"status":"success"}'})


def _row(data: Any, body: bytes) -> Accepted:
    now = timezone.now()
    return Accepted(
        1, data["msgId"], False, data["to"][1:], data["to"], 1, data["template"]["namespace"], "en",
        "1767225600", "20260105", "1", body.decode(), msgspec.json.encode(data["components"]).decode(),
        "{}", "[]", now, now, now, 0,
    )  # fmt: skip


async def _write() -> None:
    global _writing
    while _queue:
        group = _queue[:400]
        del _queue[:400]
        await asyncio.to_thread(ledger.accept, [row for row, _ in group])
        for _, future in group:
            future.set_result(None)
    _writing = False
