from django.db import migrations

from config import roles


class Migration(migrations.Migration):
    """The groups of config.roles, once every model they speak of is there."""

    initial = True
    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        *((app, "0001_initial") for app in roles.OURS),
    ]
    operations = [migrations.RunPython(roles.grant, migrations.RunPython.noop, elidable=False)]
