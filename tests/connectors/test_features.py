"""Every box of the support table is shown by a case: something that works, or its refusal."""

from collections.abc import Iterator
from typing import Any

import pytest

from providers.connectors import CONNECTORS, get
from providers.features import Feature
from tests.connectors import cases
from tests.connectors.cases import Case

SLUGS = sorted(CONNECTORS)
PARTS = [feature for feature in Feature if list(Feature).index(feature) < list(Feature).index(Feature.SENT)]


def parts_of(outbound: dict[str, Any]) -> Iterator[Feature]:
    """The features that a message uses."""
    content = outbound["content"]
    if content["type"] == "freeform":
        kinds = ("text", "image", "video", "audio", "document")
        yield from (Feature(f"freeform {kind}") for kind in kinds if kind == content["kind"])
        return
    if "header" in content:
        yield from (one for one in PARTS if one == f"{content['header']['kind']} header")
    if "body" in content:
        yield Feature.NAMED if "name" in content["body"][0] else Feature.BODY
    kinds = {
        "dynamic_url": Feature.URL_SUFFIX,
        "quick_reply": Feature.QUICK_REPLY,
        "copy_code": Feature.COPY_CODE,
    }
    for button in content.get("buttons", ()):
        if button["kind"] in kinds and button.get("value"):
            yield kinds[button["kind"]]
    if content.get("offer", {}).get("expires_ms"):
        yield Feature.OFFER
    if "cards" in content:
        yield Feature.CAROUSEL


def told_by(item: dict[str, dict[str, Any]]) -> Iterator[Feature]:
    """The features that one item of a webhook shows."""
    if update := item.get("StatusUpdate"):
        yield Feature(update["kind"])
        if update.get("reference"):
            yield Feature.REFERENCE
    if reply := item.get("Reply"):
        kinds = {
            "text": Feature.INBOUND_TEXT,
            "location": Feature.INBOUND_LOCATION,
            "button": Feature.INBOUND_BUTTON,
            "interactive": Feature.INBOUND_CHOICE,
        }
        if reply["kind"] in kinds:
            yield kinds[reply["kind"]]
        if "media" in reply:
            yield Feature.INBOUND_MEDIA
        if any(name.startswith("context_") for name in reply):
            yield Feature.CONTEXT


def webhook_features(case: Case) -> Iterator[Feature]:
    for item in case.get("items", ()):
        yield from told_by(item)
    if "proof" in case:
        yield Feature.PROOF


def shown(slug: str) -> set[Feature]:
    found = {
        feature
        for _, case in cases.read(slug, "send")
        if "request" in case
        for feature in parts_of(case["outbound"])
    }
    found |= {feature for _, case in cases.read(slug, "webhook") for feature in webhook_features(case)}
    if any("page" in case for _, case in cases.read(slug, "templates")):
        found.add(Feature.TEMPLATES)
    if any(case["request"] for _, case in cases.read(slug, "media")):
        found.add(Feature.MEDIA_KEY)
    return found


@pytest.mark.parametrize("slug", SLUGS)
def test_what_a_connector_has_is_shown_by_a_case(slug: str) -> None:
    assert set(Feature) - set(get(slug).lacks) - shown(slug) == set()


@pytest.mark.parametrize("slug", SLUGS)
def test_what_a_connector_lacks_is_shown_by_none(slug: str) -> None:
    assert set(get(slug).lacks) & shown(slug) == set()


@pytest.mark.parametrize("slug", SLUGS)
def test_parts_a_connector_lacks_are_refused(slug: str) -> None:
    refused = {
        feature
        for _, case in cases.read(slug, "send")
        if "refused" in case
        for feature in parts_of(case["outbound"])
    }
    assert set(get(slug).lacks) & set(PARTS) <= refused
