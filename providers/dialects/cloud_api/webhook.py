"""Webhooks in the JSON of Meta's Cloud API: statuses, inbound messages, news of templates and accounts.

Source: Meta, "Webhooks > messages". One POST may hold up to 1000 updates, for several numbers,
in no particular order, and is repeated until it is answered with 200.
"""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from lib.phone import digits
from lib.reading import at, epoch, first, objects, text
from lib.user_ids import is_user_id
from providers.dialects.cloud_api.account import read_account
from providers.dialects.cloud_api.codes import cause, error_words
from providers.dialects.cloud_api.coexistence import WithContacts, echoes, history
from providers.dialects.cloud_api.inbound_content import pricing, referral
from providers.dialects.cloud_api.inbound_kinds import with_content
from providers.dialects.cloud_api.marketing import clicks
from providers.dialects.cloud_api.other_fields import call_step, calls, preferences
from providers.dialects.template_updates import read_update
from providers.messages import (
    Identity,
    IdentityChange,
    Malformed,
    Receiver,
    Reply,
    ReplyKind,
    StatusKind,
    StatusUpdate,
    Unhandled,
    WebhookItem,
    addressed,
    identity,
)
from providers.outcomes import webhook_object

STATUSES: dict[str, StatusKind] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
}
# fmt: off
MESSAGES = frozenset({
    "text", "image", "video", "audio", "document", "sticker", "location", "button", "interactive",
    "reaction", "contacts", "order", "system", "unsupported", "ephemeral", "edit", "revoke",
    "request_welcome",
})
# fmt: on
_LONGEST_KIND = 60


def read_body(body: bytes) -> list[WebhookItem]:
    """Everything in a webhook of Meta's. Raises Malformed."""
    return webhook_items(webhook_object(body))


def webhook_items(payload: dict[str, Any]) -> list[WebhookItem]:
    """Everything in `{entry: [{changes: [{field, value}]}]}`. Raises Malformed without `entry`."""
    if not isinstance(payload.get("entry"), list):
        raise Malformed("entry: a list was expected")
    found: list[WebhookItem] = []
    for entry in objects(payload, "entry"):
        account = text(entry, "id")
        for change in objects(entry, "changes"):
            found += _change_items(change, account, epoch(entry, "time"))
    return found


def _change_items(change: dict[str, Any], account: str, moment: int) -> list[WebhookItem]:
    field, value = text(change, "field"), at(change, "value")
    if field in ("messages", ""):
        return value_items(value, account)
    if read := _OTHER_FIELDS.get(field):
        receiver = _receiver(value, account)
        found = [addressed(item, receiver) for item in read(value)]
        return found or [unhandled(field, "nothing in it could be read")]
    if field == "user_id_update":  # of early versions, which some BSPs still pass on
        receiver = _receiver(value, account)
        found = [addressed(_new_user_id(one), receiver) for one in objects(value, field)]
        return found or [unhandled(field)]
    if update := read_update(field, value, moment):
        return [addressed(update, Receiver(account=account))]
    if news := read_account(field, value, account, moment):
        return [news]
    return [unhandled(field, text(value, "event"))]


def value_items(value: object, account: str = "") -> list[WebhookItem]:
    """Everything in one `value`: `{metadata, contacts, statuses | messages | errors}`."""
    contacts = objects(value, "contacts")
    found: list[WebhookItem] = [
        _call_status(status, contacts, _number_here(value))
        if text(status, "type").lower() == "call"
        else _status(status, contacts)
        for status in objects(value, "statuses")
    ]
    for message in objects(value, "messages"):
        if change := _identity_change(message):
            found.append(change)
        found.append(_message(message, contacts, _number_here(value)))
    found += clicks(value)
    found += [unhandled("errors", " ".join(error_words(error))) for error in objects(value, "errors")]
    receiver = _receiver(value, account)
    return [addressed(item, receiver) for item in found] or [
        Unhandled("messages", "nothing in it could be read")
    ]


def _number_here(value: object) -> str:
    return digits(text(value, "metadata", "display_phone_number"))


def _receiver(value: object, account: str) -> Receiver:
    return Receiver(_number_here(value), text(value, "metadata", "phone_number_id"), account)


def unhandled(kind: str, words: str = "") -> Unhandled:
    """Counts are kept by `kind`, so a hostile or broken one must not be endless."""
    return Unhandled(kind[:_LONGEST_KIND] or "unnamed", words)


def _contact_of(contacts: list[dict[str, Any]], *names: str) -> object:
    """The contact that one of these numbers or user ids belongs to; the only one, if there are no names."""
    keys = ("wa_id", "user_id", "parent_user_id")
    known = {_comparable(text(contact, key)): contact for contact in contacts for key in keys}
    if not any(names) and len(contacts) == 1:
        return contacts[0]
    return next((known[key] for name in names if name and (key := _comparable(name)) in known), None)


def _comparable(name: str) -> str:
    return name if is_user_id(name) else digits(name)


def _recipient(status: dict[str, Any], contacts: list[dict[str, Any]]) -> Identity:
    """Who got the message. In a group it is one of its participants."""
    role = "recipient_participant" if text(status, "recipient_type") == "group" else "recipient"
    # The parent's key was renamed in May 2026.
    parents = (text(status, f"{role}_parent_user_id"), text(status, f"parent_{role}_user_id"))
    named = (text(status, f"{role}_id"), text(status, f"{role}_user_id"), *parents)
    contact = _contact_of(contacts, *named)
    ids = (text(contact, "wa_id"), text(contact, "user_id"), text(contact, "parent_user_id"))
    return identity(*named, *ids, username=text(contact, "profile", "username"))


