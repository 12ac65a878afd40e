"""The pages of what failed: all errors by code, and one of them."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from stats.pages import cards_and_charts, error_tables, html_tables, links
from stats.pages.page_view import stats_view
from stats.pages.views import TOP, sorting, top, trend
from stats.query import asked, breakdowns, error_codes, messages_behind
from stats.query.breakdowns import Dimension
from stats.query.details import FAILED
from stats.query.error_codes import CodeCount, Reason
from stats.query.errors import advice
from stats.query.figures import FAILURES, LABELS, TEXTS, Change
from stats.query.filters import Filters, Invalid
from stats.tables import formatting

MAY_RESEND = ("campaigns.view_message", "campaigns.change_message")


@stats_view("stats/errors.html", "Errors", "errors", more=("by", "order"))
def errors(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    now, before, details, old = breakdowns.compared(filters, FAILED)
    errors_before = old.errors if old else None
    lists = (
        []
        if filters.traffic == "conversations"
        else [top(filters, "template", "Templates with the highest error rate", "-error_rate")]
    )
    table = error_tables.errors(
        details.errors,
        errors_before,
        filters,
        links.files("error_codes", filters),
        sorting(request, filters, "errors"),
        codes=error_codes.codes(filters) if details.errors else [],
        may_resend=request.user.has_perms(MAY_RESEND),
    )
    return {
        "empty": not now.errors,
        "cards": cards_and_charts.cards(now, before, filters, (*FAILURES, "error_rate")),
        "errors_table": table,
        "lists": lists,
    } | trend(request, filters, FAILURES, "bars")


@stats_view("stats/error.html", "Error", "error", more=("by", *asked.PARAMETERS))
def error(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    figure, only = asked.asked(request.GET)
    if only.code is None:
        raise Invalid({"code": "Choose the error to look at; the list of errors leads here."})
    reason = Reason(figure, only.code, only.bsp_code)
    found = error_codes.codes(filters, reason)
    total, previous = sum(each.count for each in found), filters.previous()
    before = None if previous is None else messages_behind.count(previous, figure, only)
    change = Change(total, before)
    return {
        "title": error_tables.code_name(reason),
        "keep": urlencode(links.narrowing(figure, only)),
        "empty": not total,
        "reason": reason,
        "kind": LABELS[figure],
        "kind_text": TEXTS[figure],
        "known": advice(reason.code),
        "whole": links.error(filters, Reason(figure, only.code)) if only.bsp_code else "",
        "count": formatting.count(total),
        "change": ", ".join(filter(None, (formatting.change(change), formatting.before(change)))),
        "behind": links.messages_behind(filters, figure, only),
        "first": formatting.clock(min((each.first_at for each in found), default=None), filters),
        "last": formatting.clock(max((each.last_at for each in found), default=None), filters),
        "resend": links.resendable(filters, reason)
        if reason.resending_helps and request.user.has_perms(MAY_RESEND)
        else "",
        "codes": error_tables.codes(found, filters) if _several(found, only.bsp_code) else None,
        "lists": _lists(filters, reason, total),
    } | trend(request, filters, (figure,), "bars", reason)


def _several(found: Sequence[CodeCount], bsp_code: str) -> bool:
    """Whether there are codes of the BSP to tell apart."""
    return not bsp_code and any(each.reason.known_at[1] for each in found)


def _lists(filters: Filters, reason: Reason, total: int) -> list[tuple[str, str, html_tables.HtmlTable]]:
    """The campaigns and templates whose messages failed for it, each with the link to all of them."""
    concerned: list[tuple[Dimension, str]] = [("campaign", "Campaigns"), ("template", "Templates")]
    found, known_as = [], breakdowns.providers()
    for dimension, heading in concerned:
        groups = error_codes.concerned(filters, reason, dimension, TOP, known_as)
        table = error_tables.concerned(dimension, groups, total, filters, reason)
        found.append((f"{heading} with this error", links.page(f"{dimension}s", filters), table))
    return found
