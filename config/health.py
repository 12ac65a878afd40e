"""/livez, /readyz and /healthz, for whatever supervises the processes; /metrics is beside them.

Ready means: what CleverTap posts now can be stored. A broker that is down, a secret that no key can decrypt,
or a long queue is shown. It does not make the web unready: out of service, the web would lose messages that
it could store.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from datetime import datetime
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.log import log_response
from kombu import Connection

from callbacks.models import Webhook
from campaigns.models import Message, Status
from lib import aside, migrations, schema, sql
from lib.version import VERSION
from operations.metrics.views import admitted, metrics, open_incidents
from providers import stored_secrets
from providers.models import Provider

logger = logging.getLogger(__name__)

Outcome = dict[str, Any]
NEEDED = ("database", "migrations")
DATABASE = ("database", "migrations", "secrets", "queues")
BROKER = ("broker",)
PATIENCE = 0.8  # seconds for all checks, so that the answer comes within one


class HealthMiddleware:
    """Answers before all other middleware: probes come with any Host header, and over plain HTTP."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = VIEWS.get(request.path_info)
        return view(request) if view else self.get_response(request)


def livez(request: HttpRequest) -> HttpResponse:
    return _answer(200, {"status": "alive"})


def readyz(request: HttpRequest) -> HttpResponse:
    looks = look()
    wait([each.over for each in looks], PATIENCE)
    checks = {name: each.told(name) for each in looks for name in each.names}
    ready = all(checks[name]["ok"] for name in NEEDED)
    degraded = not all(check["ok"] for check in checks.values())
    status = "not ready" if not ready else "degraded" if degraded else "ready"
    answer = _answer(200 if ready else 503, {"status": status, "version": VERSION, "checks": checks})
    if not ready:
        answer.reason_phrase = "Not ready: " + ", ".join(n for n in NEEDED if not checks[n]["ok"])
        log_response("%s: %s", answer.reason_phrase, "/readyz", response=answer)
    return answer


def healthz(request: HttpRequest) -> HttpResponse:
    """As /readyz; with `?full` and the token the open incidents too."""
    if "full" not in request.GET:
        return readyz(request)
    if not admitted(request):
        return _answer(401, {"status": "unknown", "problem": "METRICS_TOKEN is wanted, as a Bearer token"})
    incidents = open_incidents()
    return _answer(200, {"status": "incidents" if incidents else "well", "incidents": incidents})


class Look:
    """Checks that a thread does one after the other. If the first fails, the others would too."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.found: dict[str, Outcome] = {}
        self.over: Future[None] = Future()

    def begin(self) -> None:
        threading.Thread(target=self.run, name="readyz", daemon=True).start()

    def run(self) -> None:
        first, *others = self.names
        try:
            with sql.borrowed():
                self.found[first] = _outcome(first)
                for name in others:
                    self.found[name] = _outcome(name) if self.found[first]["ok"] else _vain(first)
        finally:
            self.over.set_result(None)

    def told(self, name: str) -> Outcome:
        """The outcome of a check, also when it is not over."""
        if name in self.found:
            return self.found[name]
        logger.warning("Not healthy: %s: no answer within %s seconds", name, PATIENCE)
        return {"ok": False, "problem": "TimeoutError", "milliseconds": round(PATIENCE * 1000)}


_looks: list[Look] = []
_lock = threading.Lock()


def look() -> list[Look]:
    """Begins to check what we need. If a former look is not over, as while the database does not answer, that
    one is waited for, and no thread is added.
    """
    global _looks
    wanted = [DATABASE, BROKER] if settings.CELERY_BROKER_URL else [DATABASE]
    with _lock:
        under_way = {each.names: each for each in _looks if not each.over.done()}
        _looks = [under_way.get(names) or Look(names) for names in wanted]
        begun = [each for each in _looks if each not in under_way.values()]
    for each in begun:
        if aside.in_callers_thread:
            each.run()
        else:
            each.begin()
    return _looks


def _answer(status: int, body: dict[str, Any]) -> HttpResponse:
    return JsonResponse(
        body, status=status, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    )


def _outcome(name: str) -> Outcome:
    """What the check says, or not ok when it fails. The reason is for the log, not for callers."""
    began = monotonic()
    try:
        found = {"ok": True} | CHECKS[name]()
    except Exception as error:
        logger.warning("Not healthy: %s: %s", name, str(error) or type(error).__name__)
        found = {"ok": False, "problem": type(error).__name__}
    return found | {"milliseconds": round((monotonic() - began) * 1000)}


def _vain(first: str) -> Outcome:
    return {"ok": False, "problem": f"the {first} does not answer", "milliseconds": 0}


def _database() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return {}


def _migrations() -> dict[str, Any]:
    waiting = migrations.pending()
    if waiting:
        return {"ok": False, "unapplied": waiting}
    return {"ok": False, "problem": words} if (words := schema.other()) else {}


def _secrets() -> dict[str, Any]:
    """Whether our keys can decrypt the stored secrets. Without them everything but sending goes on."""
    count = sum(1 for _ in stored_secrets.unreadable())
    return {"ok": False, "unreadable": count} if count else {}


def _queues() -> dict[str, Any]:
    """How long the oldest message and the oldest webhook have been waiting for a worker."""
    now = timezone.now()
    due = []
    for provider in Provider.objects.filter(state=Provider.State.ACTIVE):
        held = provider.hold_until is not None and provider.hold_until > now
        for kind in () if held else Message.Kind:  # each the first entry of the queue's index
            mine = Message.objects.filter(provider=provider, kind=kind, status=Status.QUEUED)
            due.append(mine.order_by("next_attempt_at").values_list("next_attempt_at", flat=True).first())
    unread = Webhook.objects.filter(state__in=Webhook.OPEN)
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
    "secrets": _secrets,
    "queues": _queues,
    "broker": _broker,
}
VIEWS: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    "/livez": livez,
    "/readyz": readyz,
    "/healthz": healthz,
    "/metrics": metrics,
}
