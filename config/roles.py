"""Who may do what: the groups that the migrations make, and the permissions of each.

A group gets what is said here, and keeps what an administrator gave it beside that. To change the
table: edit it, and add a migration to config/migrations that runs `grant` once more (and takes away,
by name, what a group is to lose). docs/roles.md tells people.
"""

from typing import Any

from django.contrib.auth.management import create_permissions
from django.db.models import Q

# The apps whose pages are the gateway's own; users and groups are not among them.
OURS = ("providers", "templates_app", "audience", "campaigns", "broadcasts", "callbacks")

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
AUDITORS = Q(codename__startswith="view_") & ~Q(content_type__app_label__in=("sessions", "contenttypes"))
AUDITORS |= Q(content_type__app_label__in=OURS, codename__startswith="export_")

ROLES = {"operators": OPERATORS, "analysts": ANALYSTS, "auditors": AUDITORS}


def grant(apps: Any, schema_editor: Any = None) -> None:
    """Makes the groups and gives them what the table says. Done twice, it changes nothing."""
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
