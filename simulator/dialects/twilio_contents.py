"""Twilio's content templates, made from the catalogue: other ids and types, one numbering for all parts."""

import re
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from simulator.dialects.base import Failure, Refusal
from simulator.templates import Template

PAGE = 50
_LARGEST = 1000
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_FILES = {"IMAGE": "jpg", "VIDEO": "mp4", "DOCUMENT": "pdf"}
_BUTTONS = {"URL", "PHONE_NUMBER", "QUICK_REPLY", "COPY_CODE"}

Json = dict[str, Any]


class _Variables:
    """The one numbering, and a sample for each number."""

    def __init__(self) -> None:
        self.samples: dict[str, str] = {}

    def new(self, sample: str) -> str:
        number = str(len(self.samples) + 1)
        self.samples[number] = sample
        return f"{{{{{number}}}}}"

    def text(self, words: str) -> str:
        """The text with a new number for each of its variables."""
        names = sorted(dict.fromkeys(_VARIABLE.findall(words)), key=lambda name: (len(name), name))
        numbers = {name: self.new(f"sample {name}") for name in names}
        return _VARIABLE.sub(lambda found: numbers[found[1]], words)


@cache
def sid(name: str, language: str) -> str:
    return "HX" + uuid.uuid5(uuid.NAMESPACE_URL, f"{name}/{language}").hex


def find(templates: Sequence[Template], content_sid: str) -> tuple[Template, Mapping[str, str]] | None:
    """The template of that id with its variables; None when there is no such content."""
    for template in templates:
        if sid(template["name"], template["language"]) == content_sid:
            item = listed(template)
            return (template, item["variables"]) if item else None
    return None


def page(templates: Sequence[Template], query: Mapping[str, str], url: str) -> Json:
    """One page of `/v1/ContentAndApprovals`. The token of a page is the id before its first."""
    contents = [item for template in templates if (item := listed(template))]
    size, number = _whole(query, "PageSize", PAGE), _whole(query, "Page", 0)
    if not 1 <= size <= _LARGEST:
        raise Refusal(Failure.PAYLOAD, "PageSize must be between 1 and 1000", 20007)
    start = size * number
    if start and query.get("PageToken") != _token(contents, start):
        raise Refusal(Failure.PAYLOAD, "PageToken is not valid", 20001)
    end, following = start + size, None
    if end < len(contents):
        following = f"{url}?PageSize={size}&Page={number + 1}&PageToken={_token(contents, end)}"
    meta = {
        "page": number,
        "page_size": size,
        "first_page_url": f"{url}?PageSize={size}&Page=0",
        "next_page_url": following,
        "url": url,
        "key": "contents",
    }
    return {"contents": contents[start:end], "meta": meta}


def listed(template: Template) -> Json | None:
    """The template as an item of the list; None for one that Twilio has no content type for."""
    parts = {part["type"]: part for part in template["components"]}
    if "LIMITED_TIME_OFFER" in parts or parts.get("HEADER", {}).get("format") == "LOCATION":
        return None
    variables = _Variables()
    typed = _content(parts, variables)
    if typed is None:
        return None
    kind, content = typed
    approval = {
        "name": template["name"],
        "category": template["category"],
        "content_type": kind,
        "status": template["status"].lower(),
        "rejection_reason": template.get("rejected_reason", ""),
        "allow_category_change": True,
    }
    return {
        "sid": sid(template["name"], template["language"]),
        "friendly_name": template["name"].replace("_", " ").title(),
        "language": template["language"],
        "variables": variables.samples,
        "types": {kind: content},
        "approval_requests": approval,
    }


def _content(parts: Mapping[str, Json], variables: _Variables) -> tuple[str, Json] | None:
    header, body = parts.get("HEADER", {}), variables.text(parts.get("BODY", {}).get("text", ""))
    footer, found = parts.get("FOOTER", {}).get("text", ""), parts.get("BUTTONS", {}).get("buttons", [])
    actions = _actions(found, variables)
    if actions is None:
        return None
    if "CAROUSEL" in parts:
        return "twilio/carousel", {"body": body, "cards": _cards(parts["CAROUSEL"]["cards"], variables)}
    if header.get("format") == "TEXT":
        content = {"header_text": variables.text(header["text"]), "body": body, "footer": footer}
        return "whatsapp/card", content | {"media": None, "actions": actions}
    if header:
        media = [_media(header, variables)]
        if not actions and not footer:
            return "twilio/media", {"body": body, "media": media}
        return "twilio/card", {"title": body, "subtitle": footer or None, "media": media, "actions": actions}
    if footer:
        return "whatsapp/card", {"body": body, "footer": footer, "actions": actions}
    if actions:
        quick = all(action["type"] == "QUICK_REPLY" for action in actions)
        return "twilio/quick-reply" if quick else "twilio/call-to-action", {"body": body, "actions": actions}
    return "twilio/text", {"body": body}


def _cards(cards: list[Json], variables: _Variables) -> list[Json]:
    found = []
    for card in cards:
        parts = {part["type"]: part for part in card["components"]}
        media = _media(parts["HEADER"], variables)
        body = variables.text(parts.get("BODY", {}).get("text", ""))
        actions = _actions(parts.get("BUTTONS", {}).get("buttons", []), variables)
        found.append({"title": None, "body": body, "media": media, "actions": actions or []})
    return found


def _media(header: Json, variables: _Variables) -> str:
    """A URL whose path is a variable. The sample ends in a file type."""
    example = urlsplit((header.get("example", {}).get("header_handle") or ["https://cdn.example.test/s"])[0])
    path = example.path.lstrip("/")
    sample = path if "." in path else f"{path}.{_FILES[header['format']]}"
    return f"{example.scheme}://{example.netloc}/{variables.new(sample)}"


def _actions(buttons: list[Json], variables: _Variables) -> list[Json] | None:
    """None where Twilio has no button of one of the kinds."""
    if not {button["type"] for button in buttons} <= _BUTTONS:
        return None
    return [_action(button, variables) for button in buttons]


def _action(button: Json, variables: _Variables) -> Json:
    kind, title = button["type"], button.get("text", "")
    action = {"type": kind, "title": title}
    if kind == "URL":
        return action | {"url": variables.text(button["url"])}
    if kind == "PHONE_NUMBER":
        return action | {"phone": button["phone_number"]}
    if kind == "COPY_CODE":
        return action | {"code": variables.new("SAVE20")}
    return action | {"id": variables.new(title)}


def _token(contents: Sequence[Json], start: int) -> str:
    return f"DN{contents[start - 1]['sid']}" if start <= len(contents) else ""


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name, str(default))
    if not value.isdecimal():
        raise Refusal(Failure.PAYLOAD, f"{name} must be a number", 20001)
    return int(value)
