"""The fields of Meta's webhooks: each needs its own subscription.

Source: Meta, "Webhooks > Subscribe to fields".
"""

from collections.abc import Mapping
from types import MappingProxyType

from lib.reading import objects, text
from providers.outcomes import json_object

MESSAGES = "messages"
# What Waypost reads, and what is missing if the field is not subscribed to.
WANTED: Mapping[str, str] = MappingProxyType(
    {
        MESSAGES: "delivery reports, messages of customers, changed numbers, clicks of marketing messages",
        "message_template_status_update": "templates that are approved, rejected, paused or disabled",
        "message_template_components_update": "templates that were edited",
        "message_template_quality_update": "the quality of templates",
        "template_category_update": "templates that get another category",
        "user_preferences": "people who stop or resume marketing messages in WhatsApp",
        "account_update": "restrictions, bans and other news of the account",
        "account_alerts": "warnings about the account",
        "account_review_update": "Meta's review of the account",
        "business_capability_update": "the messaging limit",
        "phone_number_quality_update": "limits and throughput of the number",
        "phone_number_name_update": "the display name",
    }
)
LONGEST = 60


def fields_of(body: bytes) -> set[str]:
    """The fields that a webhook of Meta's holds news of, and the taps on marketing messages in them."""
    entries = objects(json_object(body), "entry")
    changes = [change for entry in entries for change in objects(entry, "changes")]
    actions = [one for change in changes for one in objects(change, "value", "user_actions")]
    named = {text(change, "field") or MESSAGES for change in changes}
    return {name[:LONGEST] for name in (*named, *(text(action, "action_type") for action in actions)) if name}
