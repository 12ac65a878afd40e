"""The columns and rows of every table of the stats. Pages, JSON and files only render them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from campaigns.counting.buckets import Timing
from campaigns.models import Status
from lib.phone_masking import Eyes
from stats.query import figures, messages_behind, series
from stats.query.breakdowns import Dimension, Group
from stats.query.details import ErrorCount, PricedCount, UrlCount
from stats.query.error_codes import CodeCount
from stats.query.errors import advice, what_to_do
from stats.query.figures import DEFINITIONS, LABELS, NAMES, RATES, TEXTS, Figures
from stats.query.filters import NONE

# A code is a number that names something, a count one that says how many.
Kind = Literal["text", "code", "count", "rate", "seconds", "time"]
REFUSED = "refused"  # the status of a request that became no message
Row = Mapping[str, Any]  # values by the name of their column


@dataclass(frozen=True, slots=True)
class Column:
    """`name` is what JSON calls it, `label` what people read, `text` explains it."""

    name: str
    label: str
    kind: Kind = "text"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows are made while they are read, and can be read once. They keep the order of what they are made
    from."""

    name: str
    columns: tuple[Column, ...]
    rows: Iterable[Row]


_COUNTS = tuple(Column(each.name, each.label, "count", each.text) for each in DEFINITIONS)
# Accepted, then the rates, then the counts behind them.
FIGURES = (
    *_COUNTS[:1],
    *(Column(each.name, each.label, "rate", each.text) for each in RATES),
    *_COUNTS[1:],
)


def _figures(found: Figures) -> dict[str, Any]:
    values = {name: getattr(found, name) for name in NAMES} | figures.rates(found)
    return {column.name: values[column.name] for column in FIGURES}


def summary(now: Figures, before: Figures | None) -> Table:
    """Each figure and rate, beside that of the range before."""
    columns = (
        Column("name", "Name"),
        Column("label", "Figure"),
        Column("value", "Value", "rate"),
        Column("before", "Range before", "rate"),
        Column("change", "Change", "rate"),
    )
    rows = (
        {
            "name": name,
            "label": LABELS[name],
            "value": change.now,
            "before": None if before is None else change.before,
            "change": None if before is None else change.relative,
        }
        for name, change in figures.changes(now, before or Figures()).items()
    )
    return Table("summary", columns, rows)


_ABOUT: dict[Dimension, tuple[Column, ...]] = {
    "campaign": (
        Column("campaign", "Campaign"),
        Column("campaign_name", "Name"),
        Column("provider", "Provider"),
        Column("first_seen_at", "First seen", "time"),
        Column("last_seen_at", "Last seen", "time"),
    ),
    "template": (Column("template", "Template"), Column("provider", "Provider")),
    "provider": (Column("provider", "Provider"),),
    "variant": (Column("variant", "Variant"),),
}


def groups(dimension: Dimension, found: Iterable[Group]) -> Table:
    """Figures by campaign, template, provider or variant."""
    about = _ABOUT[dimension]
    rows = (
        {column.name: getattr(group, column.name) for column in about}
        | {dimension: getattr(group, dimension) or NONE}
        | _figures(group.figures)
        for group in found
    )
    return Table(f"{dimension}s", (*about, *FIGURES), rows)


def errors(found: Sequence[ErrorCount]) -> Table:
    """Failures by kind and code, with what to do about them."""
    columns = (
        Column("kind", "Kind"),
        Column("code", "Code", "code"),
        Column("title", "Error"),
        Column("count", "Count", "count"),
        Column("share", "Share of errors", "rate"),
        Column("meaning", "What it means"),
        Column("bsp_codes", "BSP's codes"),
        Column("advice", "What to do"),
    )
    total = sum(error.count for error in found)
    rows = (
        {
            "kind": error.kind,
            "code": error.code,
            "title": known.title,
            "count": error.count,
            "share": error.count / total,
            "meaning": known.meaning,
            "bsp_codes": ", ".join(f"{each.code}: {each.number}" for each in error.bsp_codes),
            "advice": what_to_do(error),
        }
        for error in found
        for known in [advice(error.code)]
    )
    return Table("errors", columns, rows)


