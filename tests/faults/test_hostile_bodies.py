"""Bodies that somebody has tampered with: no 500, no connector that fails, and no seconds of CPU for any.

They are made of the payloads that the connectors are tested with. HOSTILE_BODIES says how many of each of the
four kinds, and HOSTILE_SEED has a long run go on in slices with bodies that are not those of the last one.
"""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from audience import accounts
from callbacks.models import Webhook
from callbacks.webhooks import ingest
from callbacks.webhooks.routing import Directory
from lib.http import HttpResponse
from operations.acceptance import payloads as acceptance
from providers.connectors import CONNECTORS
from providers.models import Provider
from templates_app.imports import runs
from templates_app.models import ImportRun
from tests.bsps import NUMBER
from tests.factories import make_provider
from tests.gateway import call, call_back, freeform, post, template

BODIES = int(os.environ.get("HOSTILE_BODIES", "200"))
SEED = os.environ.get("HOSTILE_SEED", "0")
CPU = 5.0  # seconds of this process; most take a thousandth, and what grows too fast takes minutes
LONG_LIST = 100_000  # characters; a list of thousands of templates takes longer to take over, in a worker
FIXTURES = Path(__file__).parent.parent / "connectors" / "fixtures"
STRANGE: list[Any] = [
    None, True, 0, -1, 2**63, 2**70, 1e308, 0.1, "", " " * 3000, "\0", "\ud800", "①②⑦", "{{" * 500, '"' * 500,
    "9" * 5000, "a" * 5000, [], {}, [[]], {"": {}}, ["a"] * 300, {"id": {"id": {"id": []}}},
]  # fmt: skip
CUTS = (b"", b"\xff\xfe", b"\0", b"{", b"[" * 3000, b'"', b"&a=b" * 300, b" " * 20_000)

pytestmark = pytest.mark.django_db


def payloads(kind: str, slug: str = "*") -> list[Any]:
    """What BSPs post or answer in the fixtures of the kind, without what the connector makes of it."""
    found = [json.loads(path.read_text()) for path in sorted(FIXTURES.glob(f"{slug}/{kind}/*.json"))]
    theirs = [each["request"] if kind == "webhook" else each for each in found]
    forms = [urlencode(each["form"]) for each in theirs if "form" in each]
    return forms + [each.get("json", each.get("body")) for each in theirs if {"json", "body"} & each.keys()]


def messages() -> list[Any]:
    """What CleverTap posts: a template, and each kind of freeform message."""
    file = "https://files.example.test/file"
    kinds = [acceptance.freeform(NUMBER, kind, {kind: file}) for kind in acceptance.FREEFORM.values()]
    about = {"to": "+919812340001", "msgId": "1|1|1|1|0"}
    return [template(), freeform(), *(each | about for each in kinds)]


def tampered(payload: Any, chance: random.Random) -> bytes:
    if isinstance(payload, str):
        body = payload.encode("utf-8", "replace")
    else:
        body = json.dumps(_changed(payload, chance)).encode()
    if chance.random() < 0.3:
        at = chance.randrange(len(body) + 1)
        body = body[:at] + chance.choice(CUTS) + body[at + chance.randrange(20) :]
    return body


def _changed(value: Any, chance: random.Random) -> Any:
    """The value with about one thing in it replaced, dropped or said twice."""
    if chance.random() < 0.1:
        return chance.choice(STRANGE)
    if isinstance(value, dict) and value:
        key = chance.choice(list(value))
        changed = {**value, key: _changed(value[key], chance)}
        return {name: each for name, each in changed.items() if name != key or chance.random() > 0.1}
    if isinstance(value, list) and value:
        at = chance.randrange(len(value))
        return [*value[:at], _changed(value[at], chance), *value[at:]]
    return chance.choice(STRANGE)


def bodies(seeds: list[Any], kind: str, count: int = BODIES) -> Iterator[bytes]:
    chance = random.Random(f"{kind} {SEED}")
    assert seeds
    for _ in range(count):
        yield tampered(chance.choice(seeds), chance)


class Watch:
    """Fails where the block took more than CPU seconds of this process."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def __enter__(self) -> None:
        self.began = process_time()

    def __exit__(self, *_: object) -> None:
        spent = process_time() - self.began
        assert spent < CPU, f"{spent:.1f} s for {self.body[:300]!r}"


def test_messages() -> None:
    provider = make_provider()
    for body in bodies(messages(), "messages"):
        with Watch(body):
            assert post(provider, body).status < 500, body


def test_uploads() -> None:
    _, passcode = accounts.add("SHOP-1")
    headers = {"X-CleverTap-Account-Id": "SHOP-1", "X-CleverTap-Passcode": passcode}
    data = {"Name": "Jack", "Phone": "+14155551234", "MSG-whatsapp": True, "When": "$D_1767603900"}
    profile = {"identity": "1", "type": "profile", "profileData": data}
    event = {
        "identity": "1",
        "type": "event",
        "evtName": "Booked",
        "ts": 1767603900,
        "evtData": {"Amount": 1},
    }
    for body in bodies([{"d": [profile]}, {"d": [event, profile]}], "uploads"):
        with Watch(body):
            assert call("POST", "/1/upload", body, headers).status < 500, body


@pytest.mark.parametrize("slug", sorted(CONNECTORS))
def test_webhooks(slug: str) -> None:
    """Behind their verification too: not every BSP signs."""
    provider = shop(slug)
    seeds = payloads("webhook", slug)
    for body in bodies(seeds, "webhooks", max(20, BODIES // len(CONNECTORS))):
        with Watch(body):
            assert call_back(provider, "webhook", body, _headers(body)).status < 500, body
        row = stored(provider, body)
        with Watch(body):
            ingest.run_batch([provider.pk], Directory())
        row.refresh_from_db()
        assert "connector failed" not in row.summary, (row.summary, body)
        assert "Cannot be recorded" not in row.summary, (row.summary, body)


def shop(slug: str) -> Provider:
    wanted = {field.name: "x" for field in CONNECTORS[slug].credentials if field.required}
    return make_provider(nickname="Shop", connector_slug=slug, credentials=wanted)


def _headers(body: bytes) -> dict[str, str]:
    json_like = body.lstrip()[:1] in (b"{", b"[")
    return {"Content-Type": "application/json" if json_like else "application/x-www-form-urlencoded"}


def stored(provider: Provider, body: bytes) -> Webhook:
    now = timezone.now()
    return Webhook.objects.create(
        provider=provider,
        source=Webhook.Source.NATIVE,
        method="POST",
        url="https://waypost.example.test/webhooks/x",
        headers=_headers(body),
        body=body,
        received_at=now,
        next_attempt_at=now,
    )


@pytest.mark.parametrize("slug", sorted(CONNECTORS))
def test_template_lists(slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken over or refused with words: a fault of ours would be raised."""
    seeds = payloads("templates", slug)
    provider = shop(slug)
    if not seeds:  # its list comes from an endpoint, in Meta's form
        seeds, provider.import_endpoint = payloads("templates"), "https://list.example.test/"
        provider.save()
    seeds = [each for each in seeds if len(json.dumps(each)) < LONG_LIST]
    for body in bodies(seeds, "lists", max(20, BODIES // len(CONNECTORS))):
        answer = HttpResponse(200, {}, body, 0)
        monkeypatch.setattr("templates_app.imports.runs.transport.send", lambda *_, found=answer: found)
        with Watch(body):
            run = runs.import_now(provider, allow_empty=True, allow_vanishing=True)
        assert run.state in (ImportRun.State.DONE, ImportRun.State.FAILED), body
