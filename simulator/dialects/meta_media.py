"""Inbound media at Meta: an id, a URL for a few minutes, and the bytes behind it.

Nothing is stored: an id spells out which message and what type of file it stands for.
"""

from typing import Any

from simulator.dialects.base import Answer, Inbound

_PLAIN = "application/octet-stream"
_LONGEST_ID = 400  # digits
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000000000500010d0a2db40000000049454e44ae426082"
)
PICTURE = Answer(200, _PNG, "image/png")
_CONTENT = {"image/png": _PNG, "application/pdf": b"%PDF-1.4\n%%EOF\n"}


def media_id(event: Inbound) -> str:
    """Digits only, as Meta's are."""
    return str(int.from_bytes(f"{event.id[-8:]}|{event.mime_type or _PLAIN}".encode()))


def described(number: str, url: str) -> dict[str, Any] | None:
    """The answer to `GET /{media-id}`; None for an id that `media_id` did not make."""
    mime = _mime_type(number)
    if not mime:
        return None
    size = len(_CONTENT.get(mime, _PNG))
    return {
        "messaging_product": "whatsapp",
        "url": f"{url}?mid={number}",
        "mime_type": mime,
        "sha256": "0" * 64,
        "file_size": str(size),
        "id": number,
    }


def downloaded(number: str) -> Answer:
    mime = _mime_type(number)
    return Answer(200, _CONTENT.get(mime, _PNG), mime) if mime else Answer(404, b"", "text/plain")


def _mime_type(number: str) -> str:
    if not (number.isascii() and number.isdecimal()) or len(number) > _LONGEST_ID:
        return ""
    spelt = int(number)
    return spelt.to_bytes((spelt.bit_length() + 7) // 8).decode("ascii", "replace").partition("|")[2]
