"""Rows of the comparison as the page shows them: words, and links to the messages behind our numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.models import Forward, Status
from campaigns.reconciliation import tables
from campaigns.reconciliation.causes import Cause
from campaigns.reconciliation.comparing import Cell, Row
from campaigns.reconciliation.ours import ERRORS, midnight
from campaigns.stats import links
from campaigns.stats.figures import LABELS
from campaigns.stats.filters import NONE, Filters
from lib.admin import list_url

_BEHIND = {"sent": "accepted", "delivered": "delivered", "viewed": "viewed"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A row; `cells` go with a link and the parts that the errors are made of."""

    row: Row
    name: str
    provider: str
    url: str
    cells: list[tuple[Cell, str, list[tuple[str, int, str]]]]


class Lines:
    def __init__(
        self,
        filters: Filters,
        providers: Mapping[int, str],
        titles: Mapping[str, str],
        zones: Mapping[int, str],
    ) -> None:
        self.filters, self.providers, self.titles, self.zones = filters, providers, titles, zones

    def row(self, row: Row) -> Shown:
        about = self._about(row)
        cells = [(cell, self._behind(row, cell, about), self._parts(row, cell, about)) for cell in row.cells]
        name = self.titles.get(row.campaign) or row.title
        url = "" if row.unseen else links.page("campaign", about)
        return Shown(row, name, tables.provider(row, self.providers), url, cells)

    def _about(self, row: Row) -> Filters:
        """The filters that leave in what our side of the row counts."""
        zone = ZoneInfo(self.zones.get(row.report, self.filters.zone.key))
        start, end = midnight(row.day, zone), midnight(row.day + timedelta(days=1), zone)
        return replace(
            self.filters.between(start, end), zone=zone, campaign=row.campaign, variant="", template="",
            traffic="all", provider_id=row.provider_id, provider=self.providers.get(row.provider_id or 0, ""),
        )  # fmt: skip

    def _behind(self, row: Row, cell: Cell, about: Filters) -> str:
        if row.unseen or not cell.ours:
            return ""
        if cell.figure == "errors":
            return links.page("errors", about)
        return links.behind(about, _BEHIND[cell.figure])

    def _parts(self, row: Row, cell: Cell, about: Filters) -> list[tuple[str, int, str]]:
        if cell.figure != "errors":
            return []
        counts = ((name, getattr(row.ours, name)) for name in ERRORS)
        return [(LABELS[name].lower(), count, links.behind(about, name)) for name, count in counts if count]


_WHERE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "no_url": ("Providers", "providers_provider", {}),
    "refused_report": ("Parked reports", "campaigns_event", {"forward": Forward.PARKED.value}),
    "given_up": ("Parked reports", "campaigns_event", {"forward": Forward.PARKED.value}),
    "waiting": ("Reports waiting", "campaigns_event", {"forward": Forward.PENDING.value}),
    "refusals": ("Refused requests", "campaigns_refusal", {}),
    "unknown": ("Unknown messages", "campaigns_message", {"status": Status.UNKNOWN.value}),
    "tests": ("Test messages", "campaigns_message", {"test": "yes"}),
    "own": ("Own campaigns", "broadcasts_broadcast", {}),
}


def where(cause: Cause) -> tuple[str, str] | None:
    """What to open about a cause: words and address."""
    if cause.name not in _WHERE:
        return None
    words, name, filters = _WHERE[cause.name]
    return words, list_url(name, **filters)


def left(filters: Filters) -> dict[str, str]:
    """Where what is not compared can be seen."""
    return {
        "conversations": links.behind(replace(filters, traffic="conversations", campaign=""), "accepted"),
        "nameless": links.behind(replace(filters, campaign=NONE), "accepted"),
        "own": list_url("broadcasts_broadcast"),
        "tests": list_url("campaigns_message", test="yes"),
    }
