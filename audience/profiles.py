"""What a profile and an event may say, in CleverTap's words: values checked and cleaned. Pure.

Sources: CleverTap, Upload User Profiles, Upload Events and API Errors (the codes).
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any

import msgspec

from audience import kept_values
from audience.kept_values import Misfit
from lib import phone, reading

KEY_BYTES = 120
VALUE_BYTES = 512
MOST_KEYS = 256  # of a profile, and of an event
MOST_ITEMS = 100  # of a list
FIRST_SECOND = -62_135_596_800  # of the year 1

# The fields of a contact by their name in CleverTap's format, lower-case.
FIELDS = {"name": "name", "email": "email", "phone": "phone", "gender": "gender"}
FLAGS = {"msg-whatsapp": "opted_in", "msg-dndwhatsapp": "dnd"}
IDENTITIES = ("identity", "Identity", "objectId", "FBID", "GPID")
SYSTEM_EVENTS = frozenset(
    (
        "app installed", "app launched", "app uninstalled", "channel unsubscribed", "notification bounced",
        "notification clicked", "notification delivered", "notification replied", "notification sent",
        "notification viewed", "session concluded", "stayed", "utm visited",
    )
)  # fmt: skip
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\".]+")
_GENDERS = {"m": "M", "male": "M", "f": "F", "female": "F"}
_DATE = re.compile(r"\$D_(-?\d{1,20})")
# 9.19812E+11, as a spreadsheet writes it, and 9.19812E11. 9E11 may be an id.
_SHORTENED = re.compile(r"\d([.,]\d+)?E\+\d{2,}|\d[.,]\d+E\d{2,}", re.IGNORECASE)
OWN_CODES = "+"  # instead of a country: the numbers have their country codes, and only lack the plus sign
_DELETED = ({"$delete": 1}, {"$delete": True})
_OPERATIONS = ("$set", "$add", "$remove", "$incr", "$decr", "$delete")


class Code(IntEnum):
    EVENT_NAME = 509
    STRUCTURE = 512
    SYSTEM_EVENT = 513
    GENDER = 514
    EMAIL = 515
    PHONE = 516
    TOO_MANY = 522
    IDENTITY = 523
    TYPE = 524
    TIME = 525


class Invalid(Exception):
    """A profile or event that is not taken over. The text names the field and says what is wrong."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


class Profile(msgspec.Struct):
    """What a file or a call says about a contact. What it does not say stays as it is.

    `fields` are columns of Contact, `attributes` values or operations ({"$add": […]}). `warnings` name the
    values that could not be read: they are left out, and the rest is taken over.
    """

    identity: str
    fields: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    proof: str = ""
    warnings: list[str] = []


class Event(msgspec.Struct):
    identity: str
    name: str
    at: datetime
    properties: dict[str, Any]
    digest: str


def read_profile(record: Mapping[str, Any], country: str = "") -> Profile:
    """A record of the upload API of the type profile. Raises Invalid."""
    data = record.get("profileData")
    if not isinstance(data, dict):
        raise Invalid(Code.STRUCTURE, "profileData is not an object")
    profile = Profile(identity_of(record))
    for key, value in data.items():
        if value is None or not str(value).strip():
            continue
        name = key.strip().lower()
        if name == "identity":  # the record's own
            continue
        if name in FIELDS:
            profile.fields[FIELDS[name]] = _field(name, value, country)
        elif name in FLAGS:
            profile.fields[FLAGS[name]] = value not in _DELETED and flag(key, value)
        else:
            profile.attributes[attribute_name(key)] = attribute(key, value)
    if len(profile.attributes) > MOST_KEYS:
        raise Invalid(Code.TOO_MANY, f"more than {MOST_KEYS} attributes")
    return profile


def read_event(record: Mapping[str, Any], now: datetime, position: int) -> Event:
    """A record of the type event; one without `ts` happened now. Raises Invalid.

    Two events of a call that are alike and have no `ts` are two: their `position` in it differs.
    """
    identity = identity_of(record)
    name = record.get("evtName")
    if not isinstance(name, str) or not name.strip():
        raise Invalid(Code.EVENT_NAME, "evtName is missing")
    name = _short("evtName", name.strip())
    if name.lower() in SYSTEM_EVENTS:
        raise Invalid(Code.SYSTEM_EVENT, f"{name} is an event that only CleverTap itself may raise")
    data = record.get("evtData")
    if data is not None and not isinstance(data, dict):
        raise Invalid(Code.STRUCTURE, "evtData is not an object")
    if len(data or {}) > MOST_KEYS:
        raise Invalid(Code.TOO_MANY, f"more than {MOST_KEYS} properties")
    properties = {
        attribute_name(key): event_property(key, value)
        for key, value in (data or {}).items()
        if value is not None and str(value).strip()
    }
    at, ordinal = now, ""
    if record.get("ts") is not None:
        at = moment(record["ts"])
    else:
        ordinal = str(position)
    content = kept_values.encode([name, sorted(properties.items()), ordinal])
    return Event(identity, name, at, properties, hashlib.sha256(content.encode()).hexdigest()[:32])


def identity_of(record: Mapping[str, Any]) -> str:
    for key in IDENTITIES:
        if _is_shortened(value := record.get(key)):
            return identity(f"{value:E}")
        if found := reading.text({key: _as_float(record.get(key))}, key).strip():
            return identity(found)
    raise Invalid(Code.IDENTITY, "identity is missing")


def _is_shortened(value: Any) -> bool:
    """Whether a number of JSON has fewer digits than it is long: 9.19812E+11."""
    return isinstance(value, Decimal) and value.is_finite() and int(value.as_tuple().exponent) > 0


