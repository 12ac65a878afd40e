"""The parts of benchmarks that run inside the gateway's own process, with its settings.

`python -m bench.inside COMMAND …` prints one line of JSON.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

import msgspec  # noqa: E402
import requests  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402
from msgspec.structs import replace  # noqa: E402

from bench import (  # noqa: E402
    inside_archive,
    inside_audience,
    inside_broadcasts,
    inside_pages,
    inside_queues,
    inside_stats,
    inside_stats_baselines,
    inside_templates,
    inside_year,
)
from callbacks.forwarding import forward  # noqa: E402
from callbacks.webhooks import ingest  # noqa: E402
from campaigns.ledger import ledger, matching  # noqa: E402
from campaigns.ledger.entries import Accepted  # noqa: E402
from campaigns.models import Event, Forward, Message  # noqa: E402
from campaigns.sending import dispatch  # noqa: E402
from lib import sql  # noqa: E402
from providers.dialects.clevertap.callbacks import Report, write_statuses  # noqa: E402
from providers.messages import (  # noqa: E402
    Button,
    Header,
    Media,
    Outbound,
    TemplateContent,
    Value,
)
from providers.models import Provider  # noqa: E402

CONTENT = TemplateContent(
    name="order_ready_v2",
    language="en",
    header=Header("image", media=Media("https://cdn.example.org/a.jpg")),
    body=(Value("Mira"), Value("88")),
    body_text="Hello Mira, order 88 is ready",
)


def provider() -> Provider:
    return Provider.objects.get(nickname="bench")


def fill(count: str) -> dict:
    """Messages waiting to be sent."""
    mine, now = provider(), timezone.now()
    content = msgspec.json.encode(CONTENT).decode()
    for start in range(0, int(count), 1000):
        ledger.accept(
            [
                Accepted(
                    mine.pk, f"{n}|1767225600|20260105|{n}|1", False, f"9198{n:08d}", f"+9198{n:08d}", 1,
                    CONTENT.name, "en", "1767225600", "20260105", "1", "{}", content, "{}", "[]",
                    now, now, now, 3,
                )
                for n in range(start, min(start + 1000, int(count)))
            ]
        )  # fmt: skip
    return {"filled": Message.objects.count()}


def fill_links(path: str) -> dict:
    """A sent message with a short link each for those that `fill` made; their tokens, a line each."""
    from campaigns.links import short_links

    now = timezone.now()
    ids = list(Message.objects.order_by("id").values_list("id", flat=True))
    wanted = [
        short_links.Wanted(pk, "button.0", f"https://shop.example.org/{pk}", "https://go.example.org/l/")
        for pk in ids
    ]
    made = short_links.make(wanted, now, 30)
    Path(path).write_text("".join(f"{paths['button.0']}\n" for paths in made.values()))
    return {"links": len(made)}


def track() -> dict:
    """Registers the template that `fill` uses, with a button whose clicks are tracked, and has every
    message bring its URL."""
    from templates_app.models import Template

    Provider.objects.filter(nickname="bench").update(click_domain="go.example.org")
    button = {"type": "URL", "text": "Open", "url": "https://go.example.org/l/{{1}}"}
    Template.objects.create(
        provider=provider(),
        name=CONTENT.name,
        language="en",
        components=[{"type": "BUTTONS", "buttons": [button]}],
        tracked=["button.0"],
    )
    pressed = replace(CONTENT, buttons=(Button(0, "dynamic_url", "Open", "https://shop.example.org/t/88"),))
    return {"messages": Message.objects.update(content=msgspec.json.encode(pressed).decode())}


def drain(what: str) -> dict:
    """One drain to the end: send, ingest or forward."""
    work = {
        "send": lambda: dispatch.drain(provider().pk),
        "ingest": ingest.drain,
        "forward": lambda: forward.drain(provider().pk),
    }[what]
    began, cpu = time.monotonic(), time.process_time()
    done = work()
    return {"done": done, "seconds": time.monotonic() - began, "cpu": time.process_time() - cpu}


def loop(count: str, threads: str) -> dict:
    """The baseline of sending: `requests` in threads, the same requests, nothing recorded."""
    mine, count_ = provider(), int(count)
    config = mine.config
    prepared = [
        mine.connector.build_request(
            Outbound(f"wp-{n}-1", f"{n}|1|20260105|{n}", f"9198{n:08d}", "1", CONTENT), config
        )
        for n in range(count_)
    ]

    def work(part: int) -> int:
        session = requests.Session()
        for request in prepared[part :: int(threads)]:
            response = session.post(request.url, data=request.body, headers=dict(request.headers), timeout=30)
            mine.connector.parse_response(_answer(response))
        return 1

    began, cpu = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(int(threads)) as pool:
        list(pool.map(work, range(int(threads))))
    return {"done": count_, "seconds": time.monotonic() - began, "cpu": time.process_time() - cpu}


def forward_loop(count: str, threads: str) -> dict:
    """The baseline of forwarding: `requests` in threads, one report a call, its row updated by the ORM."""
    mine = provider()
    owed = list(Event.objects.filter(forward=Forward.PENDING).select_related("message")[: int(count)])

    def work(part: int) -> int:
        session = requests.Session()
        for event in owed[part :: int(threads)]:
            report = Report(event.message.msg_id, event.get_kind_display().lower(), int(event.at.timestamp()))
            body = write_statuses([report], mine.quirks)
            assert session.post(mine.delivery_url, json=body, timeout=30).ok
            event.forward, event.forwarded_at = Forward.DONE, timezone.now()
            event.save(update_fields=["forward", "forwarded_at"])
        connection.close()
        return len(owed[part :: int(threads)])

    began, cpu = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(int(threads)) as pool:
        done = sum(pool.map(work, range(int(threads))))
    return {"done": done, "seconds": time.monotonic() - began, "cpu": time.process_time() - cpu}


def _answer(response: requests.Response):
    from lib.http import HttpResponse

    return HttpResponse(response.status_code, dict(response.headers), response.content)


def fill_webhooks() -> dict:
    """Three signed Interakt webhooks, sent, delivered and read, for every message; shuffled by kind."""
    from callbacks.models import Webhook

    mine, now = provider(), timezone.now()
    messages = list(Message.objects.order_by("id").values_list("id", "attempt", "to"))
    rows = []
    for kind, column in (
        ("sent", "received_at_utc"),
        ("delivered", "delivered_at_utc"),
        ("read", "seen_at_utc"),
    ):
        for pk, attempt, to in messages:
            body = {
                "version": "1.0",
                "timestamp": "2026-01-05T10:00:05.120000",
                "type": f"message_api_{kind}",
                "data": {
                    "customer": {"id": "c-1", "channel_phone_number": to},
                    "message": {
                        "id": f"bsp-{pk}",
                        "chat_message_type": "PublicApiMessage",
                        "message_status": kind.title(),
                        column: "2026-01-05T10:00:03.000000",
                        "meta_data": {
                            "source": "PublicInterakt",
                            "source_data": {"callback_data": matching.reference(pk, max(attempt, 1))},
                        },
                    },
                },
            }
            rows.append((mine.pk, "native", "POST", "/", "{}", msgspec.json.encode(body), now, now, 0, 0, ""))
    columns = (
        "provider_id", "source", "method", "url", "headers", "body", "received_at", "next_attempt_at",
        "state", "attempts", "summary",
    )  # fmt: skip
    sql.insert(Webhook, columns, rows)
    return {"webhooks": len(rows)}


COMMANDS = {
    "fill": fill,
    "fill_links": fill_links,
    "track": track,
    "drain": drain,
    "loop": loop,
    "forward_loop": forward_loop,
    "fill_webhooks": fill_webhooks,
    **inside_pages.COMMANDS,
    **inside_templates.COMMANDS,
    **inside_audience.COMMANDS,
    **inside_stats.COMMANDS,
    **inside_stats_baselines.COMMANDS,
    **inside_broadcasts.COMMANDS,
    **inside_queues.COMMANDS,
    **inside_year.COMMANDS,
    **inside_archive.COMMANDS,
}

if __name__ == "__main__":
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
