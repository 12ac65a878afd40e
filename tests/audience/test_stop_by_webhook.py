"""A "stop" on its whole way: from the webhooks of BSPs to the contact, to CleverTap and the next campaign."""

from typing import Any

from audience import opting
from audience.models import Contact, OptChange, OptSetting, Subscription
from broadcasts.run import lifecycle
from callbacks.models import Reply
from providers.models import Provider
from simulator.server import Simulator
from tests.broadcasts.conftest import add, make_broadcast, make_template
from tests.bsps import customer
from tests.journeys.conftest import gateway

__all__ = ["gateway"]


def heeding(bsp: Simulator, gateway: str, connector: str, **values: Any) -> Provider:
    """A provider whose numbers heed opt-outs and which tells CleverTap."""
    provider = customer(bsp, connector, gateway)
    setting = OptSetting(provider=provider, subscribe_url=f"{bsp.url}/sink/{connector}/subscribe", **values)
    setting.account = {"account_id": "SHOP-1", "passcode": "secret-passcode"}
    setting.save()
    return provider


def test_two_bsps_and_the_next_campaign(gateway: str, simulator: Simulator) -> None:
    opting.forget()
    people = {"ann": "919812300001", "bob": "919812300002", "zoe": "919812300003"}
    for who, number in people.items():
        add(who, Phone=f"+{number}")
    meta = heeding(simulator, gateway, "meta")
    gupshup = heeding(simulator, gateway, "gupshup", stop_words="optout|*")
    simulator.inbound("meta", people["ann"], text="Stop!")
    simulator.inbound("gupshup", people["bob"], type="button", text="No, thanks", payload="optout|88")
    simulator.inbound("gupshup", people["zoe"], text="stop")  # no word of this provider's
    simulator.wait_until(lambda: Reply.objects.count() == 3)
    simulator.wait_until(lambda: Subscription.objects.filter(state=Subscription.State.DONE).count() == 2)

    assert {row.identity: row.reachable for row in Contact.objects.all()} == {
        "ann": False, "bob": False, "zoe": True,
    }  # fmt: skip
    proofs = OptChange.objects.filter(to="stop").order_by("phone")
    assert [(row.contact.identity, row.why, row.proof, row.provider) for row in proofs] == [  # type: ignore[union-attr]
        ("ann", "keyword", "Stop!", meta),
        ("bob", "button", "No, thanks [optout|88]", gupshup),
    ]
    assert {row.reply_id for row in proofs} < set(Reply.objects.values_list("pk", flat=True))
    told = [one.payload["d"] for one in simulator.sink if "d" in one.payload]
    assert sorted(told, key=str) == [
        [{"type": "whatsapp", "value": f"+{people[who]}", "status": "Unsubscribe"}] for who in ("ann", "bob")
    ]

    make_template(meta)
    broadcast = make_broadcast(meta)
    assert lifecycle.launch(broadcast)

    def ended() -> bool:
        broadcast.refresh_from_db()
        return broadcast.queued + broadcast.excluded == 3

    simulator.wait_until(ended)
    assert (broadcast.queued, broadcast.excluded_for) == (1, {"dnd": 2})
