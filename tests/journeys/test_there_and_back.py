"""A message's whole way: from CleverTap to the BSP, and everything that comes back.

Every journey runs for every connector; a new one joins by its entry in config.demo_bsps.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from callbacks import audit
from callbacks.models import Reply, Webhook
from campaigns.models import Message, Status
from providers.connectors import CONNECTORS
from providers.features import Feature
from providers.models import Provider
from simulator.server import Simulator
from tests.bsps import NUMBER, customer
from tests.gateway import freeform, logged_in, template
from tests.journeys.conftest import settled
from tests.waiting import PATIENCE

pytestmark = pytest.mark.parametrize("connector", CONNECTORS)

USUAL = ("sent", "delivered", "read")
REFUSED = "9010"
# The last four digits of a number tell the simulated BSP what to do with its message.
SCRIPTS: dict[str, tuple[str, ...]] = {
    "0001": USUAL,
    "9001": ("sent", "delivered"),
    "9002": ("failed",),  # reported afterwards
    "9004": (),
    "9008": USUAL,  # every webhook twice
    "9009": USUAL,  # in the wrong order
    REFUSED: ("failed",),  # at once
    "9013": USUAL,  # answered with nothing
    "9016": USUAL,  # the first webhook before the answer
    "9017": USUAL,  # answered with HTML
}


@pytest.fixture
def bsp(simulator: Simulator) -> Simulator:
    """As unruly as BSPs are: everything twice, and in no order."""
    simulator.behaviour.delays = (0.0, 0.01, 0.02)
    simulator.behaviour.follow_up = 0.0
    simulator.behaviour.duplicate_fraction = 1.0
    simulator.behaviour.shuffle = True
    return simulator


def send(gateway: str, provider: Provider, payloads: list[dict[str, Any]]) -> None:
    url = f"{gateway}/v1/{provider.public_id}/messages"
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(
            lambda one: requests.post(url, json=one, headers=logged_in(provider), timeout=PATIENCE), payloads
        )
        assert {(answer.status_code, answer.content) for answer in answers} == {
            (200, b'{"status":"success"}')
        }


def reported(connector: str, script: str) -> list[str]:
    """What CleverTap is to hear: all that the BSP tells, and refusals, which we tell of ourselves."""
    lacks = CONNECTORS[connector].lacks
    return [status for status in SCRIPTS[script] if script == REFUSED or Feature(status) not in lacks]


def unnamed(simulator: Simulator) -> set[str]:
    """Whose message was taken with no reference of ours and no word of its id: no report names it to us."""
    silent = ("empty", "html")
    return {one.to for one in simulator.requests if one.answer in silent and not one.reference}


def needs(connector: str, *features: Feature) -> None:
    """Skips what a BSP that lacks all of these cannot show."""
    if all(feature in CONNECTORS[connector].lacks for feature in features):
        pytest.skip(f"{connector} has no {' or '.join(features)}")


def told(simulator: Simulator) -> Counter[tuple[str, str]]:
    """(msgId, status) of everything the fake CleverTap took."""
    reports = [record.payload for record in simulator.sink if record.kind == "delivery"]
    return Counter((one["msgId"], one["status"]) for payload in reports for one in payload["statuses"])


def heard(simulator: Simulator) -> list[dict[str, Any]]:
    return [record.payload for record in simulator.sink if record.kind == "inbound"]


def sound(simulator: Simulator) -> None:
    assert [finding for finding in audit.run() if finding.problems] == []
    assert not [record for record in simulator.sink if record.unprocessed]
    assert not Webhook.objects.filter(state=Webhook.State.QUARANTINED).exists()


@pytest.mark.usefixtures("housekeeping")
def test_clevertap_hears_each_status_exactly_once(connector: str, gateway: str, bsp: Simulator) -> None:
    provider = customer(bsp, connector, gateway)
    kinds = (template, template, template if Feature.TEXT in CONNECTORS[connector].lacks else freeform)
    payloads = [
        make(to=f"91981230{script}", msgId=f"{script}-{number}|1767225600|20260105|{number}|0")
        for script in SCRIPTS
        for number, make in enumerate(kinds)
    ]
    send(gateway, provider, payloads)
    bsp.wait_until(lambda: settled(bsp))
    lost = unnamed(bsp)
    assert not lost or Feature.REFERENCE in CONNECTORS[connector].lacks
    wanted = {
        (one["msgId"], status)
        for one in payloads
        if one["to"] not in lost
        for status in reported(connector, one["to"][-4:])
    }
    # A report that came before its message's id is looked at again a second later.
    bsp.wait_until(lambda: settled(bsp) and len(told(bsp)) >= len(wanted))
    assert told(bsp) == Counter(wanted)
    taken = Counter(record.to for record in bsp.requests if record.message_id)
    assert taken == Counter(one["to"] for one in payloads if not one["to"].endswith(REFUSED)), (
        "each sent once"
    )
    sound(bsp)


def test_a_reply_reaches_clevertap_with_what_it_answers(connector: str, gateway: str, bsp: Simulator) -> None:
    needs(connector, Feature.INBOUND_TEXT)
    provider = customer(bsp, connector, gateway)
    message = template(to="919812309014")
    send(gateway, provider, [message])
    bsp.wait_until(lambda: settled(bsp) and heard(bsp))
    (reply,) = heard(bsp)
    assert (reply["from"], reply["type"], reply["text"]) == (
        "919812309014",
        "text",
        {"body": "Thanks, got it"},
    )
    assert reply.get("context") == (
        None if Feature.CONTEXT in CONNECTORS[connector].lacks else {"id": message["msgId"]}
    )
    assert Reply.objects.count() == 1, "however often the BSP told of it"
    sound(bsp)


def test_a_tap_reaches_clevertap(connector: str, gateway: str, bsp: Simulator) -> None:
    """As a click or as a button, by what the BSP makes of it."""
    needs(connector, Feature.CLICKED, Feature.INBOUND_BUTTON)
    provider = customer(bsp, connector, gateway)
    message = template(to="919812309015")
    send(gateway, provider, [message])
    clicked = (message["msgId"], "clicked")
    bsp.wait_until(lambda: settled(bsp) and (told(bsp)[clicked] or heard(bsp)))
    buttons = [one for one in heard(bsp) if one["type"] == "button"]
    assert told(bsp)[clicked] + len(buttons) == 1
    for button in buttons:
        assert button["button"] == {"payload": "yes", "text": "Yes, please"}
        assert button["context"] == {"id": message["msgId"]}
    sound(bsp)


MEDIA = {"media_url": "https://m.example.test/a.pdf", "mime_type": "application/pdf"}
WRITTEN: dict[str, dict[str, str]] = {
    "text": {"text": "Hello"},
    "image": MEDIA,
    "video": MEDIA,
    "audio": MEDIA,
    "document": MEDIA,
    "location": {},
    "button_reply": {"text": "Yes", "payload": "y"},
}


def test_what_people_write_reaches_clevertap(connector: str, gateway: str, bsp: Simulator) -> None:
    """Each kind once, from somebody else, however often the BSP tells of it."""
    needs(connector, Feature.INBOUND_TEXT)
    customer(bsp, connector, gateway)
    people = {f"91981230000{number}": kind for number, kind in enumerate(WRITTEN)}
    for person, kind in people.items():
        bsp.inbound(connector, person, type=kind, **WRITTEN[kind])
    bsp.wait_until(lambda: settled(bsp) and len(heard(bsp)) >= len(people))
    assert Counter(people.get(reply["from"]) for reply in heard(bsp)) == Counter(people.values())
    sound(bsp)


# Where a simulated BSP keeps a person's picture, if not where anybody may fetch it.
PICTURES = {
    "exotel": f"/v2/accounts/exotel1/media/{int.from_bytes(b'1|image/png')}",
    "infobip": f"/whatsapp/1/senders/{NUMBER}/media/1",
}


def test_media_that_needs_us_is_fetched_from_us(
    connector: str, gateway: str, bsp: Simulator, settings: Any, tmp_path: Path
) -> None:
    needs(connector, Feature.MEDIA_KEY)
    settings.MEDIA_ROOT = str(tmp_path)
    customer(bsp, connector, gateway)
    url = bsp.url + PICTURES.get(connector, "/files/picture.png")
    bsp.inbound(connector, "919812300001", type="image", media_url=url, mime_type="image/png")
    bsp.wait_until(lambda: settled(bsp) and heard(bsp))
    (reply,) = heard(bsp)
    ours = reply["image"]["mediaURL"]
    assert ours.startswith(f"{gateway}/media/")
    answer = requests.get(ours, timeout=PATIENCE)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    assert answer.content.startswith(b"\x89PNG")
    sound(bsp)


def test_a_repeated_post_is_sent_once(connector: str, gateway: str, bsp: Simulator) -> None:
    provider = customer(bsp, connector, gateway)
    message = template(to="919812300001")
    send(gateway, provider, [message] * 10)
    bsp.wait_until(lambda: settled(bsp) and len(told(bsp)) == len(reported(connector, "0001")))
    assert len(bsp.requests) == 1
    assert set(told(bsp).values()) <= {1}
    sound(bsp)


def test_the_webhook_url_can_be_proved_ours(connector: str, gateway: str, bsp: Simulator) -> None:
    customer(bsp, connector, gateway)
    try:
        assert bsp.handshake(connector)
    except ValueError:
        pytest.skip("this BSP asks for no proof")


def test_forged_webhooks_change_nothing(connector: str, gateway: str, bsp: Simulator) -> None:
    """Where the BSP signs, that is; where it does not, the URL is the secret."""
    needs(connector, Feature.SENT)
    bsp.behaviour.forge_signatures = True
    bsp.behaviour.webhook_retries = ()
    provider = customer(bsp, connector, gateway)
    send(gateway, provider, [template(to="919812300001")])
    bsp.wait_until(lambda: bsp.webhooks and settled(bsp))
    if Feature.PROOF in CONNECTORS[connector].lacks:
        bsp.wait_until(lambda: Message.objects.get().status == Status.READ)
    else:
        assert {record.http_status for record in bsp.webhooks} == {401}
        assert Message.objects.get().status == Status.ACCEPTED
        assert not told(bsp)
