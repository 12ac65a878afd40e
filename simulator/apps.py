from django.apps import AppConfig


class SimulatorConfig(AppConfig):
    """For Django to find `manage.py simulator`. Nothing else in this package imports Django."""

    name = "simulator"
