from secrets import token_hex
from typing import Any

from django.db import migrations

from accounts import append_only
from config import roles
from identities import pseudonyms
from lib import keys


def make_key(apps: Any, schema_editor: Any) -> None:
    """Here, because a database comes to this once, before any secret is stored in it."""
    keys.make()


def make_pseudonym_key(apps: Any, schema_editor: Any) -> None:
    """With the database, so that every backup of it has the key."""
    made = {"key": pseudonyms.new_key()}
    apps.get_model("identities", "PseudonymKey").objects.get_or_create(pk=1, defaults=made)


def begin(apps: Any, schema_editor: Any) -> None:
    """The first life of the database: see campaigns.models.Installation."""
    apps.get_model("campaigns", "Installation").objects.create(nonce=token_hex(4), first_message=1)


class Migration(migrations.Migration):
    """Makes the groups of config.roles, once every model that they name is there, guards the trail, makes the
    key of the secrets unless FIELD_ENCRYPTION_KEYS has one, makes that of the pseudonyms, and begins the
    first life of the database."""

    initial = True
    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        # Written out: an app that comes to roles.OURS later is no dependency of what has run before it.
        ("providers", "0001_initial"),
        ("templates_app", "0001_initial"),
        ("identities", "0001_initial"),
        ("audience", "0001_initial"),
        ("campaigns", "0001_initial"),
        ("stats", "0001_initial"),
        ("broadcasts", "0001_initial"),
        ("callbacks", "0001_initial"),
        ("archive", "0001_initial"),
        ("privacy", "0001_initial"),
        ("operations", "0001_initial"),
        ("accounts", "0001_initial"),
    ]
    operations = [
        migrations.RunPython(roles.grant, migrations.RunPython.noop, elidable=False),
        migrations.RunPython(append_only.guard, append_only.unguard, elidable=False),
        migrations.RunPython(make_key, migrations.RunPython.noop, elidable=False),
        migrations.RunPython(make_pseudonym_key, migrations.RunPython.noop, elidable=False),
        migrations.RunPython(begin, migrations.RunPython.noop, elidable=False),
    ]
