"""Errors as tables: by kind and code, the BSP's codes behind one, the campaigns and templates concerned."""

from collections.abc import Sequence
from dataclasses import replace

from providers.connectors import CONNECTORS
from stats.pages import links
from stats.pages.html_tables import Cell, Cells, HtmlTable, Sorting, about, changed, number, render
from stats.pages.links import Files
from stats.query.breakdowns import Dimension, Group
from stats.query.details import ErrorCount
from stats.query.error_codes import CodeCount, Reason
from stats.query.errors import advice
from stats.query.figures import LABELS, TEXTS
from stats.query.filters import Filters
from stats.query.messages_behind import Only
from stats.tables import contents, formatting

# What errors can be sorted by.
ORDERS = ("kind", "code", "count")


def errors(
    found: Sequence[ErrorCount],
    before: Sequence[ErrorCount] | None,
    filters: Filters,
    files: Files | None,
    sorting: Sorting,
    *,
    codes: Sequence[CodeCount] | None = None,
    may_resend: bool = False,
) -> HtmlTable:
    """Failures by kind and code, with what to do about them. With `codes`, each is followed by the
    BSP's behind it, with when they were seen."""
    sorting = sorting.of_table(ORDERS, "-count", "errors-title")
    table = contents.errors(sorting.rows(found))
    was = {(error.kind, error.code): error.count for error in before or ()}
    rows: list[Cells] = []
    for row in table.rows:
        kind, code = row["kind"], row["code"]
        old = None if before is None else was.get((kind, code), 0)
        own = [each for each in codes or () if (each.reason.kind, each.reason.code) == (kind, code)]
        # Without a code of the BSP's, the row is about all.
        lone = own[0].reason if len(own) == 1 and not own[0].reason.known_at[1] else None
        rows.append(
            {
                "kind": Cell(LABELS[kind], title=TEXTS[kind]),
                "code": Cell(str(code), links.error(filters, Reason(kind, code)), note=row["title"]),
                "count": changed(row["count"], old, links.messages_behind(filters, kind, Only(code))),
                "share": Cell(formatting.percent(row["share"]), number=True),
                "meaning": Cell(row["meaning"], note=row["advice"] if codes is None else advice(code).advice),
                "resend": _resend(lone, filters, may_resend),
            }
            | _seen(own, filters)
        )
        if not lone:
            rows += (_code_cells(each, row["count"] / row["share"], filters, may_resend) for each in own)
    seen = contents.error_codes([])
    columns = {column.name: column for column in (*table.columns, *seen.columns)}
    names = ("kind", "code", "count", "share", "meaning")
    return render(
        replace(table, columns=tuple(columns.values())),
        rows,
        names if codes is None else (*names[:-1], "first_seen_at", "last_seen_at", "meaning", "resend"),
        sorting=sorting,
        empty="Nothing failed in this range.",
        files=files,
        labels={"meaning": "What it means, and what to do", "resend": "Resend"},
    )


def codes(found: Sequence[CodeCount], filters: Filters) -> HtmlTable:
    """The BSP's codes behind one of CleverTap's."""
    total = sum(each.count for each in found)
    return render(
        contents.error_codes(found),
        [_code_cells(each, total, filters, False, nested=False) for each in found],
        ("code", "count", "share", "first_seen_at", "last_seen_at", "advice"),
        empty="Nothing failed so in this range.",
        labels={"code": "BSP’s code"},
    )


def code_name(reason: Reason) -> str:
    """An error as a heading has it."""
    _, code = reason.known_at
    clevertap = f"{reason.code} {advice(reason.code).title}"
    if not reason.bsp_code:
        return clevertap
    return f"{code or 'No code of the BSP’s'} under {clevertap}"


def _code_cells(
    each: CodeCount, total: float, filters: Filters, may_resend: bool, *, nested: bool = True
) -> Cells:
    reason = each.reason
    connector, code = reason.known_at
    bsp = CONNECTORS[connector].label if connector in CONNECTORS else connector
    only = Only(reason.code, reason.bsp_code)
    return {
        "kind": Cell(LABELS[reason.kind], nested=nested),
        "code": Cell(
            code or "no code", links.error(filters, reason), note=bsp or "of the BSP’s", nested=nested
        ),
        "count": number(each.count, links.messages_behind(filters, reason.kind, only)),
        "share": Cell(formatting.percent(each.count / total), number=True),
        "meaning": Cell(reason.advice),
        "advice": Cell(reason.advice),
        "resend": _resend(reason, filters, may_resend),
    } | _seen([each], filters)


def _resend(reason: Reason | None, filters: Filters, may: bool) -> Cell:
    if reason is None or not may or not reason.resending_helps:
        return Cell(formatting.NOTHING)
    there = links.resendable(filters, reason)
    return Cell("Resend these", there) if there else Cell(formatting.NOTHING)


def _seen(found: Sequence[CodeCount], filters: Filters) -> dict[str, Cell]:
    first = min((each.first_at for each in found), default=None)
    last = max((each.last_at for each in found), default=None)
    return {
        "first_seen_at": Cell(formatting.clock(first, filters)),
        "last_seen_at": Cell(formatting.clock(last, filters)),
    }


def concerned(
    dimension: Dimension, found: Sequence[tuple[Group, int]], total: int, filters: Filters, reason: Reason
) -> HtmlTable:
    """The campaigns or templates of an error's messages; each leads to its own page of this error."""
    table = contents.concerned(dimension, found, total)
    only = Only(reason.code, reason.bsp_code)
    rows = []
    for (group, _), row in zip(found, table.rows, strict=True):
        own = links.within(filters, dimension, group)
        rows.append(
            about(row, dimension, own)
            | {
                "count": number(row["count"], links.messages_behind(own, reason.kind, only)),
                "share": Cell(formatting.percent(row["share"]), number=True),
            }
        )
    files = links.files(table.name, filters, **links.narrowing(reason.kind, only))
    return render(table, rows, empty=f"No {dimension} had this error in this range.", files=files)
