"""Where a number leads: the messages behind it, the page of what it is about, a file."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from lib.admin import list_url
from stats.query import asked
from stats.query.breakdowns import Dimension, Group
from stats.query.error_codes import Reason
from stats.query.filters import NONE, Filters
from stats.query.messages_behind import ALL, Only

# A rate links to the messages of its part, not to those of its whole.
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


def messages_behind(filters: Filters, figure: str, only: Only = ALL) -> str:
    """The URL of the messages that a figure counts, or the part of a rate. For all errors it is the page of
    errors."""
    if figure == "error_rate":
        return page("errors", filters)
    return page("messages", filters, **narrowing(_PART.get(figure, figure), only))


def narrowing(figure: str, only: Only) -> dict[str, str]:
    """As URL parameters, which stats.query.asked reads."""
    given = asdict(only) | {"figure": figure}
    return {name: str(given[name] or "") for name in asked.PARAMETERS}


def error(filters: Filters, reason: Reason, **more: str) -> str:
    """The page of one error."""
    only = Only(reason.code, reason.bsp_code)
    return page("error", filters, **narrowing(reason.kind, only), **more)


def resendable(filters: Filters, reason: Reason) -> str:
    """The message log with those of its messages that are still failed, to be sent again. Empty where no
    filter of the log leaves just the messages that were counted."""
    if filters.traffic != "all" or NONE in (filters.campaign, filters.variant, filters.template):
        return ""
    _, bsp_code = reason.known_at
    wanted: dict[str, str | int] = {"error": reason.code, "bsp_code": bsp_code or NONE}
    if filters.provider_id is not None:
        wanted["provider"] = filters.provider_id
    for name in ("campaign", "variant", "template"):
        if value := str(getattr(filters, name)):
            wanted[name] = value
    last = filters.end and filters.end - timedelta(seconds=1)
    for side, at in (("from", filters.start), ("to", last)):
        if at is not None:
            local = timezone.localtime(at)
            wanted[f"failed_at_{side}_0"] = f"{local:%Y-%m-%d}"
            wanted[f"failed_at_{side}_1"] = f"{local:%H:%M:%S}"
    return list_url("campaigns_message", **wanted)


def messages_behind_in(filters: Filters, only: Only = ALL) -> Callable[[str], str]:
    """`messages_behind` for many figures of the same filters."""
    base, query = reverse("stats:messages"), filters.query(**narrowing("", only))
    errors = page("errors", filters)
    return lambda figure: (
        errors if figure == "error_rate" else f"{base}?figure={_PART.get(figure, figure)}&{query}"
    )


def within(filters: Filters, dimension: Dimension, group: Group) -> Filters:
    """The filters that leave only this group."""
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
