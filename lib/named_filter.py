"""A filter by a name, which one types or takes from the list of those that exist."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class NamedFilter(admin.SimpleListFilter):
    """Its lookups are what exists and are offered; any other name may be typed."""

    template = "waypost/named_filter.html"

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, label in self.lookup_choices:
            yield {"value": value, "label": label if label != value else ""}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        raise NotImplementedError
