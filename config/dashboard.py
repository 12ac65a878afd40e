"""The admin's first page: what is waiting, what is in trouble, each number a link to its rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from callbacks.models import Outlet, Reply, Webhook
from campaigns import counts
from campaigns.models import Event, Forward, Message, Status
from campaigns.stats import queries
from campaigns.stats.filters import parse
from lib import pretty
from lib.admin import CAP, Tone, capped, list_url
from providers.models import Provider
from templates_app import importer

State = Webhook.State
# Rows to count, and the filters of the list that shows them.
Counted = tuple[QuerySet[Any], dict[str, int | str]]


@dataclass(frozen=True, slots=True)
class Card:
    title: str
    text: str
    number: str
    url: str
    tone: Tone = ""


def index(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    return context | {"cards": list(_cards(request))}


def _cards(request: HttpRequest) -> Iterator[Card]:
    if request.user.has_perm("campaigns.view_message"):
        yield Card("Accepted", "since midnight", f"{_accepted_today():,}", list_url("campaigns_message"))
    for title, text, model, (rows, filters), trouble in _counted():
        app, _, name = model.rpartition("_")
        if request.user.has_perm(f"{app}.view_{name}"):
            count = rows.order_by().values("pk")[: CAP + 1].count()
            yield Card(title, text, capped(count), list_url(model, **filters), trouble if count else "")
    yield from _failing_imports(request)
    yield from _counts_behind(request)


def _counted() -> Iterator[tuple[str, str, str, Counted, Tone]]:
    """Title, text, the list that shows it, the rows, how bad any of them is."""
    yield "Queued", "waiting to be sent", "campaigns_message", _messages(Status.QUEUED), ""
    yield "Unknown", "sent, never answered", "campaigns_message", _messages(Status.UNKNOWN), "warning"
    paused: Counted = Provider.objects.filter(state=Provider.State.PAUSED), {"state": "paused"}
    yield "Paused", "providers that send nothing", "providers_provider", paused, "danger"
    held: Counted = Provider.objects.filter(hold_until__gt=timezone.now()), {"state": "held"}
    yield "Held", "providers whose BSP asked for a break", "providers_provider", held, "warning"
    failing: Counted = Outlet.objects.filter(failures__gt=0), {}
    yield "Failing", "CleverTap URLs that do not answer", "callbacks_outlet", failing, "danger"
    yield "Parked reports", "not taken by CleverTap", "campaigns_event", _parked(Event), "danger"
    yield "Parked inbound", "messages not taken by CleverTap", "callbacks_reply", _parked(Reply), "danger"
    yield (
        "Quarantined",
        "webhooks nobody could read",
        "callbacks_webhook",
        _webhooks(State.QUARANTINED),
        "warning",
    )
    yield (
        "Unmatched",
        "webhooks on unknown messages",
        "callbacks_webhook",
        _webhooks(State.UNMATCHED),
        "warning",
    )


def _failing_imports(request: HttpRequest) -> Iterator[Card]:
    """Nothing while all is well: an alarm that always stands there is none."""
    if request.user.has_perm("templates_app.view_importrun") and (alarms := importer.alarms()):
        filters = {"provider": next(iter(alarms))} if len(alarms) == 1 else {"state": "failed"}
        text = "providers whose last five template imports failed"
        url = list_url("templates_app_importrun", **filters)
        yield Card("Failing imports", text, str(len(alarms)), url, "danger")


def _counts_behind(request: HttpRequest) -> Iterator[Card]:
    if request.user.has_perm("campaigns.view_stats") and (late := counts.behind()):
        text = "since counts were last folded: stats are right, but slow. Is a worker running?"
        yield Card("Stats", text, pretty.length(late), reverse("stats:overview"), "warning")


def _messages(status: Status) -> Counted:
    return Message.objects.filter(status=status), {"status": status.value}


def _webhooks(state: Webhook.State) -> Counted:
    # SQLite takes the index on troubled webhooks only for a query with its very words.
    rows = Webhook.objects.filter(state=state).extra(where=["callbacks_webhook.state IN (3, 4)"])
    return rows, {"state": state.value}


def _parked(model: type[Event] | type[Reply]) -> Counted:
    # The indexes on what is parked begin with the provider.
    mine = model._default_manager.filter(provider__in=list(Provider.objects.values_list("pk", flat=True)))
    return mine.filter(forward=Forward.PARKED), {"forward": Forward.PARKED.value}


def _accepted_today() -> int:
    return queries.totals(parse({"range": "today"}, timezone.now())).accepted
