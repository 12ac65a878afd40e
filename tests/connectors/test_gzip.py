"""A zipped webhook proves its origin as any other. What is signed is what was zipped: services that zip their
webhooks sign first, and a proxy that zips cannot sign."""

import gzip
import time
from typing import Any

import pytest
from msgspec.structs import replace

from callbacks.models import Webhook
from providers.connectors import CONNECTORS
from providers.features import Feature
from simulator.dialects import DIALECTS
from simulator.dialects.base import Inbound, Post
from tests.bsps import NUMBER, bsp
from tests.connectors import cases
from tests.factories import make_provider
from tests.gateway import call, path_of

GZIP = {"Content-Encoding": "gzip"}
SLUGS = [slug for slug in CONNECTORS if Feature.INBOUND_TEXT not in CONNECTORS[slug].lacks]
PROOFS = {slug: {case.get("proof") for _, case in cases.read(slug, "webhook")} - {None} for slug in SLUGS}
SIGNED = [slug for slug in SLUGS if PROOFS[slug] == {"signature"}]


def sent(slug: str, settings: Any) -> tuple[str, Post]:
    """The path of a provider's, and what its BSP would post there, with its true proof."""
    there = bsp(slug, "https://bsp.example.test")
    provider = make_provider(connector_slug=slug, waba_number=NUMBER, **there.provider)
    purpose = "inbound" if there.account.dialect == "clevertap" else "webhook"
    path = path_of(provider, purpose)
    url = settings.PUBLIC_BASE_URL + path
    account = replace(there.account, number=NUMBER, webhook_url=url, inbound_url=url)
    return path, DIALECTS[account.dialect].inbound(account, written(time.time()))


def written(at: float) -> Inbound:
    return Inbound(id="in-1", sender="919812300001", at=at, text="Hello")


def posted(path: str, post: Post, body: bytes) -> int:
    return call("POST", path, gzip.compress(body), {**post.headers, **GZIP}).status


@pytest.mark.parametrize("slug", SLUGS)
def test_a_zipped_webhook_is_taken_with_its_proof(slug: str, db: None, settings: Any) -> None:
    path, post = sent(slug, settings)
    assert posted(path, post, post.body) == CONNECTORS[slug].webhook_answer.status
    assert bytes(Webhook.objects.get().body) == post.body


@pytest.mark.parametrize("slug", SIGNED)
def test_a_forged_one_is_not(slug: str, db: None, settings: Any) -> None:
    path, post = sent(slug, settings)
    forged = post.body.replace(b"Hello", b"Hallo")
    assert forged != post.body
    assert posted(path, post, forged) == 401
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("slug", [slug for slug in SLUGS if Feature.PROOF not in CONNECTORS[slug].lacks])
def test_nor_is_one_without_proof(slug: str, db: None, settings: Any) -> None:
    path, post = sent(slug, settings)
    kind = {name: value for name, value in post.headers.items() if name == "Content-Type"}
    assert call("POST", path, gzip.compress(post.body), {**kind, **GZIP}).status == 401
