"""Who may do what: the groups that the migrations make, and the permissions of each.

A group gets the permissions of this table, and keeps what an administrator has added. To change the
table, edit it, and add a migration to config/migrations that runs `grant` once more. `grant` takes nothing
away: the migration removes, by name, what a group is to lose. docs/roles.md is for the reader.
"""

from typing import Any

from django.contrib.auth.management import create_permissions
from django.db.models import Q

# The apps whose pages are the gateway's own; users and groups are not among them.
OURS = (
    "providers",
    "templates_app",
    "identities",
    "audience",
    "campaigns",
    "stats",
    "broadcasts",
    "callbacks",
    "archive",
    "privacy",
    "operations",
)

# What analysts look at besides stats: the messages behind a number, and what stats are about.
_ANALYST = {
    "campaigns": (
        "view_stats", "export_stats", "view_campaign", "view_message", "view_event", "view_refusal",
    ),
    "broadcasts": ("view_broadcast", "view_recipient"),
    "templates_app": ("view_template", "view_templatechange", "view_importrun"),
    "providers": ("view_provider",),
}  # fmt: skip

OPERATORS = Q(content_type__app_label__in=OURS)
ANALYSTS = Q(pk=None)
for _app, _codenames in _ANALYST.items():
    ANALYSTS |= Q(content_type__app_label=_app, codename__in=_codenames)
# Seeing and exporting, users and groups included; nothing that changes a row.
_PAGELESS = ("sessions", "contenttypes", "account", "mfa", "usersessions", "socialaccount")
AUDITORS = Q(codename__startswith="view_") & ~Q(content_type__app_label__in=_PAGELESS)
AUDITORS |= Q(content_type__app_label__in=OURS, codename__startswith="export_")

ROLES = {"operators": OPERATORS, "analysts": ANALYSTS, "auditors": AUDITORS}


def grant(apps: Any, schema_editor: Any = None) -> None:
    """Makes the groups and gives them what the table says. A second run changes nothing."""
    _make_permissions(apps)
    permissions = apps.get_model("auth", "Permission").objects
    for name, wanted in ROLES.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*permissions.filter(wanted))


def _make_permissions(apps: Any) -> None:
    """Django makes them after the last migration, which is too late here."""
    for app in apps.get_app_configs():
        before, app.models_module = getattr(app, "models_module", None), True
        create_permissions(app, apps=apps, verbosity=0)
        app.models_module = before
