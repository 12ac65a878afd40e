"""People with a username, two numbers on one app, and what is not an answer, on their whole way."""

import pytest
from msgspec.structs import replace

from audience.models import PhoneChoice
from callbacks.models import Reply, Webhook
from campaigns.models import Forward, Message, Status
from providers.connectors import CONNECTORS
from providers.features import Feature
from providers.models import Provider
from simulator.accounts import Account
from simulator.dialects import DIALECTS
from simulator.dialects.base import KINDS_OF_SOME
from simulator.server import Simulator
from tests.bsps import bsp, customer
from tests.factories import make_provider
from tests.journeys.conftest import settled

PHONE, USER_ID = "34600111222", "ES.77aa88bb99"


@pytest.fixture
def shop(gateway: str, simulator: Simulator) -> Provider:
    return customer(simulator, "meta", gateway)


def told(simulator: Simulator) -> list[tuple[str, str]]:
    """Who wrote what, as CleverTap heard it."""
    inbound = [one.payload for one in simulator.sink if one.kind == "inbound"]
    return [(each["from"], each["text"]["body"]) for each in inbound]


def test_a_message_without_a_number_is_told_once_the_number_is_known(
    shop: Provider, simulator: Simulator
) -> None:
    simulator.inbound("meta", "", user_id=USER_ID, username="ana.m", text="Who am I?")
    simulator.wait_until(lambda: Reply.objects.filter(forward=Forward.NO_NUMBER).exists())
    simulator.inbound("meta", PHONE, user_id=USER_ID, username="ana.m", text="It is me")
    simulator.wait_until(lambda: len(told(simulator)) == 2)
    assert sorted(told(simulator)) == [(PHONE, "It is me"), (PHONE, "Who am I?")]


def test_the_auto_reply_goes_to_the_user_id(shop: Provider, simulator: Simulator) -> None:
    Provider.objects.filter(pk=shop.pk).update(auto_reply=True, auto_reply_text="Thanks for writing.")
    simulator.inbound("meta", "", user_id=USER_ID, text="Hello?")
    simulator.wait_until(lambda: Message.objects.filter(status=Status.READ).exists())
    assert Message.objects.get().to == USER_ID


def test_a_second_number_on_the_same_app(shop: Provider, simulator: Simulator) -> None:
    first = simulator.accounts.named("meta")
    assert isinstance(first, Account)
    credentials = shop.credentials | {"phone_number_id": "990022"}
    second = make_provider(connector_slug="meta", waba_number="15550002222", credentials=credentials)
    # The same webhook URL and secret, as one app has them.
    simulator.add_account(replace(first, name="second", number="15550002222", phone_number_id="990022"))
    simulator.inbound("second", PHONE, text="For number two")
    simulator.wait_until(lambda: Webhook.objects.filter(state=Webhook.State.DONE).exists())
    assert Reply.objects.get().provider == second


PLAYS = {
    slug: bsp(slug, "https://bsp.example.test").account.dialect
    for slug in CONNECTORS
    if Feature.INBOUND_TEXT not in CONNECTORS[slug].lacks
}


@pytest.mark.parametrize("connector", PLAYS)
def test_all_that_is_no_answer(connector: str, gateway: str, simulator: Simulator) -> None:
    """A person without a number writes, and one with a number does whatever the BSP tells of."""
    customer(simulator, connector, gateway)
    plays = DIALECTS[PLAYS[connector]].plays
    simulator.inbound(connector, "", user_id=USER_ID, text="Who am I?")
    wrote = simulator.inbound(connector, PHONE, text="Hello")
    simulator.wait_until(lambda: len(told(simulator)) == 1)
    for kind in sorted(plays):
        about = wrote if kind in ("edit", "revoke") else ""
        simulator.inbound(connector, PHONE, type=kind, text="👍" if kind == "reaction" else "Hi", about=about)
    kinds = {"text"} | plays & {"reaction", "edit", "revoke"}
    simulator.wait_until(lambda: set(Reply.objects.values_list("kind", flat=True)) == kinds)
    if "stop_marketing" in plays:
        simulator.wait_until(lambda: PhoneChoice.objects.filter(kind=PhoneChoice.Kind.WHATSAPP).exists())
    simulator.wait_until(lambda: settled(simulator))
    assert Reply.objects.filter(forward=Forward.NO_NUMBER).count() == 1
    assert told(simulator) == [(PHONE, "Hello")], "nothing else is told to CleverTap as an answer"


@pytest.mark.parametrize("connector", PLAYS)
def test_what_a_bsp_does_not_tell_of_cannot_be_played(connector: str, simulator: Simulator) -> None:
    simulator.add_account(replace(bsp(connector, simulator.url).account, number=PHONE))
    for kind in KINDS_OF_SOME - DIALECTS[PLAYS[connector]].plays:
        with pytest.raises(ValueError, match="tells of no"):
            simulator.inbound(connector, PHONE, type=kind)