def _sender(message: dict[str, Any], contact: object) -> Identity:
    """Who wrote. If the number is withheld, a shared contact may have it."""
    keys = ("from", "from_user_id", "from_parent_user_id")
    named = (*(text(message, key) for key in keys), *(text(contact, key) for key in ("wa_id", "user_id")))
    return identity(
        *named,
        text(contact, "parent_user_id"),
        _own_number(message),
        username=text(contact, "profile", "username"),
    )


def _own_number(message: dict[str, Any]) -> str:
    """The number in the answer to a contact request. A card that is shared by hand may be anybody's."""
    for card in objects(message, "contacts"):
        if "contact_request" in (text(card, "origin"), text(message, "origin")):
            number = objects(card, "phones")[:1]
            return first(text(number, 0, "wa_id"), text(number, 0, "phone"))
    return ""


def _identity_change(message: dict[str, Any]) -> IdentityChange | None:
    """The new number or user id in a system message, if the message has the old and the new one."""
    if text(message, "type") != "system":
        return None
    change = at(message, "system")
    new = identity(
        first(text(change, "wa_id"), text(change, "new_wa_id")),
        text(change, "user_id"),
        text(change, "parent_user_id"),
    )
    # Meta does not say whether `from_user_id` is the old id or the new one.
    previous = first(text(change, "previous_user_id"), text(message, "from_user_id"))
    sender = first(text(message, "from"), text(change, "customer"))
    old = identity(sender, previous, text(change, "previous_parent_user_id"))
    known = set(old.names) - set(new.names)
    if not new.names or not known:
        return None
    return IdentityChange(old, new, epoch(message, "timestamp"))


def _new_user_id(update: dict[str, Any]) -> WebhookItem:
    ids = at(update, "user_id")
    old, new = identity(text(ids, "previous")), identity(text(ids, "current"), text(update, "wa_id"))
    if not old.names or not new.names:
        return unhandled("user_id_update")
    return IdentityChange(old, new, epoch(update, "timestamp"))


def _status(status: dict[str, Any], contacts: list[dict[str, Any]]) -> WebhookItem:
    kind = text(status, "status").lower()
    bsp_id, reference = text(status, "id"), text(status, "biz_opaque_callback_data")
    if kind not in STATUSES:
        return unhandled(kind, bsp_id)
    if not bsp_id and not reference:
        return unhandled(kind, "names no message")
    update = StatusUpdate(
        STATUSES[kind],
        timestamp=epoch(status, "timestamp"),
        reference=reference,
        bsp_id=bsp_id,
        pricing=pricing(at(status, "pricing")),
    ).of(_recipient(status, contacts))
    if kind != "failed":
        return update
    code, words = error_words(at(status, "errors", 0))
    return update.failed(cause(code), code, words)


def _message(message: dict[str, Any], contacts: list[dict[str, Any]], number_here: str) -> WebhookItem:
    kind = text(message, "type")
    contact = _contact_of(contacts, text(message, "from"), text(message, "from_user_id"))
    # Meta does not say whose the user id beside a changed number is, the old or the new one.
    old = identity(first(text(message, "from"), text(message, "from_user_id")))
    reply = Reply(
        "other",
        bsp_id=text(message, "id"),
        to=number_here,
        timestamp=epoch(message, "timestamp"),
        context_bsp_id=text(message, "context", "id"),
        profile_name=text(contact, "profile", "name"),
        referral=referral(at(message, "referral")),
    ).of(old if kind == "system" else _sender(message, contact))
    reply = with_content(reply, kind, message)
    return replace(reply, kind="group") if text(message, "group_id") else reply


def _kept_as(kind: ReplyKind, entries: Iterable[WithContacts], value: object) -> list[WebhookItem]:
    here = _number_here(value)
    return [_renamed(_message(each.message, each.contacts, here), kind) for each in entries]


def _calls(value: object) -> list[WebhookItem]:
    """Calls, and how far one of ours got: `statuses` of the type call."""
    contacts = objects(value, "contacts")
    return [
        *calls(value),
        *(_call_status(status, contacts, _number_here(value)) for status in objects(value, "statuses")),
    ]


def _call_status(status: dict[str, Any], contacts: list[dict[str, Any]], number_here: str) -> WebhookItem:
    who, step = _recipient(status, contacts), text(status, "status").lower()
    if not who.names:
        return unhandled("call_status", step)
    return call_step(text(status, "id"), step, [step], number_here, epoch(status, "timestamp")).of(who)


def _renamed(item: WebhookItem, kind: ReplyKind) -> WebhookItem:
    return replace(item, kind=kind, about_bsp_id="") if isinstance(item, Reply) else item


_OTHER_FIELDS: dict[str, Callable[[object], list[WebhookItem]]] = {
    "user_preferences": preferences,
    "calls": _calls,
    "smb_message_echoes": lambda value: _kept_as("echo", echoes(value), value),
    "history": lambda value: _kept_as("history", history(value), value),
}


def in_words(item: WebhookItem, words: str) -> WebhookItem:
    """The item with the BSP's own words for it, where nothing better is known."""
    if not words or not isinstance(item, Reply) or item.kind not in ("other", "unsupported"):
        return item
    return replace(item, kind="other", text=words)
