"""The parts of `bench.quiet` and `bench.wide` that run inside the gateway's own process."""

import signal
import sys
import time

import msgspec
from django.utils import timezone

from callbacks.models import Webhook
from campaigns.ledger import ledger
from campaigns.ledger.entries import Accepted
from campaigns.models import Message
from config import due, worker
from lib import sql
from lib.wakeup import wake
from providers import lifecycle
from providers.messages import Freeform
from providers.models import Provider

CONTENT = msgspec.json.encode(Freeform("text", text="Hello")).decode()


def make_providers(count: str, url: str) -> dict:
    for number in range(int(count)):
        provider = Provider(
            nickname=f"bench {number}",
            waba_number=f"1555{number:07d}",
            connector_slug="interakt",
            credentials={"api_key": "k", "webhook_secret": "s"},
            options={"base_url": url},
            max_concurrency=200,
            delivery_url=f"{url}/sink/bench/delivery",
        )
        lifecycle.create(provider, unlimited=True)
    return {"providers": Provider.objects.count()}


def _accepted(provider_id: int, name: str) -> Accepted:
    now = timezone.now()
    return Accepted(
        provider_id, f"{provider_id}|{name}", False, "919812300001", "+919812300001", 0, "", "", "", "", "",
        "{}", CONTENT, "{}", "[]", now, now, now, 3,
    )  # fmt: skip


def trickle(providers: str, seconds: str, name: str) -> dict:
    """One message a second for each of some providers, evenly spread."""
    ids = list(Provider.objects.order_by("pk").values_list("pk", flat=True)[: int(providers)])
    began, sent = time.monotonic(), 0
    for second in range(int(seconds)):
        for provider_id in ids:
            ledger.accept([_accepted(provider_id, f"{name}{second}")])
            wake("campaigns.send", provider_id)
            sent += 1
            time.sleep(max(0.0, began + sent / len(ids) - time.monotonic()))
    return {"sent": sent}


def fill_all(each: str) -> dict:
    """Messages for every provider, without telling a worker."""
    for provider_id in Provider.objects.values_list("pk", flat=True):
        names = range(int(each))
        for start in range(0, int(each), 500):
            ledger.accept([_accepted(provider_id, str(name)) for name in names[start : start + 500]])
    return {"messages": Message.objects.count()}


def fill_all_webhooks() -> dict:
    """One signed report for every message, in CleverTap's format."""
    now = timezone.now()
    rows = []
    for provider_id, msg_id in Message.objects.order_by("msg_id").values_list("provider_id", "msg_id"):
        status = {"msgId": msg_id, "status": "delivered", "timestamp": str(int(time.time()))}
        body = msgspec.json.encode({"statuses": [status]})
        rows.append((provider_id, "delivery", "POST", "/", "{}", body, now, now, 0, 0, ""))
    columns = (
        "provider_id", "source", "method", "url", "headers", "body", "received_at", "next_attempt_at",
        "state", "attempts", "summary",
    )  # fmt: skip
    sql.insert(Webhook, columns, rows)
    return {"webhooks": len(rows)}


def work(task: str) -> dict:
    """The local worker, for one kind of queue; it begins at a line of input and ends with SIGTERM."""
    found = due.look
    due.look = lambda: [each for each in found() if each.task == task]
    local = worker.Worker()
    worker.QUEUES = {task: worker.QUEUES[task]}
    worker.UPKEEP = local._next_upkeep = float("inf")
    signal.signal(signal.SIGTERM, lambda *_: local.end())
    print("ready", flush=True)
    sys.stdin.readline()
    local.run()
    return {}


COMMANDS = {
    "work": work,
    "make_providers": make_providers,
    "trickle": trickle,
    "fill_all": fill_all,
    "fill_all_webhooks": fill_all_webhooks,
}
