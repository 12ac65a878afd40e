"""Every box of the support table is shown by a case: something that works, or its refusal."""

from collections.abc import Iterator
from typing import Any

import pytest

from providers.connectors import CONNECTORS
from providers.features import Feature
from providers.messages import NO_ANSWERS
from tests.connectors import cases
from tests.connectors.cases import Case

SLUGS = sorted(CONNECTORS)
# What is kept and shown, but is not an answer, by the kinds that show it.
NO_ANSWER_KINDS: dict[Feature, set[str]] = {
    Feature.REACTIONS: {"reaction"},
    Feature.UNSUPPORTED: {"unsupported"},
    Feature.EDITS: {"edit", "revoke"},
    Feature.NOTICES: {"system", "welcome", "ephemeral"},
    Feature.GROUP: {"group"},
    Feature.ECHOES: {"echo"},
    Feature.HISTORY: {"history"},
    Feature.CALLS: {"call"},
}
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
        if update["kind"] != "priced":  # it moves no message
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
        if "user_id" in reply and "sender" not in reply:
            yield Feature.USER_IDS
    if "Preference" in item:
        yield Feature.STOPS


def webhook_features(case: Case) -> Iterator[Feature]:
    for item in case.get("items", ()):
        yield from told_by(item)
    if "proof" in case:
        yield Feature.PROOF
    if "receivers" in case and case.get("for_another"):
        yield Feature.RECEIVER


def kinds_of(slug: str) -> set[str]:
    """Every kind of inbound message in the cases."""
    items = [item for _, case in cases.read(slug, "webhook") for item in case.get("items", ())]
    return {item["Reply"]["kind"] for item in items if "Reply" in item}


def shown(slug: str) -> set[Feature]:
    found = {
        feature
        for _, case in cases.read(slug, "send")
        if "request" in case
        for feature in parts_of(case["outbound"])
    }
    found |= {feature for _, case in cases.read(slug, "webhook") for feature in webhook_features(case)}
    found |= {feature for feature, kinds in NO_ANSWER_KINDS.items() if kinds <= kinds_of(slug)}
    if any("page" in case for _, case in cases.read(slug, "templates")):
        found.add(Feature.TEMPLATES)
    if any(case["request"] for _, case in cases.read(slug, "media")):
        found.add(Feature.MEDIA_KEY)
    return found


def test_every_kind_that_is_no_answer_belongs_to_a_feature() -> None:
    assert set().union(*NO_ANSWER_KINDS.values()) == NO_ANSWERS


@pytest.mark.parametrize("slug", SLUGS)
def test_what_a_connector_has_is_shown_by_a_case(slug: str) -> None:
    assert set(Feature) - set(CONNECTORS[slug].lacks) - shown(slug) == set()


@pytest.mark.parametrize("slug", SLUGS)
def test_what_a_connector_lacks_is_shown_by_none(slug: str) -> None:
    assert set(CONNECTORS[slug].lacks) & shown(slug) == set()
    lacked = [kinds for feature, kinds in NO_ANSWER_KINDS.items() if feature in CONNECTORS[slug].lacks]
    assert set().union(*lacked) & kinds_of(slug) == set()


@pytest.mark.parametrize("slug", SLUGS)
def test_parts_a_connector_lacks_are_refused(slug: str) -> None:
    refused = {
        feature
        for _, case in cases.read(slug, "send")
        if "refused" in case
        for feature in parts_of(case["outbound"])
    }
    assert set(CONNECTORS[slug].lacks) & set(PARTS) <= refused