def error_codes(found: Sequence[CodeCount]) -> Table:
    """Failures by the BSP's own code under CleverTap's."""
    columns = (
        Column("kind", "Kind"),
        Column("code", "Code", "code", "CleverTap’s."),
        Column("title", "Error"),
        Column("bsp_code", "BSP’s code", text="Written connector/code, because each BSP has its own codes."),
        Column("count", "Count", "count"),
        Column("share", "Share of errors", "rate"),
        Column("first_seen_at", "First seen", "time", "In this range."),
        Column("last_seen_at", "Last seen", "time", "In this range."),
        Column("advice", "What to do"),
        Column("resend", "Resending helps"),
    )
    total = sum(each.count for each in found)
    rows = (
        {
            "kind": each.reason.kind,
            "code": each.reason.code,
            "title": advice(each.reason.code).title,
            "bsp_code": each.reason.bsp_code,
            "count": each.count,
            "share": each.count / total,
            "first_seen_at": each.first_at,
            "last_seen_at": each.last_at,
            "advice": each.reason.advice,
            "resend": "yes" if each.reason.resending_helps else "no",
        }
        for each in found
    )
    return Table("error_codes", columns, rows)


def concerned(dimension: Dimension, found: Sequence[tuple[Group, int]], total: int) -> Table:
    """Which campaigns or templates the messages of one error were of."""
    about = tuple(each for each in _ABOUT[dimension] if each.kind == "text")
    columns = (*about, Column("count", "Count", "count"), Column("share", "Share of this error", "rate"))
    rows = (
        {column.name: getattr(group, column.name) for column in about}
        | {dimension: getattr(group, dimension) or NONE, "count": count, "share": count / total}
        for group, count in found
    )
    return Table(f"error_{dimension}s", columns, rows)


def urls(found: Sequence[UrlCount]) -> Table:
    """Clicks by page."""
    columns = (
        Column("url", "Page"),
        Column("total", LABELS["clicked_total"], "count", TEXTS["clicked_total"]),
        Column("unique", LABELS["clicked_unique"], "count", TEXTS["clicked_unique"]),
    )
    rows = ({"url": each.url, "total": each.total, "unique": each.unique} for each in found)
    return Table("urls", columns, rows)


def pricing(found: Sequence[PricedCount]) -> Table:
    """Messages by how WhatsApp charges them."""
    columns = (
        Column(
            "category", "Category", text="The category that WhatsApp charges: marketing, utility, service…"
        ),
        Column("type", "Type", text="WhatsApp charges “regular”, and nothing that begins with “free”."),
        Column("count", "Messages", "count"),
    )
    rows = ({"category": each.category, "type": each.type, "count": each.number} for each in found)
    return Table("pricing", columns, rows)


def times(found: Mapping[str, Timing]) -> Table:
    """From accepted to sent, delivered and viewed."""
    columns = (
        Column("until", "From accepted to"),
        Column("count", "Messages", "count"),
        Column("p50", "Half of them within", "seconds", "Half of the messages took no longer (p50)."),
        Column("p95", "95 % of them within", "seconds", "95 of 100 messages took no longer (p95)."),
    )
    rows = (
        {"until": name, "count": timing.count, "p50": timing.p50, "p95": timing.p95}
        for name, timing in found.items()
    )
    return Table("times", columns, rows)


def trend(points: Iterable[series.Point]) -> Table:
    """Figures by minute, hour or day."""
    columns = (Column("start", "From", "time"), Column("end", "To", "time"), *FIGURES)
    rows = ({"start": point.start, "end": point.end} | _figures(point.figures) for point in points)
    return Table("trend", columns, rows)


def messages(found: Iterable[messages_behind.Row], providers: Mapping[int, str], eyes: Eyes) -> Table:
    """The messages behind a figure, with phone numbers masked for those who may not see them."""
    columns = (
        Column("id", "Id", "code"),
        Column("at", "At", "time"),
        Column("provider", "Provider"),
        Column("msg_id", "msgId"),
        Column("to", "To"),
        Column("campaign", "Campaign"),
        Column("variant", "Variant"),
        Column("template", "Template"),
        Column("status", "Status"),
        Column("code", "Error code", "code"),
        Column("text", "Reason"),
        Column("pricing_category", "Pricing category"),
        Column("pricing_type", "Pricing type"),
    )
    rows = (
        {
            "id": each.pk,
            "at": each.at,
            "provider": providers.get(each.provider_id, ""),
            "msg_id": each.msg_id,
            "to": eyes.number(each.to),
            "campaign": each.campaign,
            "variant": each.variant,
            "template": each.template,
            "status": REFUSED if each.status is None else Status(each.status).label.lower(),
            "code": each.code,
            "text": eyes.text(each.text),
            "pricing_category": each.pricing_category or "",
            "pricing_type": each.pricing_type or "",
        }
        for each in found
    )
    return Table("messages", columns, rows)
