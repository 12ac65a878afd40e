"""The parts of the template benchmarks that run inside the gateway's own process; see bench.inside."""

import resource
import time
from collections.abc import Callable
from time import monotonic, process_time

import msgspec
import requests
from django.utils import timezone

from campaigns.intake import receive
from providers import auth
from providers.connectors import CONNECTORS
from providers.dialects.clevertap.requests import decode, read_send
from providers.models import Provider
from templates_app.gate import cache
from templates_app.imports import runs
from templates_app.models import Template

MESSAGE = {
    "payloadVersion": 0.1,
    "to": "+919800000001",
    "wabaNumber": "15550001111",
    "isTemplate": True,
    "msgId": "1|1767225600|20260105|1|1",
    "template": {"namespace": "shop:order_ready_v2", "languageCode": "en"},
    "components": [
        {
            "type": "header",
            "header": {"type": "image", "image": {"mediaURL": "https://cdn.example.org/a.jpg"}},
        },
        {
            "type": "body",
            "body": {
                "text": "Hello Mira, order 88 is ready",
                "parameters": [{"type": "text", "text": "Mira"}, {"type": "text", "text": "88"}],
            },
        },
    ],
}
COMPONENTS = [
    {"type": "HEADER", "format": "IMAGE"},
    {"type": "BODY", "text": "Hello {{1}}, order {{2}} is ready"},
    {"type": "FOOTER", "text": "Reply STOP to end"},
]


def import_list() -> dict:
    """One import of the provider's whole list, and the growth of the process's peak memory by it."""
    provider = Provider.objects.get(nickname="bench")
    return timed(lambda: runs.summary(runs.run(provider)))


def import_naively() -> dict:
    """The same list the obvious way: every page into a list, then update_or_create for each."""
    provider = Provider.objects.get(nickname="bench")
    headers = {name.removeprefix("header:"): value for name, value in provider.import_credentials.items()}

    def work() -> dict:
        rows: list[dict] = []
        url = f"{provider.import_endpoint}?limit={provider.import_limit}"
        while url:
            page = requests.get(url, headers=headers, timeout=30).json()
            rows += page["data"]
            url = page.get("paging", {}).get("next", "")
        for row in rows:
            Template.objects.update_or_create(
                provider=provider,
                name=row["name"],
                language=row["language"],
                defaults={
                    "category": row["category"],
                    "status": row["status"],
                    "components": row["components"],
                    "bsp_id": row["id"],
                },
            )
        return {"created": len(rows)}

    return timed(work)


def timed(work: Callable[[], dict]) -> dict:
    before, began, cpu = _peak(), monotonic(), process_time()
    found = work()
    found.pop("details", None)
    return found | {
        "seconds": monotonic() - began,
        "cpu": process_time() - cpu,
        "megabytes": (_peak() - before) / 1024,
    }


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux


def template_check(count: str) -> dict:
    """CPU time a message, in µs: reading and checking one of an unknown template, of a known one, and
    without looking at templates at all."""
    provider = Provider.objects.get(nickname="bench")
    access = auth.access(provider.public_id)
    assert access is not None
    body, now = msgspec.json.encode(MESSAGE), timezone.now().timestamp()

    def check(number: int) -> float:
        began = process_time()
        for _ in range(number):
            receive.check(access, read_send(decode(body), ""), now)
        return (process_time() - began) / number * 1e6

    def bare(number: int) -> float:
        connector, config = CONNECTORS[provider.connector_slug], access.config
        began = process_time()
        for _ in range(number):
            send = read_send(decode(body), "")
            connector.build_request(
                receive.Outbound("wp-0-0", send.msg_id, send.to, access.waba_number, send.content), config
            )
        return (process_time() - began) / number * 1e6

    # The three alternate, and the least of each counts, because the machine does other things too.
    number = int(count)
    without, unknown, checked = [], [], []
    for _ in range(5):
        Template.objects.filter(provider=provider).delete()
        cache.forget()
        without.append(bare(number))
        unknown.append(check(number))
        Template.objects.create(
            provider=provider, name="order_ready_v2", language="en", components=COMPONENTS
        )
        cache.forget()
        checked.append(check(number))
        time.sleep(0.1)
    return {"without": min(without), "unknown": min(unknown), "known": min(checked)}


COMMANDS = {"import_list": import_list, "import_naively": import_naively, "template_check": template_check}
