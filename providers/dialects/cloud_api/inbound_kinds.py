"""What an inbound message says, by its kind: from Meta's JSON into a Reply."""

from typing import Any

from msgspec.structs import replace

from lib.reading import at, first, number, objects, text
from providers.dialects.cloud_api.codes import error_words
from providers.dialects.cloud_api.inbound_content import contact_words, flow_answers, flow_words, order_words
from providers.messages import InboundMedia, Location, Reply

_EDITED = ("text", "image", "video", "document")
_CHOICES = ("button_reply", "list_reply")  # Exotel's pages show them without the type beside them


def with_content(reply: Reply, kind: str, message: dict[str, Any]) -> Reply:
    """The reply with what a message of this kind says, in `message[kind]`."""
    content = at(message, kind)
    match kind:
        case "text":
            return replace(reply, kind="text", text=text(content, "body"))
        case "image" | "video" | "audio" | "document" | "sticker":
            return replace(reply, kind=kind, text=text(content, "caption"), media=_media(content))
        case "voice":  # the name of older WhatsApp APIs for a recorded audio
            return replace(reply, kind="audio", media=_media(content))
        case "button":
            return replace(reply, kind="button", text=text(content, "text"), payload=text(content, "payload"))
        case "interactive":
            return _interactive(reply, content)
        case "location":
            return with_location(reply, content)
        case "reaction":
            return reaction(reply, text(content, "emoji"), text(content, "message_id"))
        case "contacts":
            contacts = objects(content)
            return replace(reply, text=contact_words(contacts), data={"contacts": contacts})
        case "order":
            return replace(reply, text=order_words(content), data=_object(content))
        case "edit":
            return _edit(reply, content)
        case "revoke":
            about = text(content, "original_message_id")
            return replace(reply, kind="revoke", text="(message deleted)", about_bsp_id=about)
        case "system":
            return replace(reply, kind="system", text=first(text(content, "body"), "(system)"))
        case "ephemeral":
            return replace(reply, kind="ephemeral", text="(disappearing message)")
        case "request_welcome":
            return replace(reply, kind="welcome", text="(chat opened)")
        case "unsupported":
            _, words = error_words(at(message, "errors", 0))
            return unsupported(reply, first(text(content, "type"), words))
    return unsupported(reply, kind or "untyped")


def reaction(reply: Reply, emoji: str, to: str) -> Reply:
    """A reaction to one of our messages; without an emoji the one before is taken back."""
    return replace(
        reply, kind="reaction", text=emoji or "(reaction removed)", payload=emoji, context_bsp_id=to
    )


def unsupported(reply: Reply, what: str = "") -> Reply:
    """Something that the BSP does not pass on, or that Waypost does not know."""
    return replace(reply, kind="unsupported", text=f"(unsupported: {what})" if what else "(unsupported)")


def _edit(reply: Reply, content: object) -> Reply:
    """New words for an earlier message of the person's. The media of it stays what it was, and so do its
    words if the new ones cannot be read."""
    message = _object(at(content, "message"))
    answered = text(message, "context", "id")
    kind = first(text(message, "type"), *(each for each in _EDITED if each in message))
    new = with_content(replace(reply, context_bsp_id=answered), kind, message)
    if new.kind == "unsupported":
        return new
    return replace(new, kind="edit", media=None, about_bsp_id=text(content, "original_message_id"))


def _object(content: object) -> dict[str, Any]:
    return content if isinstance(content, dict) else {}


def _media(content: object) -> InboundMedia:
    return InboundMedia(
        url=text(content, "url"),
        id=text(content, "id"),
        mime_type=text(content, "mime_type"),
        filename=text(content, "filename"),
        caption=text(content, "caption"),
    )


def _interactive(reply: Reply, content: object) -> Reply:
    kind = text(content, "type") or next((choice for choice in _CHOICES if at(content, choice)), "")
    chosen = at(content, kind)
    if kind in _CHOICES:
        return replace(reply, kind="interactive", text=text(chosen, "title"), payload=text(chosen, "id"))
    if not kind:
        return unsupported(reply, "interactive")
    if kind == "call_permission_reply":
        words = f"(call permission: {text(chosen, 'response')})"
        return replace(reply, text=words, data=_object(chosen))
    # A filled-in flow or address form ("nfm_reply") carries its answers as a JSON string.
    answers = flow_answers(at(chosen, "response_json"))
    words = flow_words(answers, text(chosen, "body")) if answers else text(chosen, "body")
    return replace(reply, text=words or f"({kind})", data=answers)


def with_location(reply: Reply, content: object) -> Reply:
    """The reply with the place in `{latitude, longitude, name?, address?, url?}`."""
    name, address = text(content, "name"), text(content, "address")
    latitude, longitude = number(content, "latitude"), number(content, "longitude")
    reply = replace(reply, text=first(name, address, "(location)"))
    if latitude is None or longitude is None:
        return reply
    place = Location(latitude, longitude, name, address)
    return replace(reply, kind="location", location=place, location_url=text(content, "url"))
