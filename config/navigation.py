"""The sidebar of the admin: its links, and who sees each."""

from functools import cache
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from lib.admin import list_url

# Title, icon, the model's `app_model`, filters. The groups are in the order of the work.
_GROUPS: tuple[tuple[str, tuple[tuple[str, str, str, dict[str, int]], ...]], ...] = (
    (
        "Home",
        (
            ("Home", "home", "index", {}),
            ("Incidents", "emergency_home", "operations_incident", {}),
        ),
    ),
    (
        "Messages",
        (
            ("Messages", "chat", "campaigns_message", {}),
            ("Refused requests", "block", "campaigns_refusal", {}),
        ),
    ),
    (
        "Conversations",
        (
            ("Inbound messages", "forum", "callbacks_reply", {}),
            ("Stats of conversations", "question_answer", "stats:conversations", {}),
        ),
    ),
    (
        "Templates",
        (
            ("Templates", "article", "templates_app_template", {}),
            ("Template health", "monitor_heart", "templates_app_health", {}),
            ("Template imports", "cloud_download", "templates_app_importrun", {}),
            ("Template changes", "history", "templates_app_templatechange", {}),
        ),
    ),
    (
        "Broadcasts",
        (
            ("Broadcasts", "campaign", "broadcasts_broadcast", {}),
            ("Calendar", "calendar_month", "broadcasts_broadcast_calendar", {}),
            ("Recipients", "groups", "broadcasts_recipient", {}),
        ),
    ),
    (
        "Audience",
        (
            ("Contacts", "contacts", "audience_contact", {}),
            ("Segments", "filter_alt", "broadcasts_segment", {}),
            ("Uploads", "upload_file", "audience_upload", {}),
            ("Changes of consent", "handshake", "audience_optchange", {}),
            ("Opt-outs for CleverTap", "unsubscribe", "audience_subscription", {}),
        ),
    ),
    (
        "Stats",
        (
            ("Overview", "monitoring", "stats:overview", {}),
            ("Campaigns", "ads_click", "stats:campaigns", {}),
            ("Stats by template", "format_list_bulleted", "stats:templates", {}),
            ("Stats by provider", "router", "stats:providers", {}),
            ("Errors", "error", "stats:errors", {}),
            ("Saved views", "bookmark", "stats:views", {}),
            ("Reconciliation", "balance", "reconciliation:page", {}),
        ),
    ),
    (
        "Providers",
        (
            ("Providers", "cell_tower", "providers_provider", {}),
            ("Acceptance runs", "fact_check", "operations_acceptancerun", {}),
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
        "Settings",
        (
            ("Alarm channels", "notifications", "operations_channel", {}),
            ("Opt-out words", "do_not_disturb_on", "audience_optsetting", {}),
            ("Upload API accounts", "key", "audience_uploadaccount", {}),
            ("Users", "person", "auth_user", {}),
            ("Groups", "group", "auth_group", {}),
            ("Tokens", "vpn_key", "accounts_token", {}),
            ("Trail", "footprint", "accounts_entry", {}),
            ("Erasures", "person_remove", "privacy_erasure", {}),
            ("Retention runs", "auto_delete", "privacy_retentionrun", {}),
            ("Holds", "lock", "privacy_hold", {}),
            ("Archive runs", "inventory_2", "archive_run", {}),
        ),
    ),
)

# Pages other than lists, each with the model whose permission it needs.
_PAGES = {
    "templates_app_health": "templates_app_template",
    "broadcasts_broadcast_calendar": "broadcasts_broadcast",
    "reconciliation:page": "campaigns_stats",
} | {
    f"stats:{name}": "campaigns_stats"
    for name in ("overview", "campaigns", "templates", "providers", "errors", "conversations", "views")
}


# What the menu does not have, and Ctrl K finds all the same: title, URL name, permissions.
BEYOND: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("My account", "account", ()),
    ("Change password", "admin:password_change", ()),
    ("API of the stats", "stats_docs", ("campaigns.view_stats",)),
    (
        "Look somebody up: everything about one person",
        "admin:privacy_erasure_person",
        ("privacy.export_person", "campaigns.view_phone_numbers"),
    ),
    ("Retention: what is due", "admin:privacy_retentionrun_due", ("privacy.view_retentionrun",)),
    (
        "Retention: settings by provider",
        "admin:privacy_retentionsetting_changelist",
        ("privacy.view_retentionsetting",),
    ),
    ("Upload contacts", "admin:audience_upload_choose", ("audience.add_upload",)),
    ("Upload CleverTap’s campaign report", "reconciliation:upload", ("stats.add_report",)),
    ("Import templates from a file", "admin:templates_app_template_import", ("templates_app.add_template",)),
    ("Add provider", "admin:providers_provider_add", ("providers.add_provider",)),
    ("Add template", "admin:templates_app_template_add", ("templates_app.add_template",)),
    ("Add broadcast", "admin:broadcasts_broadcast_add", ("broadcasts.add_broadcast",)),
    ("Add segment", "admin:broadcasts_segment_add", ("broadcasts.add_segment",)),
    ("Delivery reports", "admin:campaigns_event_changelist", ("campaigns.view_event",)),
    ("Campaigns’ names", "admin:campaigns_campaign_changelist", ("campaigns.view_campaign",)),
)


def beyond(request: HttpRequest) -> list[tuple[str, str]]:
    """The title and the URL of each that the user may look at."""
    return [(title, reverse(name)) for title, name, needs in BEYOND if request.user.has_perms(needs)]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation, with only what the user may look at."""
    links = [_url(model, *filters.items()) for _, items in _GROUPS for _, _, model, filters in items]
    # Of a list and a page within it, the page.
    here = max((link for link in links if _here(request, link)), key=len, default="")
    return [
        {
            "title": title,
            "separator": title != _GROUPS[0][0],
            "items": [
                {
                    "title": name,
                    "icon": icon,
                    "link": (link := _url(model, *filters.items())),
                    "active": link == here,
                }
                for name, icon, model, filters in items
                if _may_view(request, model)
            ],
        }
        for title, items in _GROUPS
    ]


def _here(request: HttpRequest, link: str) -> bool:
    """Whether it is the page, or the list that the page belongs to."""
    place, _, query = link.partition("?")
    if place == _url("index"):
        return request.path == place
    return request.path.startswith(place) and all(
        each in request.GET.urlencode() for each in query.split("&")
    )


def own(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu under one's name."""
    return [
        {"title": "My account", "link": reverse("account")},
        {"title": "Change password", "link": reverse("admin:password_change")},
    ]


@cache  # each page asks for all of them
def _url(model: str, *filters: tuple[str, int]) -> str:
    if ":" in model:
        return reverse(model)
    if model == "index":
        return reverse("admin:index")
    return reverse(f"admin:{model}") if model in _PAGES else list_url(model, **dict(filters))


def _may_view(request: HttpRequest, model: str) -> bool:
    if model == "index":
        return True
    app, _, name = _PAGES.get(model, model).rpartition("_")
    return any(request.user.has_perm(f"{app}.{verb}_{name}") for verb in ("view", "change"))
