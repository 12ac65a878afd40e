"""CleverTap's callbacks: delivery reports and inbound messages, read tolerantly, written strictly.

Source: CleverTap's Generic WhatsApp page ("WhatsApp Callbacks"). What the page leaves open is
a quirk of `providers.quirks`.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from lib import phone, reading
from providers.messages import (
    InboundMedia,
    Location,
    Malformed,
    Receiver,
    Reply,
    ReplyKind,
    ReportCode,
    StatusKind,
    StatusUpdate,
    Unhandled,
    WebhookItem,
    addressed,
    identity,
)
from providers.quirks import Quirks

Json = dict[str, Any]

STATUSES: dict[str, StatusKind] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "viewed": "read",
    "failed": "failed",
    "clicked": "clicked",
}
_MEDIA: dict[str, ReplyKind] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "voice": "audio",
    "file": "document",
    "document": "document",
    "sticker": "sticker",
}
# The types WhatsApp knows. The standard library's table depends on the machine it runs on.
EXTENSIONS = {
    "image/jpeg": ".jpeg",
    "image/png": ".png",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
    "video/3gpp": ".3gp",
    "audio/aac": ".aac",
    "audio/amr": ".amr",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
    "text/plain": ".txt",
    "application/pdf": ".pdf",
    "application/msword": ".doc",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
}


class Report(Struct, frozen=True):
    """One delivery report on its way to CleverTap. `timestamp` in epoch seconds."""

    msg_id: str
    kind: StatusKind
    timestamp: int
    code: int = ReportCode.OTHER
    title: str = ""
    url: str = ""
    short_url: str = ""
    user_agent: str = ""


def read_statuses(payload: Json) -> list[WebhookItem]:
    """Every entry of `statuses`, an unreadable one as Unhandled. Raises Malformed without any."""
    statuses = payload.get("statuses")
    if isinstance(statuses, dict):
        statuses = [statuses]
    if not isinstance(statuses, list):
        raise Malformed("statuses: missing or not a list")
    return [_read_status(entry) for entry in statuses]


def _read_status(entry: object) -> WebhookItem:
    if not isinstance(entry, dict):
        return Unhandled("status", f"not an object: {entry!r}"[:300])
    word = _text(entry, "status").lower()
    kind = STATUSES.get(word)
    msg_id = _text(entry, "msgId", "msg_id", "msgid")
    if kind is None or not msg_id:
        return Unhandled(f"status:{word[:40]}", "no msgId" if not msg_id else "unknown status")
    error = entry.get("error")
    error = error if isinstance(error, dict) else {}
    raw_code = _text(error, "code")
    return StatusUpdate(
        kind,
        timestamp=reading.epoch(entry, "timestamp") or reading.epoch(entry, "ts"),
        msg_id=msg_id,
        to=phone.digits(_text(entry, "to", "recipient")),
        code=report_code(raw_code) if kind == "failed" else None,
        bsp_code=raw_code,
        text=_text(error, "title", "message"),
        url=_text(entry, "url"),
        short_url=_text(entry, "shortUrl"),
        user_agent=_text(entry, "userAgent"),
    )


def report_code(raw: str) -> ReportCode:
    try:
        return ReportCode(int(raw))
    except ValueError:
        return ReportCode.OTHER


def read_inbound(payload: Json) -> list[WebhookItem]:
    """The inbound message in CleverTap's form. Raises Malformed when it names no sender."""
    who = identity(_text(payload, "from"))
    if not who.names:
        raise Malformed("from: missing, or neither a phone number nor a user id")
    receiver = Receiver(number=phone.digits(_text(payload, "wabaNumber")))
    return [addressed(reply.of(who), receiver) for reply in _read_messages(payload)]


def _read_messages(payload: Json) -> list[Reply]:
    raw = _text(payload, "type").lower() or ("text" if "text" in payload else "")
    context = payload.get("context")
    common: Json = {
        "to": phone.digits(_text(payload, "wabaNumber")),
        "timestamp": reading.epoch(payload, "timestamp"),
        "bsp_id": _text(payload, "id", "messageId"),
        "context_msg_id": _text(context, "id") if isinstance(context, dict) else "",
    }
    # The page's sample names the document's object `document`, its table `file`.
    child = next((payload[key] for key in (raw, "file", "document", "audio") if key in payload), None)
    if raw == "text":
        text = _text(child, "body", "text") if isinstance(child, dict) else reading.text(child).strip()
        return [Reply("text", text=text, **common)]
    if not isinstance(child, dict) and raw in _MEDIA:
        return [Reply("other", text=f"({raw})", **common)]
    if not isinstance(child, dict):
        return [Reply("unsupported", text=f"(unsupported: {raw or 'untyped'})", **common)]
    if raw == "reaction":
        emoji = _text(child, "emoji")
        return [Reply("reaction", text=emoji or "(reaction removed)", payload=emoji, **common)]
    if raw in _MEDIA:
        media = InboundMedia(
            url=_text(child, "mediaURL", "mediaUrl", "url"),
            mime_type=_text(child, "mimeType", "mimetype"),
            filename=_text(child, "filename"),
            caption=_text(child, "caption"),
        )
        return [Reply(_MEDIA[raw], text=media.caption, media=media, **common)]
    if raw == "location":
        return [_read_location(child, common)]
    if raw == "button":
        return [Reply("button", text=_text(child, "text"), payload=_text(child, "payload"), **common)]
    return [Reply("other", text=_text(child, "body", "text", "title") or f"({raw})", data=child, **common)]


