"""Numbers that are in WhatsApp's Business app and at Meta's API: what the app wrote, and what is older.

Both come as Meta's messages, seen from the business's side. Here each is turned to the person's side, with
the person under the keys of one who writes.

Source: Meta, "smb_message_echoes webhook reference", "history webhook reference", "Business-scoped user IDs".
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from lib.phone import digits
from lib.reading import at, first, objects, text


class WithContacts(NamedTuple):
    """A message, and what is told of the people in it, as `{wa_id?, user_id?, profile: {…}}`."""

    message: dict[str, Any]
    contacts: list[dict[str, Any]]


def echoes(value: object) -> Iterator[WithContacts]:
    """What the business wrote in the app: `{message_echoes: [{from, to?, to_user_id, …}], contacts}`."""
    contacts = objects(value, "contacts")
    for echo in objects(value, "message_echoes"):
        yield WithContacts({**echo, **_addressee(echo)}, contacts)


def history(value: object) -> Iterator[WithContacts]:
    """Threads of both sides, and media, which comes in messages without a thread."""
    for chunk in objects(value, "history"):
        for thread in objects(chunk, "threads"):
            for message in objects(thread, "messages"):
                yield WithContacts({**_apart(message), **_person(thread)}, [_contact(thread)])
    here = digits(text(value, "metadata", "display_phone_number"))
    for message in objects(value, "messages"):
        ours = text(message, "to") or text(message, "to_user_id") or digits(text(message, "from")) == here
        yield WithContacts(
            {**message, **_addressee(message)} if ours else message, objects(value, "contacts")
        )


def _addressee(message: dict[str, Any]) -> dict[str, str]:
    return {f"from{end}": text(message, f"to{end}") for end in ("", "_user_id", "_parent_user_id")}


def _person(thread: dict[str, Any]) -> dict[str, str]:
    """Whose thread it is. `id` is the number; both are left out where Meta may not tell it."""
    person = at(thread, "context")
    return {
        "from": first(text(person, "wa_id"), text(thread, "id")),
        "from_user_id": text(person, "user_id"),
        "from_parent_user_id": text(person, "parent_user_id"),
    }


def _contact(thread: dict[str, Any]) -> dict[str, Any]:
    person = at(thread, "context")
    return {
        "wa_id": first(text(person, "wa_id"), text(thread, "id")),
        "user_id": text(person, "user_id"),
        "profile": {"username": text(person, "username")},
    }


def _apart(message: dict[str, Any]) -> dict[str, Any]:
    """A placeholder gets an id of its own, because the media may follow later with the original id."""
    if text(message, "type") != "media_placeholder":
        return message
    return {**message, "id": f"{text(message, 'id')}/placeholder"}
