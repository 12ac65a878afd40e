"""pywa, a library for Meta's Cloud API: its list of errors, its messages and its reading of webhooks."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pywa import WhatsApp, errors
from pywa.types import MessageType, RawUpdate
from pywa.types.account_update import AccountUpdateEvent
from pywa.types.message_status import MessageStatusType
from pywa.types.templates import (
    BodyText,
    Carousel,
    CarouselCard,
    CopyCodeButton,
    HeaderDocument,
    HeaderImage,
    HeaderLocation,
    HeaderText,
    HeaderVideo,
    LimitedTimeOffer,
    QuickReplyButton,
    TemplateLanguage,
    URLButton,
)

from lib.http import HttpRequest
from providers.connectors import CONNECTORS
from providers.dialects.cloud_api.codes import META_CODES
from providers.dialects.cloud_api.webhook import MESSAGES, STATUSES
from providers.messages import AccountUpdate, Preference, Reply, StatusUpdate
from simulator.accounts import Account
from simulator.dialects.base import Inbound, Message, Send, Status
from simulator.dialects.meta import Meta
from tests.connectors import cases
from tests.connectors.cases import Case

META = CONNECTORS["meta"]

# Families of errors that no send of ours can meet: other calls return them.
OTHER_CALLS = {
    "FlowError", "BlockUserError", "CallingError", "GroupError", "TemplateCreationError", "UsernameError",
    "PhoneMigrationError", "SignupError",
}  # fmt: skip


def test_every_error_of_theirs_has_a_meaning() -> None:
    families = {family.__name__: family for family in errors.WhatsAppError.__subclasses__()}
    assert families.keys() > OTHER_CALLS
    codes = {
        str(code): error.__name__
        for name, family in families.items()
        if name not in OTHER_CALLS
        for error in family.__subclasses__()
        for code in error.__error_codes__ or ()
    }
    assert {code: name for code, name in codes.items() if code not in META_CODES} == {}


def test_their_kinds_of_messages_and_statuses_are_known() -> None:
    assert {each.value for each in MessageType} - {"unknown"} - MESSAGES == set()
    assert {each.value for each in MessageStatusType} - {"UNKNOWN", "played"} == STATUSES.keys()


# Sending


class Wire(httpx.BaseTransport):
    """Keeps what the library would send."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent = json.loads(request.content)
        contact = {"input": "1", "wa_id": "1", "user_id": "ES.1"}
        return httpx.Response(200, json={"contacts": [contact], "messages": [{"id": "wamid.1"}]})


@pytest.mark.parametrize(("slug", "case"), cases.parameters("send", "request", of="meta"))
def test_messages(slug: str, case: Case) -> None:
    ours = json.loads(META.build_request(cases.outbound(case), cases.config(slug, case)).body)
    wire = Wire()
    written = WhatsApp(phone_id="1", token="t", session=httpx.Client(transport=wire))
    asked = {"to": ours.get("to") or ours["recipient"], "tracker": ours["biz_opaque_callback_data"]}
    send(written, ours, asked)
    assert alike(wire.sent) == alike(ours)


def test_a_limited_offer_of_theirs_ends_in_seconds() -> None:
    """Meta wants milliseconds, which we send. If this fails, the library has mended it: see `filled`."""
    end = datetime(2026, 12, 31, tzinfo=UTC)
    [value] = LimitedTimeOffer.params(expiration_time=end).to_dict()["parameters"]
    assert value["limited_time_offer"]["expiration_time_ms"] == int(end.timestamp())


def send(client: WhatsApp, ours: dict[str, Any], asked: dict[str, Any]) -> None:
    """The same message by the library's own functions."""
    kind, shown = ours["type"], ours[ours["type"]]
    match kind:
        case "text":
            client.send_message(text=shown["body"], **asked)
        case "location":
            place = {"latitude": shown["latitude"], "longitude": shown["longitude"]}
            client.send_location(**place, name=shown.get("name"), address=shown.get("address"), **asked)
        case "template":
            language = TemplateLanguage(shown["language"]["code"])
            parts = [filled(part) for part in shown.get("components", [])]
            client.send_template(name=shown["name"], language=language, params=parts, **asked)
        case _:
            extra = {key: shown[key] for key in ("caption", "filename") if key in shown}
            getattr(client, f"send_{kind}")(**{kind: shown["link"]}, **extra, **asked)


