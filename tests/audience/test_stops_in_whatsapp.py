"""WhatsApp's own "stop marketing": reported by a webhook or by a refusal, and stored separately from a typed
STOP."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from audience import opting
from audience.models import Contact, OptChange, OptSetting, PhoneChoice, Subscription
from broadcasts.run import planning
from callbacks.webhooks import ingest
from campaigns.sending import dispatch
from providers.messages import Preference, Reply
from providers.models import Provider
from templates_app.models import Template
from tests.audience.conftest import contact, taken_over
from tests.endpoints import Endpoint
from tests.factories import MessageFactory, make_provider
from tests.gateway import call_back, post, template

pytestmark = pytest.mark.django_db

NUMBER = "14155550777"
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
STOP, RESUME = True, False


@pytest.fixture
def shop(db: None) -> Provider:
    shop = make_provider()
    OptSetting.objects.create(provider=shop, subscribe_url="http://127.0.0.1:9/subscribe")
    taken_over(f"identity,phone,MSG-whatsapp\nann,+{NUMBER},TRUE\nzoe,+14155550888,TRUE\n")
    return shop


def chooses(shop: Provider, stops: bool, minutes: int = 0, number: str = NUMBER) -> None:
    at = int((NOW + timedelta(minutes=minutes)).timestamp())
    proof = "User requested to stop marketing messages"
    opting.heed_preferences(shop, [Preference(stops, number, at, proof)], timezone.now())


def writes(shop: Provider, text: str, minutes: int = 0) -> None:
    at = int((NOW + timedelta(minutes=minutes)).timestamp())
    opting.heed(shop, [(minutes, Reply("text", NUMBER, timestamp=at, text=text))], timezone.now())


def states() -> tuple[bool, bool]:
    ann = contact("ann")
    return ann.dnd, ann.stopped


def told() -> list[str]:
    return list(Subscription.objects.order_by("id").values_list("status", flat=True))


def test_it_changes_consent_with_proof(shop: Provider) -> None:
    chooses(shop, STOP)
    assert states() == (False, True)
    assert not contact("ann").reachable
    assert contact("zoe").reachable
    change = OptChange.objects.get(why="whatsapp")
    assert (change.to, change.proof, change.at, change.provider) == (
        "stop", "User requested to stop marketing messages", NOW, shop,
    )  # fmt: skip
    assert told() == ["Unsubscribe"]


def test_resume_takes_back_only_its_own(shop: Provider) -> None:
    writes(shop, "STOP")
    chooses(shop, STOP, 1)
    chooses(shop, RESUME, 2)
    assert states() == (True, False)
    assert told() == ["Unsubscribe", "Unsubscribe"], "nobody is subscribed again who still typed STOP"


def test_a_typed_start_takes_back_only_its_own(shop: Provider) -> None:
    chooses(shop, STOP)
    writes(shop, "STOP", 1)
    writes(shop, "START", 2)
    assert states() == (False, True)
    assert told() == ["Unsubscribe", "Unsubscribe"]
    chooses(shop, RESUME, 3)
    assert states() == (False, False)
    assert told()[-1] == "Resubscribe"


def test_resume_leaves_alone_what_an_operator_set(shop: Provider) -> None:
    opting.by_operator(contact("ann"), OptChange.To.STOP, "mira", "by phone", timezone.now())
    chooses(shop, STOP)
    chooses(shop, RESUME, 1)
    assert states() == (True, False)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)])
def test_what_was_chosen_last_counts_in_any_order(shop: Provider, order: tuple[int, ...]) -> None:
    chosen = [STOP, RESUME, STOP]
    for minute in order:
        chooses(shop, chosen[minute], minute)
    assert states() == (False, True)


def test_saying_it_again_changes_nothing(shop: Provider) -> None:
    for minute in range(3):
        chooses(shop, STOP, minute)
    assert OptChange.objects.filter(why="whatsapp").count() == 1
    assert PhoneChoice.objects.get().since == NOW
    assert told() == ["Unsubscribe"]
    chooses(shop, RESUME, 1)
    assert states() == (False, True), "it was said again after that"


def test_a_contact_that_comes_later_has_stopped(shop: Provider) -> None:
    chooses(shop, STOP, number="14155550999")
    taken_over("identity,phone,MSG-whatsapp,MSG-dndWhatsApp\nnew,+14155550999,TRUE,FALSE\n")
    assert (contact("new").dnd, contact("new").stopped) == (False, True)
    taken_over("identity,phone\nnew,+14155550111\n")
    assert not contact("new").stopped, "the stop was of the number"


def test_broadcasts_skip_such_people(shop: Provider) -> None:
    chooses(shop, STOP)
    rows = Contact.objects.order_by("identity").values_list(*planning.Person._fields)
    assert [planning.why_not(planning.Person(*row)) for row in rows] == ["whatsapp", ""]


def test_a_report_of_a_refusal_stops(shop: Provider) -> None:
    message = MessageFactory(provider=shop, to=NUMBER)
    status = {
        "msgId": message.msg_id, "status": "failed", "timestamp": str(int(NOW.timestamp())),
        "error": {"code": 131050, "title": "User has stopped receiving marketing messages"},
    }  # fmt: skip
    for code in (131049, 131050, 131050):
        status["error"]["code"] = code
        call_back(shop, "delivery", {"statuses": [status]})
        ingest.drain()
        assert contact("ann").stopped == (code == 131050)
    change = OptChange.objects.get(why="whatsapp")
    assert change.proof == "A message was refused: User has stopped receiving marketing messages"
    assert change.at == NOW


@pytest.mark.parametrize(("code", "stopped"), [("131050", True), ("131049", False)])
def test_an_answer_to_a_send_call_stops(shop: Provider, endpoint: Endpoint, code: str, stopped: bool) -> None:
    Provider.objects.filter(pk=shop.pk).update(endpoint=endpoint.url)
    refusal = {"status": "failure", "error": {"code": code, "message": "User has stopped marketing"}}
    endpoint.reply = lambda payload: (200, {}, json.dumps(refusal).encode())
    MessageFactory(provider=shop, to=NUMBER)
    dispatch.drain(shop.pk)
    assert contact("ann").stopped == stopped


@pytest.mark.parametrize(
    ("refusing", "category", "number", "refused"),
    [
        (True, "MARKETING", NUMBER, True),
        (True, "MARKETING", "14155550888", False),
        (True, "UTILITY", NUMBER, False),
        (False, "MARKETING", NUMBER, False),
    ],
)
def test_marketing_templates_are_refused_by_setting(
    shop: Provider, refusing: bool, category: str, number: str, refused: bool
) -> None:
    OptSetting.objects.update(refuse_stopped=refusing)
    content = template(to=number)
    Template.objects.create(
        provider=shop, name="order_ready", language="en", category=category, status="APPROVED"
    )
    chooses(shop, STOP)
    answer = post(shop, content).json
    assert (answer.get("error") or {}).get("code") == (2003 if refused else None)


def show(number: str) -> Any:
    out = StringIO()
    call_command("audience", "show", number, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_the_command_shows_stops_with_their_proof(shop: Provider) -> None:
    writes(shop, "Stop!")
    chooses(shop, STOP, 1)
    found = show(f"+{NUMBER}")
    assert found["user_ids"] == []
    assert found["contacts"] == ["ann"]
    assert found["stops"] == [
        {"kind": "typed", "since": "2026-01-05T09:00:00+00:00", "proof": "Stop!"},
        {
            "kind": "whatsapp",
            "since": "2026-01-05T09:01:00+00:00",
            "proof": "User requested to stop marketing messages",
        },
    ]
    chooses(shop, RESUME, 2)
    assert [stop["kind"] for stop in show(NUMBER)["stops"]] == ["typed"]
