"""What the audience's lists share: a search by phone number."""

from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from identities import known
from lib import phone, phone_masking
from lib.admin import LogAdmin

MAY_EXPORT = "audience.export_contact"


class ByPhoneAdmin(LogAdmin):
    """A list that is searched by the column `phone`."""

    search_fields = ("phone",)  # shows the box
    search_help_text = "Phone or its beginning; a whole user id or username"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        digits = phone.typed(search_term)
        ways = phone_masking.found("phone", digits) if digits else [Q(pk=None)]
        if names := known.who(search_term.strip()):
            ways += self.named(names)
        return queryset.filter(reduce(or_, ways)), False

    def named(self, names: set[str]) -> list[Q]:
        """Rows of the people with these numbers and user ids."""
        return [Q(phone__in=names)]
