"""The sidebar of the admin: what an operator does, what goes back, who may."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from lib.admin import list_url

# Title, icon, the model's `app_model`, filters.
_GROUPS: tuple[tuple[str, tuple[tuple[str, str, str, dict[str, int]], ...]], ...] = (
    (
        "Operate",
        (
            ("Messages", "chat", "campaigns_message", {}),
            ("Refused requests", "block", "campaigns_refusal", {}),
            ("Inbound messages", "forum", "callbacks_reply", {}),
            ("Providers", "cell_tower", "providers_provider", {}),
            ("Templates", "article", "templates_app_template", {}),
            ("Template health", "monitor_heart", "templates_app_health", {}),
            ("Template imports", "cloud_download", "templates_app_importrun", {}),
            ("Template changes", "history", "templates_app_templatechange", {}),
        ),
    ),
    (
        "Stats",
        (
            ("Overview", "monitoring", "stats:overview", {}),
            ("Campaigns", "ads_click", "stats:campaigns", {}),
            ("Templates", "format_list_bulleted", "stats:templates", {}),
            ("Providers", "router", "stats:providers", {}),
            ("Errors", "error", "stats:errors", {}),
            ("Reconciliation", "balance", "reconciliation:page", {}),
        ),
    ),
    (
        "Audience",
        (
            ("Contacts", "contacts", "audience_contact", {}),
            ("Segments", "filter_alt", "broadcasts_segment", {}),
            ("Own campaigns", "campaign", "broadcasts_broadcast", {}),
            ("Recipients", "groups", "broadcasts_recipient", {}),
            ("Uploads", "upload_file", "audience_upload", {}),
            ("Changes of consent", "handshake", "audience_optchange", {}),
            ("Opt-out words", "do_not_disturb_on", "audience_optsetting", {}),
            ("Opt-outs for CleverTap", "unsubscribe", "audience_subscription", {}),
            ("Upload API accounts", "key", "audience_uploadaccount", {}),
        ),
    ),
    (
        "Delivery",
        (
            ("Webhooks", "webhook", "callbacks_webhook", {}),
            ("Forwarding outlets", "outbound", "callbacks_outlet", {}),
            ("Forward calls", "swap_horiz", "callbacks_forwardcall", {}),
            ("Parked reports", "local_parking", "campaigns_event", {"forward": 3}),
        ),
    ),
    (
        "Administration",
        (
            ("Users", "person", "auth_user", {}),
            ("Groups", "group", "auth_group", {}),
        ),
    ),
)

# Pages that are no model's list, with the model that says who may look.
_PAGES = {"templates_app_health": "templates_app_template", "reconciliation:page": "campaigns_stats"} | {
    f"stats:{name}": "campaigns_stats"
    for name in ("overview", "campaigns", "templates", "providers", "errors")
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation, with only what the user may look at."""
    return [
        {
            "title": title,
            "separator": title != _GROUPS[0][0],
            "items": [
                {"title": name, "icon": icon, "link": _url(model, filters)}
                for name, icon, model, filters in items
                if _may_view(request, model)
            ],
        }
        for title, items in _GROUPS
    ]


def _url(model: str, filters: dict[str, int]) -> str:
    if ":" in model:
        return reverse(model)
    return reverse(f"admin:{model}") if model in _PAGES else list_url(model, **filters)


def _may_view(request: HttpRequest, model: str) -> bool:
    app, _, name = _PAGES.get(model, model).rpartition("_")
    return any(request.user.has_perm(f"{app}.{verb}_{name}") for verb in ("view", "change"))
