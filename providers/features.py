"""What a connector may support: the rows of the table in docs/providers/README.md.

A connector has everything it does not list in `lacks`, with the reason; the contract suite
wants a case for each thing it has, and a refusal for each part of a message that it lacks.
"""

from enum import StrEnum


class Feature(StrEnum):
    """The value is the name operators read."""

    HEADER_TEXT = "text header"
    HEADER_IMAGE = "image header"
    HEADER_VIDEO = "video header"
    HEADER_DOCUMENT = "document header"
    HEADER_LOCATION = "location header"
    BODY = "body variables"
    NAMED = "named variables"
    URL_SUFFIX = "URL suffix"
    QUICK_REPLY = "quick-reply payload"
    COPY_CODE = "copy code"
    OFFER = "limited-time offer"
    CAROUSEL = "carousel"

    TEXT = "freeform text"
    IMAGE = "freeform image"
    VIDEO = "freeform video"
    AUDIO = "freeform audio"
    DOCUMENT = "freeform document"

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    CLICKED = "clicked"
    REFERENCE = "our reference comes back"

    INBOUND_TEXT = "inbound text"
    INBOUND_MEDIA = "inbound media"
    INBOUND_LOCATION = "inbound location"
    INBOUND_BUTTON = "tapped template button"
    INBOUND_CHOICE = "chosen list or reply button"
    CONTEXT = "which message a reply answers"
    USER_IDS = "people without a number"
    RECEIVER = "which of our numbers it is for"
    REACTIONS = "reactions"
    UNSUPPORTED = "messages that WhatsApp keeps back"
    EDITS = "edits and deletions"
    NOTICES = "changed numbers and other notices"
    GROUP = "group messages"
    ECHOES = "what the business writes in WhatsApp's app"
    HISTORY = "what is older than the API"
    CALLS = "calls"
    STOPS = "stops in WhatsApp itself"

    PROOF = "webhooks prove their origin"
    MEDIA_KEY = "inbound media fetched for CleverTap"
    TEMPLATES = "template list"


_GROUPS = {
    "Templates sent": Feature.HEADER_TEXT,
    "Freeform sent": Feature.TEXT,
    "Reports": Feature.SENT,
    "Inbound": Feature.INBOUND_TEXT,
    "Beside": Feature.PROOF,
}


def groups() -> dict[str, list[Feature]]:
    """The features by heading, in order."""
    features = list(Feature)
    starts = [features.index(first) for first in _GROUPS.values()] + [len(features)]
    return {
        title: features[start:end] for title, start, end in zip(_GROUPS, starts, starts[1:], strict=False)
    }


# What Meta reports, and few BSPs pass on.
_METAS = (
    Feature.EDITS, Feature.NOTICES, Feature.GROUP, Feature.ECHOES, Feature.HISTORY, Feature.CALLS,
    Feature.STOPS,
)  # fmt: skip


def untold(bsp: str, *but: Feature, more: tuple[Feature, ...] = ()) -> dict[Feature, str]:
    """What a BSP lacks because its pages describe no webhook for it: everything that Meta reports, `but`
    these."""
    return {
        feature: f"{bsp} documents no webhook for it." for feature in (*_METAS, *more) if feature not in but
    }


REPORTS = frozenset(groups()["Reports"])
INBOUND = frozenset(groups()["Inbound"])
