"""Meta's Marketing Messages API: templates in the same form, sent to an endpoint of their own.

Source: Meta, "Marketing Messages API for WhatsApp". It accepts only marketing templates. Meta wants the
endpoint to be chosen by the template's latest category. Waypost uses the other endpoint only after a certain
refusal: a message that may have been accepted is never sent there.
"""

from typing import Any

from lib.http import HttpRequest
from lib.reading import at, objects, text
from providers.messages import Outbound, SendResult, TemplateContent, Unhandled, WebhookItem

MODE, POLICY = "marketing_api", "marketing_policy"
OFF, MARKETING, LATEST = "off", "marketing", "latest category"
POLICIES = ("CLOUD_API_FALLBACK", "STRICT")
SWITCHED_OFF = "131063"  # the Cloud API accepts no marketing templates
NOT_MARKETING = frozenset({"131055", "134100"})
CODES = NOT_MARKETING | {SWITCHED_OFF}
_USUAL, _EDGE = "messages", "marketing_messages"
_CATEGORY, _OTHER = "MARKETING", "UTILITY"
_CLICK = "marketing_messages_link_click"


def apart(mode: str) -> bool:
    """Whether marketing templates go through the Marketing Messages API."""
    return mode in (MARKETING, LATEST)


def edge(outbound: Outbound, mode: str) -> str:
    """The last part of the path that a message is sent to."""
    known = outbound.registered
    marketing = isinstance(outbound.content, TemplateContent) and known and known.category == _CATEGORY
    return _EDGE if marketing and apart(mode) else _USUAL


def policy(chosen_edge: str, wanted: str) -> dict[str, Any]:
    """What the body says of messages that the Marketing Messages API cannot send."""
    return {"product_policy": wanted} if chosen_edge == _EDGE and wanted else {}


def category_named(request: HttpRequest, result: SendResult, mode: str) -> str:
    """The category that a refusal says the template has by now; empty for all other answers."""
    if mode != LATEST:
        return ""
    by_edge = request.url.endswith(f"/{_EDGE}")
    if by_edge and result.bsp_code in NOT_MARKETING:
        return _OTHER
    return _CATEGORY if not by_edge and result.bsp_code == SWITCHED_OFF else ""


def clicks(value: object) -> list[WebhookItem]:
    """The taps that Meta tells of, as `user_actions`. They name no message and no person: which message a
    tracking token belongs to is not documented, so they are only counted by kind."""
    return [_click(action) for action in objects(value, "user_actions")]


def _click(action: dict[str, Any]) -> WebhookItem:
    click = at(action, f"{_CLICK}_data")
    words = (text(click, "click_component").lower(), text(click, "product_id"), text(click, "click_id"))
    return Unhandled(text(action, "action_type")[:60] or _CLICK, " ".join(filter(None, words)))
