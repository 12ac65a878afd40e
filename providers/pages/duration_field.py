"""A field for a stretch of time, as people write it: `1 day`, `2 hours 30 minutes`."""

from datetime import timedelta
from typing import Any

from django import forms

from lib import display


class DurationField(forms.DurationField):
    default_error_messages = {"invalid": "Write a time such as 1 day, 12 hours or 2 hours 30 minutes."}

    def prepare_value(self, value: Any) -> Any:
        return display.lasting(value) if isinstance(value, timedelta) else value

    def to_python(self, value: Any) -> timedelta | None:
        """Also takes Django's own way: `1 00:00:00`."""
        return (display.lasts(value) if isinstance(value, str) else None) or super().to_python(value)
