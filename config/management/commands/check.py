from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.management.commands import check


class Command(check.Command):
    """Django's, which looks at the database only when it is named."""

    def handle(self, *app_labels: Any, **options: Any) -> None:
        import_module(settings.ROOT_URLCONF)  # the pages that are to be looked at are loaded with it
        options["databases"] = options["databases"] or list(settings.DATABASES)
        super().handle(*app_labels, **options)
