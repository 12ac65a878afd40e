"""What Meta's webhooks report about the account itself: restrictions, bans, quality, limits, throughput.

Source: Meta, "Webhooks > account_update, account_alerts, account_review_update, business_capability_update,
phone_number_name_update, phone_number_quality_update".
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from lib.phone import digits
from lib.reading import at, epoch, first, objects, text
from providers.messages import AccountEffect, AccountUpdate, Receiver
from providers.outcomes import EXCERPT

FIELDS = frozenset({
    "account_alerts", "account_review_update", "account_update", "business_capability_update",
    "phone_number_name_update", "phone_number_quality_update",
})  # fmt: skip
# Events after which nothing more can be sent through the account.
_GONE = frozenset({"ACCOUNT_DELETED", "ACCOUNT_OFFBOARDED", "PARTNER_APP_UNINSTALLED", "PARTNER_REMOVED"})
# Restrictions of sending itself. The others forbid new templates or new numbers.
_STOPPING = frozenset({"RESTRICTED_BIZ_INITIATED_MESSAGING", "RESTRICTED_CUSTOMER_INITIATED_MESSAGING"})
_FASTER = "THROUGHPUT_UPGRADE"
_LONGEST_KIND = 60


def read_account(field: str, value: object, account: str, moment: int) -> AccountUpdate | None:
    """The news in the `value` of such a field; None for other fields.

    `account` is the id in the entry, which is a portfolio's where `waba_info` names the account.
    """
    if field not in FIELDS:
        return None
    event = text(value, "event").upper()
    return AccountUpdate(
        kind=(event or field)[:_LONGEST_KIND],
        text=_words(field, value)[:EXCERPT],
        effect=_effect(event, value),
        timestamp=moment,
        receiver=Receiver(
            digits(text(value, "display_phone_number")),
            account=first(text(value, "waba_info", "waba_id"), account),
        ),
    )


def _effect(event: str, value: object) -> AccountEffect:
    restricted = {text(one, "restriction_type").upper() for one in objects(value, "restriction_info")}
    banned = event == "DISABLED_UPDATE" and text(value, "ban_info", "waba_ban_state").upper() == "DISABLE"
    if event in _GONE or banned or (event == "ACCOUNT_RESTRICTION" and restricted & _STOPPING):
        return "stop"
    return "faster" if event == _FASTER else ""


def _words(field: str, value: object) -> str:
    """What an operator has to know, in one line."""
    match field:
        case "account_update":
            return _event_words(value)
        case "account_alerts":
            alert = at(value, "alert_info") or value
            names = ("alert_severity", "alert_type", "alert_status", "alert_description")
            return _listed(text(alert, name) for name in names)
        case "account_review_update":
            return _pair("decision", text(value, "decision"))
        case "business_capability_update":
            limit = first(
                text(value, "max_daily_conversations_per_business"),
                text(value, "max_daily_conversation_per_phone"),
            )
            numbers = first(
                text(value, "max_phone_numbers_per_waba"), text(value, "max_phone_numbers_per_business")
            )
            return _listed((_pair("messaging limit", limit), _pair("numbers at most", numbers)))
        case "phone_number_name_update":
            name = _pair("name", text(value, "requested_verified_name"))
            return _listed((text(value, "decision"), name, _reason(value, "rejection_reason")))
    limit = first(text(value, "max_daily_conversations_per_business"), text(value, "current_limit"))
    return _listed((_pair("limit", limit), _pair("before", text(value, "old_limit"))))


def _event_words(value: object) -> str:
    restrictions = (
        _listed((text(one, "restriction_type"), _until(one), text(one, "remediation")))
        for one in objects(value, "restriction_info")
    )
    ban = at(value, "ban_info")
    return _listed(
        (
            *restrictions,
            text(value, "violation_info", "violation_type"),
            text(ban, "waba_ban_state"),
            text(ban, "waba_ban_date"),
            _reason(at(value, "disconnection_info"), "reason"),
        )
    )


def _until(restriction: object) -> str:
    end = epoch(restriction, "expiration")
    return f"until {datetime.fromtimestamp(end, UTC):%Y-%m-%d %H:%M} UTC" if end else ""


def _reason(holder: object, key: str) -> str:
    word = text(holder, key)
    return "" if word.upper() == "NONE" else word


def _pair(name: str, value: str) -> str:
    return f"{name} {value}" if value else ""


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(part for part in parts if part)
