from django.apps import AppConfig
from django.contrib.admin import apps as admin


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from django.conf import settings

        from config import checks  # noqa: F401  (registers them)

        if settings.SENTRY_DSN:
            from config.errors import report_to

            report_to(settings.SENTRY_DSN)


class AdminConfig(admin.SimpleAdminConfig):
    """Pages are loaded with the URLs, `config/urls.py`: workers and most commands have no use for them."""

    default = False  # not of this app
    default_site = "accounts.site.Site"
