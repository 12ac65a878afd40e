"""Meta's webhooks besides messages and statuses: preferences of people, and calls."""

from typing import Any

from lib.phone import digits
from lib.reading import at, epoch, first, objects, text
from providers.messages import Preference, Reply, Unhandled, WebhookItem, identity

_STOPS = {"stop": True, "resume": False, "signup": False}
_IDS = ("wa_id", "user_id", "parent_user_id")
_DIRECTION = "BUSINESS_INITIATED"  # then the person is the one who is called


def preferences(value: object) -> list[WebhookItem]:
    """Who stopped or resumed marketing messages in WhatsApp itself."""
    return [_preference(entry, value) for entry in objects(value, "user_preferences")]


def _preference(entry: dict[str, Any], value: object) -> WebhookItem:
    wish = text(entry, "value").lower()
    contact = at(value, "contacts", 0) if len(objects(value, "contacts")) == 1 else None
    person = identity(*(text(where, key) for where in (entry, contact) for key in _IDS))
    if wish not in _STOPS or not person.names:
        return Unhandled("user_preferences", first(text(entry, "user_id"), wish))
    proof = first(text(entry, "detail"), wish)
    return Preference(_STOPS[wish], timestamp=epoch(entry, "timestamp"), proof=proof).of(person)


def calls(value: object) -> list[WebhookItem]:
    """Calls as they begin and end, each step as an item of its own."""
    return [_call(call, objects(value, "contacts")) for call in objects(value, "calls")]


def _call(call: dict[str, Any], contacts: list[dict[str, Any]]) -> WebhookItem:
    person = "to" if text(call, "direction").upper() == _DIRECTION else "from"
    party = [text(call, key) for key in (person, f"{person}_user_id", f"{person}_parent_user_id")]
    named = set(filter(None, party))
    known = ((contact, [text(contact, key) for key in _IDS]) for contact in contacts)
    contact, own = next(((contact, own) for contact, own in known if named & set(own)), ({}, []))
    who = identity(*party, *own, username=text(contact, "profile", "username"))
    event = text(call, "event").lower()
    if not who.names:
        return Unhandled("calls", event)
    words = [event, text(call, "status").lower()]
    words += [f"{seconds} s"] if (seconds := text(call, "duration")) else []
    here = digits(text(call, "from" if person == "to" else "to"))
    return call_step(text(call, "id"), event, words, here, epoch(call, "timestamp")).of(who)


def call_step(call_id: str, step: str, words: list[str], number_here: str, moment: int) -> Reply:
    """One step of a call, kept under an id of its own."""
    shown = f"(call: {', '.join(filter(None, words))})"
    return Reply("call", bsp_id=f"{call_id}/{step}", to=number_here, timestamp=moment, text=shown)
