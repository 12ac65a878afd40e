"""Vonage with an application: tokens signed with its private key, over real sockets."""

import time

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec.structs import replace

from callbacks.models import Media
from campaigns.models import Message, Status
from lib.http import HttpResponse
from lib.transport import transport
from providers import lifecycle
from providers.connectors.base import Config
from providers.connectors.vonage import _token, vonage
from providers.messages import InboundMedia, Outbound, Outcome, TemplateContent
from providers.pages.secret_fields import SecretField, SecretInput
from simulator.accounts import Account
from simulator.server import Simulator
from templates_app.imports import runs
from tests.bsps import customer
from tests.gateway import logged_in, template
from tests.journeys.conftest import settled
from tests.waiting import PATIENCE

APPLICATION = "5d0c9e3a-1b2f-4c6d-8e7f-9a0b1c2d3e4f"


def pair() -> tuple[str, str]:
    """A private and its public key, as Vonage hands them out."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


@pytest.fixture(scope="module")
def keys() -> tuple[str, str]:
    return pair()


def application(simulator: Simulator, private: str, public: str) -> Config:
    simulator.add_account(
        Account(
            dialect="vonage",
            username="a1b2c3d4",
            app_id=APPLICATION,
            public_key=public,
            waba_id="330044005500",
        )
    )
    credentials = {"application_id": APPLICATION, "private_key": private, "waba_id": "330044005500"}
    return Config(
        waba_number="15550001111",
        credentials=credentials,
        options={"base_url": simulator.url},
        now=int(time.time()),
    )


def send(config: Config) -> HttpResponse:
    content = TemplateContent(name="order_ready", language="en")
    outbound = Outbound("wp-1-1", "1|1|1|1|1", "919812300001", config.waba_number, content)
    return transport.send(vonage.build_request(outbound, config), 10.0)


def test_an_application_sends_lists_templates_and_fetches_media(
    simulator: Simulator, keys: tuple[str, str]
) -> None:
    config = application(simulator, *keys)
    assert vonage.parse_response(send(config)).outcome is Outcome.ACCEPTED
    assert simulator.requests[0].reference == "wp-1-1"
    listing = vonage.templates_request(config, "")
    assert listing is not None
    assert vonage.parse_templates(transport.send(listing, 10.0), "").templates
    fetching = vonage.media_request(InboundMedia(url=f"{simulator.url}/v3/media/7"), config)
    assert fetching is not None
    assert transport.send(fetching, 10.0).header("Content-Type") == "application/pdf"


def test_another_key_and_an_old_token_are_refused(simulator: Simulator, keys: tuple[str, str]) -> None:
    config = application(simulator, pair()[0], keys[1])
    assert vonage.parse_response(send(config)).outcome is Outcome.STOPPED
    old = application(simulator, *keys)
    stale = Config(old.waba_number, "", old.credentials, old.options, now=old.now - 3600)
    assert vonage.parse_response(send(stale)).outcome is Outcome.STOPPED
    assert not [record for record in simulator.requests if record.message_id]


def test_a_message_costs_no_signature(simulator: Simulator, keys: tuple[str, str]) -> None:
    _token.cache_clear()
    config = application(simulator, *keys)
    for _ in range(3):
        send(config)
    assert _token.cache_info().misses == 1


def test_a_providers_whole_way_with_a_key_pasted_into_the_form(
    gateway: str, simulator: Simulator, keys: tuple[str, str]
) -> None:
    provider = customer(simulator, "vonage", gateway)
    account = simulator.accounts.named("vonage")
    assert account is not None
    simulator.add_account(replace(account, app_id=APPLICATION, public_key=keys[1]))
    # What a browser makes of a file pasted into a password input.
    pasted = SecretField(widget=SecretInput(required=False)).clean(keys[0].replace("\n", ""))
    lifecycle.set_credentials(provider, {"application_id": APPLICATION, "private_key": pasted})
    provider.save()
    assert not runs.import_now(provider).error

    simulator.behaviour.delays = (0.0, 0.0, 0.0)
    messages = f"{gateway}/v1/{provider.public_id}/messages"
    message = template(to="919812300001")
    answer = requests.post(messages, json=message, headers=logged_in(provider), timeout=PATIENCE)
    assert answer.json() == {"status": "success"}
    simulator.wait_until(lambda: settled(simulator) and Message.objects.filter(status=Status.READ).exists())
    (sent,) = simulator.requests
    assert sent.headers["Authorization"].startswith("Bearer ")
    assert "webhook_url" not in sent.body

    url = f"{simulator.url}/v3/media/1"
    simulator.inbound("vonage", "919812300001", type="document", media_url=url, filename="a.pdf")
    simulator.wait_until(lambda: Media.objects.filter(state=Media.State.STORED).exists())
    media = Media.objects.get()
    assert (media.content_type, media.file.read()) == ("application/pdf", b"%PDF-1.4 1")