def _read_location(child: Json, common: Json) -> Reply:
    # The page spells "lattitude" and "Longitude" too.
    numbers = {key.lower()[:3]: reading.number(value) for key, value in child.items()}
    latitude, longitude = numbers.get("lat"), numbers.get("lon")
    if latitude is None or longitude is None:
        return Reply("other", text="(location)", **common)
    name, address = _text(child, "name"), _text(child, "address")
    location = Location(latitude, longitude, name, address)
    return Reply(
        "location", text=name or address, location=location, location_url=_text(child, "url"), **common
    )


def write_statuses(reports: Sequence[Report], quirks: Quirks) -> Json:
    return {
        "payloadVersion": _version(quirks),
        "statuses": [_write_status(report, quirks) for report in reports],
    }


def _write_status(report: Report, quirks: Quirks) -> Json:
    entry: Json = {
        "msgId": report.msg_id,
        "status": quirks.clicked_spelling if report.kind == "clicked" else report.kind,
        "timestamp": str(report.timestamp),
    }
    if report.kind == "failed":
        code: int | str = int(report.code)
        code = str(code) if quirks.error_code_type == "string" else code
        entry["error"] = {"code": code, "title": report.title}
    if report.kind == "clicked":
        # `url` and `shortUrl` are both mandatory for a click to count.
        entry |= {"url": report.url, "shortUrl": report.short_url or report.url}
        if quirks.click_ts:
            entry["ts"] = report.timestamp
        if report.user_agent:
            entry["userAgent"] = report.user_agent
    return entry


def write_inbound(reply: Reply, waba_number: str, msg_id: str, quirks: Quirks) -> Json | None:
    """The inbound message for CleverTap; None for a kind it has no form for.

    `msg_id` is CleverTap's own id of the message that was answered, empty when unknown.
    """
    body = _write_content(reply, quirks)
    if body is None:
        return None
    payload: Json = {
        "payloadVersion": _version(quirks),
        "from": f"+{reply.sender}" if quirks.from_plus and reply.sender.isdecimal() else reply.sender,
        "wabaNumber": waba_number,
        "timestamp": str(reply.timestamp),
    }
    if msg_id:
        payload["context"] = {"id": msg_id}
    return payload | body


def _write_content(reply: Reply, quirks: Quirks) -> Json | None:
    if reply.media is not None and reply.media.url:
        return _write_media(reply.kind, reply.media, quirks)
    # Media that came without a URL cannot be shown, only told of.
    words = reply.text or (f"({reply.kind})" if reply.media is not None else "")
    as_text = {"type": "text", "text": {"body": words}}
    if reply.media is not None:
        return as_text
    if reply.location is not None:
        return {"type": "location", "location": _write_location(reply.location, reply.location_url)}
    if reply.kind == "button" and quirks.quick_reply_type == "button":
        return {"type": "button", "button": {"payload": reply.payload or reply.text, "text": reply.text}}
    if reply.kind in ("text", "button", "interactive"):
        return as_text
    return as_text if quirks.unsupported_replies == "text" and words else None


def _write_media(kind: ReplyKind, media: InboundMedia, quirks: Quirks) -> Json:
    body: Json = {"mediaURL": media.url}
    if media.caption:
        body["caption"] = media.caption
    if media.filename:
        body["filename"] = media.filename
    mime = media.mime_type.partition(";")[0].strip()
    if mime:
        body["mimeType"] = EXTENSIONS.get(mime, mime) if quirks.mime_style == "extension" else mime
    if kind == "audio":
        return {"type": quirks.audio_type, "audio": body}
    if kind == "document":
        return {"type": "file", "file": body} | ({"document": body} if quirks.duplicate_document else {})
    name = "image" if kind == "sticker" else kind
    return {"type": name, name: body}


def _write_location(location: Location, url: str) -> Json:
    optional = {"name": location.name, "address": location.address, "url": url}
    return {"latitude": str(location.latitude), "longitude": str(location.longitude)} | {
        key: value for key, value in optional.items() if value
    }


def _version(quirks: Quirks) -> str | float:
    return quirks.version if quirks.payload_version == "string" else float(quirks.version)


def _text(source: object, *keys: str) -> str:
    return reading.first(*(reading.text(source, key).strip() for key in keys))
