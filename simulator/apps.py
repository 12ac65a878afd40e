from django.apps import AppConfig


class SimulatorConfig(AppConfig):
    """Here only so that Django finds `manage.py simulator`; nothing else in this package knows Django."""

    name = "simulator"
