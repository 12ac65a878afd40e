"""Checks of requests that several BSPs share."""

import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from simulator.dialects.base import Call, Failure, Refusal

_NUMBER = re.compile(r"\+?[1-9]\d{6,14}")
_USER_ID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
_UNSAFE = re.compile(r"[\n\r\t]| {5}")


def json_object(call: Call) -> dict[str, Any]:
    """The body as a JSON object; a wrong content type is refused, as every JSON API does."""
    if not call.headers.get("Content-Type", "").lower().startswith("application/json"):
        raise Refusal(Failure.PAYLOAD, "Content-Type must be application/json")
    try:
        body = msgspec.json.decode(call.body)
    except msgspec.DecodeError as error:
        raise Refusal(Failure.PAYLOAD, f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise Refusal(Failure.PAYLOAD, "the body is not a JSON object")
    return body


def form(call: Call) -> dict[str, str]:
    """The body as a form. A field that comes twice is refused."""
    if not call.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        raise Refusal(Failure.PAYLOAD, "Content-Type must be application/x-www-form-urlencoded")
    try:
        pairs = parse_qsl(call.body.decode(), keep_blank_values=True, strict_parsing=True)
    except ValueError as error:
        raise Refusal(Failure.PAYLOAD, f"the body is no form: {error}") from None
    if len(dict(pairs)) < len(pairs):
        raise Refusal(Failure.PAYLOAD, "a field comes twice")
    return dict(pairs)


def digits(number: object, name: str) -> str:
    """An international number as digits; a plus sign in front is allowed."""
    if not isinstance(number, str) or not _NUMBER.fullmatch(number):
        raise Refusal(Failure.NUMBER, f"{name} is not an international phone number: {number!r}")
    return number.removeprefix("+")


def user_id(value: object, name: str) -> str:
    """A user id: a country, a dot, letters and digits."""
    if not isinstance(value, str) or not _USER_ID.fullmatch(value):
        raise Refusal(Failure.NUMBER, f"{name} is not a user id: {value!r}")
    return value


def child(parent: dict[str, Any], name: str) -> dict[str, Any]:
    value = parent.get(name)
    if not isinstance(value, dict):
        raise Refusal(Failure.PAYLOAD, f"{name} must be an object")
    return value


def text(parent: dict[str, Any], name: str, limit: int = 0) -> str:
    """A string that must be there and not be empty."""
    value = parent.get(name)
    if not isinstance(value, str) or not value:
        raise Refusal(Failure.PAYLOAD, f"{name} must be a text")
    if limit and len(value) > limit:
        raise Refusal(Failure.PAYLOAD, f"{name} is longer than {limit} characters")
    return value


def optional_text(parent: dict[str, Any], name: str, limit: int = 0) -> str:
    return text(parent, name, limit) if parent.get(name) not in (None, "") else ""


def objects(value: object, name: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Refusal(Failure.PAYLOAD, f"{name} must be a list of objects")
    return value


def link(parent: dict[str, Any], name: str) -> str:
    value = text(parent, name)
    if not value.startswith(("https://", "http://")):
        raise Refusal(Failure.PAYLOAD, f"{name} must be an http or https URL")
    return value


def parameter(value: object, name: str) -> str:
    """A template variable's value: WhatsApp takes no empty text, line break, tab or run of spaces."""
    if not isinstance(value, str) or not value:
        raise Refusal(Failure.TEMPLATE, f"{name} must be a text that is not empty", 132000)
    if _UNSAFE.search(value):
        raise Refusal(Failure.TEMPLATE, f"{name} has a line break, a tab or more than four spaces", 132018)
    return value
