"""What the audience's lists share: a search by phone number."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from lib import phone, shown
from lib.admin import LogAdmin

MAY_EXPORT = "audience.export_contact"


class ByPhoneAdmin(LogAdmin):
    """A list that is searched by the column `phone`."""

    search_fields = ("phone",)  # shows the box
    search_help_text = "Phone or its beginning"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        digits = phone.typed(search_term)
        return queryset.filter(shown.found("phone", digits) if digits else Q(pk=None)), False
