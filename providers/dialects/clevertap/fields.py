"""The fields of CleverTap's send payload: texts, numbers, media and places, each as it may be written.

Source: CleverTap's Generic WhatsApp page. Whatever cannot be read raises `Refused`, which names the field.
"""

import re
from typing import Any
from urllib.parse import quote

from providers.messages import AnswerCode, Location, Media, Refused

Json = dict[str, Any]

_HOST = re.compile(r"[^\s/?#]+(?=[/?#]|$)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPED = re.compile(r"[^\x21-\x7e]+")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_URL_EXTENSION = re.compile(r"https?://[^/?#]+/[^?#]*(\.[A-Za-z0-9]{1,5})(?:[?#].*)?")


def read_word(value: object) -> str:
    return read_text(value).strip()


def read_text(value: object) -> str:
    """Text as it is, numbers and booleans as text; else empty."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # "919999999999.0" would read as a number ten times as long
    return str(value) if isinstance(value, int | float) else ""


def read_integer(value: object) -> int | None:
    """A whole number that is not negative and that JSON carries exactly; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < 2**53 else None


def checked_object(value: object, where: str) -> Json:
    if not isinstance(value, dict):
        raise Refused(AnswerCode.TEMPLATE, f"{where}: {'missing' if value is None else 'not an object'}")
    return value


def checked_objects(value: object, where: str) -> list[Json]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Refused(AnswerCode.TEMPLATE, f"{where}: not a list of objects")
    return value


def read_media(child: object, where: str) -> Media:
    media = checked_object(child, where)
    spellings = (media.get(key) for key in ("mediaURL", "mediaUrl", "url", "link"))
    raw = next(filter(None, map(read_word, spellings)), "")
    if not raw:
        raise Refused(AnswerCode.TEMPLATE, f"{where}.mediaURL: missing")
    url = media_url(raw)
    if url is None:
        raise Refused(AnswerCode.TEMPLATE, f"{where}.mediaURL: {raw!r} is not an http(s) URL")
    filename = read_word(media.get("filename"))
    extension = _URL_EXTENSION.fullmatch(url)
    if filename and extension and not _EXTENSION.search(filename):
        filename += extension[1]  # without it the recipient's phone does not know what opens the file
    return Media(url, filename=filename, caption=read_text(media.get("caption")))


def media_url(raw: str) -> str | None:
    """The URL with a scheme, its spaces and letters beyond ASCII escaped; None when it is not http(s).
    "httpa" is the page's own typo."""
    url = raw.strip()
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "https", url
    scheme = "https" if scheme.lower() == "httpa" else scheme.lower()
    host = _HOST.match(rest)
    if scheme not in ("http", "https") or host is None or _CONTROL.search(rest):
        return None
    try:
        plain = host[0] if host[0].isascii() else host[0].encode("idna").decode()
    except UnicodeError:
        return None
    path = _ESCAPED.sub(lambda found: quote(found[0]), rest[host.end() :])
    return f"{scheme}://{plain}{path}"


def read_location(child: object, where: str) -> Location:
    """Latitude and longitude by their first letters: the page also spells `lattitude`."""
    location = checked_object(child, where)
    found: dict[str, float] = {}
    for key, value in location.items():
        for name, limit in (("lat", 90), ("lon", 180)):
            if key.lower().startswith(name):
                try:
                    number = float(read_word(value))
                except ValueError:
                    number = limit + 1.0
                if not abs(number) <= limit:
                    raise Refused(AnswerCode.TEMPLATE, f"{where}.{key}: {value!r} is out of range")
                found[name] = number
    if len(found) < 2:
        raise Refused(AnswerCode.TEMPLATE, f"{where}: latitude and longitude are required")
    return Location(
        found["lat"], found["lon"], read_word(location.get("name")), read_word(location.get("address"))
    )
