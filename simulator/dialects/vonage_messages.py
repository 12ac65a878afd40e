"""What Vonage accepts as a message: its own simple kinds, and Meta's object in a custom one."""

from typing import Any

from simulator.dialects import meta_messages, reading
from simulator.dialects.base import Failure, Refusal
from simulator.templates import TemplateUse

_REFERENCE = 100
_TEXT, _CAPTION = 4096, 1024


def check_envelope(body: dict[str, Any]) -> None:
    """The fields around every message. Numbers have no plus sign here."""
    if body.get("channel") != "whatsapp":
        raise Refusal(Failure.PAYLOAD, "channel must be whatsapp")
    for name, failure in (("from", Failure.PAYLOAD), ("to", Failure.NUMBER)):
        if str(body.get(name)).startswith("+"):
            raise Refusal(failure, f"{name} must be digits only")
    reading.digits(body.get("from"), "from")
    reading.optional_text(body, "client_ref", limit=_REFERENCE)
    if "webhook_url" in body:
        reading.link(body, "webhook_url")


def read(body: dict[str, Any]) -> tuple[str, TemplateUse | None]:
    """The message's label for people, and what it brings if it is a template."""
    kind = reading.text(body, "message_type")
    if kind == "custom":
        return _custom(reading.child(body, "custom"))
    if kind == "text":
        return reading.text(body, "text", limit=_TEXT), None
    takes = _MEDIA.get(kind)
    if takes is None:
        raise Refusal(Failure.PAYLOAD, f"message_type is not supported: {kind!r}")
    media = reading.child(body, kind)
    if strangers := sorted(set(media) - takes):
        raise Refusal(Failure.PAYLOAD, f"{kind} takes no {', '.join(strangers)}")
    reading.optional_text(media, "caption", limit=_CAPTION)
    return reading.link(media, "url"), None


def _custom(content: dict[str, Any]) -> tuple[str, TemplateUse | None]:
    """Meta's object without Meta's envelope, which Vonage adds itself."""
    reading.text(content, "type")
    if strangers := {"to", "messaging_product", "recipient_type"} & set(content):
        raise Refusal(Failure.PAYLOAD, f"custom takes no {', '.join(sorted(strangers))}")
    return meta_messages.read(content)


_MEDIA: dict[str, set[str]] = {
    "image": {"url", "caption"},
    "video": {"url", "caption"},
    "audio": {"url"},
    "file": {"url", "caption", "name"},
}
