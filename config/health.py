"""/livez and /readyz, for whatever watches over the processes.

Ready means: what CleverTap posts now can be stored. A broker that is down or a long queue is
shown but does not make the web unready, because taking it out of service would lose messages
that it could have kept.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from kombu import Connection

from callbacks.models import Webhook
from campaigns.models import Message, Status
from providers.models import Provider

logger = logging.getLogger(__name__)

NEEDED = ("database", "migrations")


class HealthMiddleware:
    """Before everything else: probes come with any Host header, and over plain HTTP."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = VIEWS.get(request.path_info)
        return view(request) if view else self.get_response(request)


def livez(request: HttpRequest) -> HttpResponse:
    return _answer(200, {"status": "alive"})


def readyz(request: HttpRequest) -> HttpResponse:
    checks = {name: _outcome(name, check) for name, check in CHECKS.items() if _applies(name)}
    ready = all(checks[name]["ok"] for name in NEEDED)
    degraded = not all(check["ok"] for check in checks.values())
    status = "not ready" if not ready else "degraded" if degraded else "ready"
    return _answer(200 if ready else 503, {"status": status, "checks": checks})


def _answer(status: int, body: dict[str, Any]) -> HttpResponse:
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})


def _applies(name: str) -> bool:
    return name != "broker" or bool(settings.CELERY_BROKER_URL)


def _outcome(name: str, check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What the check says, or not ok when it fails. The reason is for the log, not for callers."""
    began = monotonic()
    try:
        found = {"ok": True} | check()
    except Exception as error:
        logger.warning("Not healthy: %s: %s", name, error)
        found = {"ok": False, "problem": type(error).__name__}
    return found | {"milliseconds": round((monotonic() - began) * 1000)}


def _database() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return {}


_migrated = False


def _migrations() -> dict[str, Any]:
    """Applied migrations stay applied, so a process looks only until they are."""
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
        _migrated = not waiting
        if waiting:
            return {"ok": False, "unapplied": len(waiting)}
    return {}


def _queues() -> dict[str, Any]:
    """How long the oldest message and the oldest webhook have been waiting for a worker."""
    now = timezone.now()
    due = []
    for provider in Provider.objects.filter(state=Provider.State.ACTIVE):
        held = provider.hold_until is not None and provider.hold_until > now
        for kind in () if held else Message.Kind:  # each the first entry of the queue's index
            mine = Message.objects.filter(provider=provider, kind=kind, status=Status.QUEUED)
            due.append(mine.order_by("next_attempt_at").values_list("next_attempt_at", flat=True).first())
    unread = Webhook.objects.filter(state__in=(Webhook.State.PENDING, Webhook.State.WAITING))
    oldest = unread.order_by("next_attempt_at").values_list("next_attempt_at", flat=True).first()
    return {"oldest_message_seconds": _age(due, now), "oldest_webhook_seconds": _age([oldest], now)}


def _age(moments: list[datetime | None], now: datetime) -> float:
    first = min((moment for moment in moments if moment), default=now)
    return round(max(0.0, (now - first).total_seconds()), 1)


def _broker() -> dict[str, Any]:
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    with Connection(settings.CELERY_BROKER_URL, connect_timeout=1, transport_options=options) as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, interval_max=0, timeout=2)
    return {}


CHECKS: dict[str, Callable[[], dict[str, Any]]] = {
    "database": _database,
    "migrations": _migrations,
    "queues": _queues,
    "broker": _broker,
}
VIEWS: dict[str, Callable[[HttpRequest], HttpResponse]] = {"/livez": livez, "/readyz": readyz}