def identity(raw: str) -> str:
    found = raw.strip()
    if not found:
        raise Invalid(Code.IDENTITY, "identity is empty")
    if len(found.encode()) > VALUE_BYTES:
        raise Invalid(Code.IDENTITY, f"identity is longer than {VALUE_BYTES} bytes")
    if _SHORTENED.fullmatch(found):
        raise Invalid(
            Code.IDENTITY,
            f"identity {_shown(found)} was shortened by a spreadsheet, and several people may share it; "
            "format the column as text",
        )
    return found


def moment(value: Any) -> datetime:
    seconds = reading.number(_as_float(value))
    if seconds is None or isinstance(value, bool) or not 0 < seconds <= reading.LAST_SECOND:
        raise Invalid(Code.TIME, f"ts is {_shown(value)}, not a time in epoch seconds")
    return datetime.fromtimestamp(int(seconds), UTC)


def _field(name: str, value: Any, country: str) -> str:
    if value in _DELETED:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        codes = {"email": Code.EMAIL, "phone": Code.PHONE, "gender": Code.GENDER}
        raise Invalid(codes.get(name, Code.STRUCTURE), f"{name.title()} is {_shown(value)}, not a text")
    if name == "phone" and not isinstance(value, str) and value < 0:
        raise Invalid(Code.PHONE, f"Phone {_shown(value)} is not a phone number: it is negative")
    return field(name, str(value), country)


def field(name: str, raw: str, country: str = "") -> str:
    """The value of a column of Contact: name, email, phone, gender. Raises Invalid."""
    text = raw.strip()
    if name == "phone":
        return phone_number(text, country)
    if name == "email":
        if len(text) > 320 or not _EMAIL.fullmatch(text):
            raise Invalid(Code.EMAIL, f"Email {_shown(text)} is not an e-mail address")
        return text.lower()
    if name == "gender":
        if text.lower() not in _GENDERS:
            raise Invalid(Code.GENDER, f"Gender {_shown(text)} is neither M nor F")
        return _GENDERS[text.lower()]
    return _short("Name", text)


def phone_number(raw: str, country: str = "") -> str:
    """E.164 digits. Raises Invalid with the reason.

    `country` is where numbers without a country code belong, or OWN_CODES.
    """
    try:
        if country == OWN_CODES:
            return phone.parse(raw if raw.startswith(("+", "00")) else f"+{raw}").digits
        return phone.parse(raw, country).digits
    except phone.Invalid as error:
        raise Invalid(Code.PHONE, f"Phone {_shown(raw)} is not a phone number: {error}") from error


def flag(name: str, value: Any) -> bool:
    try:
        return kept_values.read_flag(value)
    except Misfit as error:
        raise Invalid(Code.STRUCTURE, f"{name} is {_shown(value)}, neither true nor false") from error


def attribute_name(key: str) -> str:
    name = key.strip()
    if not name:
        raise Invalid(Code.STRUCTURE, "a key is empty")
    if len(name.encode()) > KEY_BYTES:
        raise Invalid(Code.STRUCTURE, f"the key {_shown(name)} is longer than {KEY_BYTES} bytes")
    return name


def attribute(key: str, value: Any, *, operations: bool = True) -> Any:
    """A value as it is kept; an operation stays one, its values checked. Raises Invalid."""
    if isinstance(value, str):
        date = _DATE.fullmatch(value)
        return moment_text(int(date[1]), key) if date else _short(key, value.strip())
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        try:
            return kept_values.number(value)
        except Misfit as error:
            raise Invalid(Code.STRUCTURE, f"{key} {error}") from error
    if isinstance(value, list):
        if len(value) > MOST_ITEMS or any(isinstance(each, list | dict) for each in value):
            raise Invalid(Code.STRUCTURE, f"{key} is not a list of at most {MOST_ITEMS} plain values")
        return [attribute(key, each) for each in value if each is not None]
    if operations and isinstance(value, dict) and len(value) == 1:
        (name, content), *_ = value.items()
        number = isinstance(content, int | float | Decimal) and not isinstance(content, bool)
        if name in _OPERATIONS and (number or name not in ("$incr", "$decr")):
            return {name: attribute(key, content, operations=False)}
    raise Invalid(Code.STRUCTURE, f"{key} is {_shown(value)}, which is not a value that can be stored")


def event_property(key: str, value: Any) -> Any:
    """A value of an event as it is kept. A list may hold objects: the Items of Charged. Raises Invalid."""
    if not (isinstance(value, list) and value and all(isinstance(each, dict) for each in value)):
        return attribute(key, value, operations=False)
    if len(value) > MOST_ITEMS:
        raise Invalid(Code.STRUCTURE, f"{key} has more than {MOST_ITEMS} items")
    return [
        {
            attribute_name(name): attribute(f"{key}, {name},", content, operations=False)
            for name, content in item.items()
            if content is not None
        }
        for item in value
    ]


def moment_text(seconds: int, key: str = "date") -> str:
    """A moment as attributes hold it."""
    if not FIRST_SECOND <= seconds <= reading.LAST_SECOND:
        raise Invalid(Code.STRUCTURE, f"{key} is not a date between the years 1 and 9999")
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _as_float(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _short(key: str, text: str) -> str:
    if len(text) * 4 > VALUE_BYTES and len(text.encode()) > VALUE_BYTES:
        raise Invalid(Code.STRUCTURE, f"{key} is longer than {VALUE_BYTES} bytes")
    if "\0" in text:
        raise Invalid(Code.STRUCTURE, f"{key} holds a null character")
    return text


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else kept_values.encode(value)
    return f"“{text[:40]}{'…' if len(text) > 40 else ''}”"