def filled(part: dict[str, Any]) -> Any:
    values = part.get("parameters", [])
    match part["type"], part.get("sub_type"):
        case "carousel", _:
            cards = [
                CarouselCard.params(
                    index=card["card_index"], params=[filled(one) for one in card["components"]]
                )
                for card in part["cards"]
            ]
            return Carousel.params(cards=cards)
        case "limited_time_offer", _:
            return part  # as it is
        case "button", "url":
            return URLButton.params(url_variable=values[0]["text"], index=int(part["index"]))
        case "button", "copy_code":
            return CopyCodeButton.params(coupon_code=values[0]["coupon_code"], index=int(part["index"]))
        case "button", "quick_reply":
            return QuickReplyButton.params(callback_data=values[0]["payload"], index=int(part["index"]))
        case "body", _:
            return BodyText.params(*positional(values), **named(values))
    return header(values)


def header(values: list[dict[str, Any]]) -> Any:
    kind = values[0]["type"]
    shown = values[0][kind]
    match kind:
        case "image":
            return HeaderImage.params(image=shown["link"])
        case "video":
            return HeaderVideo.params(video=shown["link"])
        case "document":
            return HeaderDocument.params(document=shown["link"], filename=shown.get("filename"))
        case "location":
            place = {"lat": shown["latitude"], "lon": shown["longitude"]}
            return HeaderLocation.params(**place, name=shown["name"], address=shown["address"])
    return HeaderText.params(*positional(values), **named(values))


def positional(values: list[dict[str, Any]]) -> list[str]:
    return [value["text"] for value in values if "parameter_name" not in value]


def named(values: list[dict[str, Any]]) -> dict[str, str]:
    return {value["parameter_name"]: value["text"] for value in values if "parameter_name" in value}


WORDS = ("type", "sub_type")
USUAL = [
    ("policy", "deterministic"), ("components", []), ("preview_url", False), ("name", None),
    ("address", None), ("filename", None),
]  # fmt: skip


def alike(value: Any, key: str = "") -> Any:
    """Without what Meta does not tell apart: capitals of its own words, a number and its digits, a plus
    before a number, and what is so anyway."""
    if isinstance(value, dict):
        return {name: alike(inner, name) for name, inner in value.items() if (name, inner) not in USUAL}
    if isinstance(value, list):
        return [alike(inner, key) for inner in value]
    text = str(value).lower() if key in WORDS else str(value)
    return text.removeprefix("+") if key == "to" else text


# Webhooks: what the simulator posts and our fixtures hold, as both read it

ACCOUNT = Account(
    name="meta",
    dialect="meta",
    number="15550001111",
    phone_number_id="1",
    waba_id="2",
    secret="s",
    webhook_url="https://gw.example.test/h",
)
PERSON = {"user_id": "ES.77aa88bb99", "name": "Ana", "username": "ana.m"}
SENT = Message("wamid.OUT1", ACCOUNT, Send("34600111222", "wp-1-1", "Hi", {}), 1_770_000_000.0)


def both(body: bytes) -> tuple[Any, Any]:
    """The library's update, and our item."""
    client = WhatsApp(token="t", filter_updates=False, server=None)
    update = RawUpdate(body, hmac_header=None, update_hash="h")
    handler = client._get_handler_type(update)
    assert handler is not None
    [item] = META.parse_webhook(HttpRequest("POST", "https://gw.example.test/h", {}, body))
    return handler._update.from_update(client, update), item


