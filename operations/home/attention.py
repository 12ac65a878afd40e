"""What needs attention: the open incidents, worst first, and whether anybody looks at all."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Case, F, Max, When
from django.utils.safestring import SafeString

from lib import display, phone_masking
from lib.admin import badge, page_url
from operations.incidents.wording import TONES, state_words, title_of
from operations.kinds import KINDS, Step
from operations.models import Incident, Sign

UNWATCHED = timedelta(minutes=1)
SHOWN = 50


class Row(NamedTuple):
    """One incident, as the page shows it. Texts have their numbers hidden from those who may not see them."""

    title: SafeString
    url: str
    subject: str
    text: str
    lasts: str
    messages: str
    behind: str
    step: Step | None
    state: str


class Attention(NamedTuple):
    rows: list[Row]
    more: int  # open incidents that have no row
    severity: int  # the worst; 0 when all is well


def attention(now: datetime) -> Attention:
    """Silenced incidents come last, whatever their severity."""
    quiet = Case(When(silenced_until__gt=now, then=1), default=0)
    incidents = (
        Incident.objects.filter(ended_at=None)
        .annotate(quiet=quiet)
        .select_related("acknowledged_by", "provider")
    )
    incidents = incidents.order_by("quiet", F("severity").desc(), "began_at", "pk")
    found = list(incidents[: SHOWN + 1])
    rows = [row(incident, now) for incident in found[:SHOWN]]
    worst = max((incident.severity for incident in found), default=0)
    if unwatched := _unwatched(now):
        rows, worst = [unwatched, *rows], Incident.Severity.CRITICAL
    more = Incident.objects.filter(ended_at=None).count() - SHOWN if len(found) > SHOWN else 0
    return Attention(rows, more, worst)


def row(incident: Incident, now: datetime) -> Row:
    kind = KINDS.get(incident.kind)
    behind = kind.behind(incident) if kind else ""
    state = state_words(incident)
    return Row(
        badge(title_of(incident), TONES[incident.severity]),
        page_url("operations_incident", incident.pk),
        phone_masking.text(incident.subject),
        phone_masking.text(incident.text),
        display.length(now - incident.began_at),
        _counted(incident.messages, behind),
        behind,
        kind.step(incident) if kind else None,
        "" if state == "Open" else state,
    )


def _counted(number: int, behind: str) -> str:
    """Without a list of messages behind the number, it may also count calls."""
    if not number:
        return ""
    if behind:
        return display.counted(number, "message")
    return "1 message or call" if number == 1 else f"{number:,} messages or calls"


def _unwatched(now: datetime) -> Row | None:
    """The page's own check: without a worker nothing below is current, and no incident would say so."""
    last = Sign.objects.filter(what=Sign.What.WORKER).aggregate(last=Max("seen_at"))["last"]
    if last is not None and now - last < UNWATCHED:
        return None
    text = "No worker is running. Nothing is sent, and incidents are not looked for."
    if last is not None:
        text = (
            f"No worker gave a sign of life for {display.length(now - last)}. The figures below "
            "date from then."
        )
    return Row(
        badge("No worker", TONES[Incident.Severity.CRITICAL]),
        "",
        "worker",
        text,
        display.length(now - last) if last else "",
        "",
        "",
        Step("Start a worker, and beat where there is a broker; the log says why the last one ended", ""),
        "",
    )
