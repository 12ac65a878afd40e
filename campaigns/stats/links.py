"""Where a number leads: the messages behind it, the page of what it is about, a file."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.urls import reverse

from campaigns.stats.filters import NONE, Filters
from campaigns.stats.queries import Dimension, Group

# A rate leads to what is its part.
_PART = {
    "delivery_rate": "delivered",
    "view_rate": "viewed",
    "click_rate": "clicked_unique",
    "reply_rate": "replied",
}


def page(name: str, filters: Filters | None = None, **changes: str) -> str:
    """A stats page under these filters, some of them changed; an empty value takes one away."""
    query = filters.query(**changes) if filters else urlencode(changes)
    return reverse(f"stats:{name}") + (f"?{query}" if query else "")


def behind(filters: Filters, figure: str, *, code: int | None = None, url: str = "") -> str:
    """The messages that a figure or the part of a rate counts; for all errors, their page."""
    if figure == "error_rate":
        return page("errors", filters)
    more = {"code": "" if code is None else str(code), "url": url}
    return page("messages", filters, figure=_PART.get(figure, figure), **more)


def behind_in(filters: Filters) -> Callable[[str], str]:
    """`behind` for many figures of the same filters."""
    base, query = reverse("stats:messages"), filters.query()
    errors = page("errors", filters)
    return lambda figure: (
        errors if figure == "error_rate" else f"{base}?figure={_PART.get(figure, figure)}&{query}"
    )


def within(filters: Filters, dimension: Dimension, group: Group) -> Filters:
    """The filters that leave in just this group."""
    if dimension == "variant":
        return replace(filters, variant=group.variant or NONE)
    filters = replace(filters, provider=group.provider, provider_id=group.provider_id)
    if dimension == "provider":
        return filters
    if dimension == "campaign":
        return replace(filters, campaign=group.campaign or NONE)
    return replace(filters, template=group.template or NONE)


@dataclass(frozen=True, slots=True)
class Files:
    """A table as files."""

    csv: str
    xlsx: str


def files(table: str, filters: Filters, **more: str) -> Files:
    query = filters.query(**more)
    csv, xlsx = (reverse("stats_export", args=[table, form]) + f"?{query}" for form in ("csv", "xlsx"))
    return Files(csv, xlsx)
