"""What each of our commands is made from."""

from django.core.management import base


class BaseCommand(base.BaseCommand):
    """Looks at the settings before it runs, as `config/checks.py` does. Django would go through all pages and
    URLs as well, for half a second each time: `manage.py check` and the tests do that."""

    requires_system_checks = ["waypost"]