@pytest.mark.parametrize(
    "kind", ["text", "image", "document", "location", "button", "button_reply", "reaction", "edit", "revoke"]
)
@pytest.mark.parametrize("sender", ["34600111222", ""])
def test_what_people_write(kind: str, sender: str) -> None:
    event = Inbound(
        id="wamid.IN1", sender=sender, at=1_770_000_000.0, type=kind, payload="p", mime_type="image/png",
        text="👍" if kind == "reaction" else "Hola", latitude=41.5, longitude=2.5,
        reply_to=None if kind in ("edit", "revoke") else SENT, about="wamid.IN0", **PERSON,
    )  # fmt: skip
    theirs, ours = both(Meta().inbound(ACCOUNT, event).body)
    assert isinstance(ours, Reply)
    user = theirs.from_user
    assert (user.wa_id or "", user.bsuid, user.username) == (ours.sender, ours.user_id, ours.username)
    assert (theirs.id, int(theirs.timestamp.timestamp())) == (ours.bsp_id, ours.timestamp)
    if kind in ("edit", "revoke"):
        assert theirs.original_message_id == ours.about_bsp_id
    if kind == "text":
        assert (theirs.text, theirs.reply_to_message.message_id) == (ours.text, ours.context_bsp_id)
    if kind == "reaction":
        assert (theirs.reaction.emoji, theirs.reaction.message_id) == (ours.payload, ours.context_bsp_id)
    if kind in ("button", "button_reply"):
        assert (theirs.title, theirs.data) == (ours.text, ours.payload)
    if kind in ("image", "document"):
        media = theirs.image if kind == "image" else theirs.document
        assert ours.media is not None
        assert (media.id, media.mime_type) == (ours.media.id, ours.media.mime_type)
    if kind == "location":
        assert ours.location is not None
        place = (theirs.location.latitude, theirs.location.longitude)
        assert place == (ours.location.latitude, ours.location.longitude)


@pytest.mark.parametrize("kind", ["stop_marketing", "resume_marketing"])
def test_what_people_prefer(kind: str) -> None:
    event = Inbound(id="", sender="34600111222", at=1_770_000_000.0, type=kind, **PERSON)
    theirs, ours = both(Meta().inbound(ACCOUNT, event).body)
    assert isinstance(ours, Preference)
    assert (theirs.value.value, theirs.from_user.wa_id) == (
        "stop" if ours.stops else "resume",
        ours.sender,
    )


@pytest.mark.parametrize("kind", ["sent", "delivered", "read"])
def test_statuses(kind: str) -> None:
    """Failures come without the contact that the library reads."""
    theirs, ours = both(Meta().statuses(ACCOUNT, [Status(SENT, kind, 1_770_000_000.0)]).body)
    assert isinstance(ours, StatusUpdate)
    assert (theirs.id, theirs.status.value, theirs.tracker) == (ours.bsp_id, ours.kind, ours.reference)
    if ours.pricing:
        assert theirs.pricing.billable == ours.pricing.billable


@pytest.mark.parametrize(
    "name",
    [
        "echo_to_a_person_without_a_number",
        "echo_revoked_by_the_business",
        "call_by_a_person_without_a_number",
        "call_status_among_calls",
    ],
)
def test_echoes_and_calls(name: str) -> None:
    [case] = [case for each, case in cases.read("meta", "webhook") if each == name]
    theirs, ours = both(cases.incoming(case).body)
    assert isinstance(ours, Reply)
    user = theirs.from_user
    assert (user.wa_id or "", user.bsuid, user.parent_bsuid or "") == (
        ours.sender,
        ours.user_id,
        ours.parent_user_id,
    )
    assert ours.bsp_id.partition("/")[0] == theirs.id


@pytest.mark.parametrize("event", [each for each in AccountUpdateEvent if each.value != "UNKNOWN"])
def test_news_of_the_account(event: AccountUpdateEvent) -> None:
    change = {"field": "account_update", "value": {"event": event.value}}
    body = json.dumps({"entry": [{"id": "2", "changes": [change]}]}).encode()
    [item] = META.parse_webhook(HttpRequest("POST", "https://gw.example.test/h", {}, body))
    assert isinstance(item, AccountUpdate)
    assert item.kind == event.value
