"""The filter by provider that every list of ours has."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from lib.admin import SimpleListFilter
from providers.models import Provider


class ProviderFilter(SimpleListFilter):
    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), nickname) for pk, nickname in Provider.objects.values_list("pk", "nickname")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(provider_id=value) if value in dict(self.lookup_choices) else queryset
