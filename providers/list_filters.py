"""The filter by provider that every list of ours has."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from lib.admin import SimpleListFilter
from providers.models import Provider


class ProviderFilter(SimpleListFilter):
    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The providers in use, and the one that the URL names, which may be archived."""
        chosen = request.GET.get(self.parameter_name, "")
        offered = Q(archived_at=None)
        if chosen.isdecimal() and len(chosen) < 19:
            offered |= Q(pk=chosen)
        rows = Provider.objects.filter(offered).values_list("pk", "nickname")
        return [(str(pk), nickname) for pk, nickname in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(provider_id=value) if value in dict(self.lookup_choices) else queryset
