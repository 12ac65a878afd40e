"""Saved views as mails, every Monday morning, to people who asked for them."""

import logging
from datetime import datetime, time, timedelta
from smtplib import SMTPException
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.http import QueryDict
from django.template.loader import render_to_string
from django.urls import reverse

from stats.models import MondayMail, SavedView
from stats.pages.page_view import DEFAULT_RANGE, MAY_SEE
from stats.query import breakdowns, error_codes, figures
from stats.query.breakdowns import Dimension
from stats.query.details import FAILED
from stats.query.figures import LABELS, NAMES
from stats.query.filters import Filters, Invalid, parse
from stats.tables import contents, formatting

logger = logging.getLogger(__name__)

AT = time(8)
AGAIN = timedelta(minutes=10)  # after a mail server that did not answer
GIVEN_UP = timedelta(days=1)  # after that, the next mail is the one of next Monday
ROWS = 10
_LISTS: dict[str, Dimension] = {"campaigns": "campaign", "templates": "template", "providers": "provider"}
_COLUMNS = ("accepted", "delivery_rate", "view_rate", "click_rate", "error_rate")


def next_monday(now: datetime, zone: ZoneInfo) -> datetime:
    """The next Monday morning by the clock of the zone."""
    today = now.astimezone(zone).date()
    monday = datetime.combine(today + timedelta(days=-today.weekday() % 7), AT, zone)
    if monday <= now:
        monday = datetime.combine(monday.date() + timedelta(days=7), AT, zone)
    return monday


def send_due(now: datetime) -> int:
    """Sends the mails whose time has come. Returns how many.

    Each is claimed first, by one statement: so other workers skip it, and a worker that is killed here sends
    no mail twice. If the mail server fails, Waypost retries for a day.
    """
    if not settings.EMAIL_HOST:
        return 0
    sent = 0
    for mail in (
        MondayMail.objects.filter(due_at__lte=now).select_related("view", "person").order_by("due_at")
    ):
        following = next_monday(now, mail.tz)
        if not MondayMail.objects.filter(pk=mail.pk, due_at=mail.due_at).update(due_at=following):
            continue
        if not (mail.person.is_active and mail.person.email and mail.person.has_perm(MAY_SEE)):
            continue
        try:
            message(mail, now).send()
        except Invalid as error:
            _note(mail, error=f"This view cannot be shown any more: {error}")
        except (OSError, SMTPException) as error:
            logger.warning("A Monday mail was not sent: %s", type(error).__name__)
            late = now - (following - timedelta(days=7)) > GIVEN_UP
            _note(mail, error=str(error), **({} if late else {"due_at": now + AGAIN}))
        else:
            _note(mail, sent_at=now)
            sent += 1
    return sent


def _note(mail: MondayMail, error: str = "", **values: Any) -> None:
    MondayMail.objects.filter(pk=mail.pk).update(error=error[:300], **values)


def message(mail: MondayMail, now: datetime) -> EmailMultiAlternatives:
    """The mail, in text and HTML. Raises Invalid for a view whose filters mean nothing any more."""
    context = _context(mail.view, now) | {"zone": mail.zone}
    subject = f"{mail.view.name}: {context['range']}"
    letter = EmailMultiAlternatives(
        " ".join(subject.split()), render_to_string("stats/mail.txt", context), to=[mail.person.email]
    )
    letter.attach_alternative(render_to_string("stats/mail.html", context), "text/html")
    return letter


def _context(view: SavedView, now: datetime) -> dict[str, Any]:
    filters = parse(_given(view), now, DEFAULT_RANGE)
    compared = breakdowns.compared(filters, FAILED)
    none = figures.Figures()
    changes = figures.changes(compared.now, compared.before or none)
    rows = []
    for name in (*NAMES, *figures.RATE):
        rate = name in figures.RATE
        change = changes[name] if compared.before is not None else figures.Change(changes[name].now, None)
        value = formatting.percent(change.now) if rate else formatting.count(change.now)
        rows.append(
            (LABELS[name], value, formatting.change(change, rate=rate), formatting.before(change, rate=rate))
        )
    return {
        "view": view,
        "url": f"{settings.PUBLIC_BASE_URL}{reverse('stats:view', args=[view.pk])}",
        "mine": f"{settings.PUBLIC_BASE_URL}{reverse('account')}",
        "range": formatting.time_range(filters.start, filters.end, filters),
        "range_zone": filters.zone.key,
        "figures": rows,
    } | _list(view, filters)


def _given(view: SavedView) -> dict[str, str]:
    given = QueryDict(view.query).dict() | (
        {"traffic": "conversations"} if view.page == "conversations" else {}
    )
    return {name: str(value) for name, value in given.items()}


def _list(view: SavedView, filters: Filters) -> dict[str, Any]:
    """The first rows of a view that is a list."""
    if view.page == "errors":
        codes = error_codes.codes(filters)[:ROWS]
        rows = [
            [f"{row['code']} {row['title']}", row["bsp_code"], formatting.count(row["count"]), row["advice"]]
            for row in contents.error_codes(codes).rows
        ]
        return {"heads": ["Error", "BSP’s code", "Count", "What to do"], "rows": rows}
    if (dimension := _LISTS.get(view.page)) is None:
        return {}
    order = QueryDict(view.query).get("order") or "-accepted"
    found = breakdowns.groups(filters, dimension, order=order, limit=ROWS)
    rows = [
        [
            group.campaign_name or str(row[dimension]),
            *(
                formatting.percent(row[name]) if name in figures.RATE else formatting.count(row[name])
                for name in _COLUMNS
            ),
        ]
        for group, row in zip(found, contents.groups(dimension, found).rows, strict=True)
    ]
    return {"heads": [dimension.capitalize(), *(LABELS[name] for name in _COLUMNS)], "rows": rows}
