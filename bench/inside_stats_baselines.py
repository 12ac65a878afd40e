"""What the figures are compared with: the same, from the messages and reports themselves."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, connection
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from bench.inside_stats import asked, campaign_code, client_of_admin, opened, timed
from bench.stats_rows import BLASTS, PROVIDERS
from campaigns.models import Event, Message, Refusal
from providers.models import Provider

PATIENCE = "20s"  # until a baseline is stopped


def compare() -> dict:
    """The same figures from the messages and reports themselves, as one would write it with the ORM."""
    client, now = client_of_admin(), timezone.now()
    since = (now - timedelta(days=29)).replace(hour=0, minute=0, second=0, microsecond=0)
    code = campaign_code(BLASTS + 7)
    quiet = Provider.objects.get(nickname=f"bench-{PROVIDERS}").pk
    everything = Message.objects.filter(untracked=False)
    stats = {
        "overview, 30 days": (
            (reverse("stats:overview"), {"range": "30d", "tz": "UTC"}),
            lambda: _figures(everything, Q(), since) + _tops(since),
        ),
        "a campaign, 30 days": (
            (reverse("stats:campaign"), {"range": "30d", "tz": "UTC", "campaign": code}),
            lambda: _figures(everything.filter(campaign=code), Q(message__campaign=code), since),
        ),
        "the log, a status that none has": (
            ("/admin/campaigns/message/", {"status": "20"}),
            lambda: _page(Message.objects.filter(status=20)),
        ),
        "the log, a provider long out of use": (
            ("/admin/campaigns/message/", {"provider": str(quiet)}),
            lambda: _page(Message.objects.filter(provider=quiet)),
        ),
        "the log, a provider, freeform, failed": (
            ("/admin/campaigns/message/", {"provider": str(quiet - 2), "kind": "0", "status": "60"}),
            lambda: _page(Message.objects.filter(provider=quiet - 2, kind=0, status=60)),
        ),
    }
    return {
        name: {"plain": _plainly(plain), "ours": timed([opened(client, *page)] * 5)["p50"]}
        for name, (page, plain) in stats.items()
    }


def _plainly(work: Callable[[], object]) -> float:
    """Milliseconds, at most the PATIENCE."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = '{PATIENCE}'")
    try:
        for _ in range(2):
            with asked() as it:
                try:
                    work()
                except OperationalError:
                    return it.milliseconds
        return it.milliseconds
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")


def _figures(messages: QuerySet[Message], of: Q, since: datetime) -> list[Any]:
    """Figures with the range before, codes, clicks by URL, and the trend by day."""
    found: list[Any] = []
    for begin, end in ((since, None), (since - timedelta(days=30), since)):
        within = Q(at__gte=begin) & (Q(at__lt=end) if end else Q())
        events = Event.objects.filter(of, within)
        accepted = messages.filter(accepted_at__gte=begin, **({"accepted_at__lt": end} if end else {}))
        found += [accepted.count(), list(events.values("kind", "not_sent").annotate(n=Count("id")))]
        found += [events.filter(kind=Event.Kind.CLICKED).aggregate(n=Count("message", distinct=True))]
        found += [list(events.filter(kind=Event.Kind.FAILED).values("code").annotate(n=Count("id")))]
        found += [Refusal.objects.filter(received_at__gte=begin).count()]
    events = Event.objects.filter(of, at__gte=since)
    found += [list(events.filter(kind=Event.Kind.CLICKED).values("url").annotate(n=Count("id")))]
    found += [list(events.values("at__date", "kind").annotate(n=Count("id")))]
    found += [
        list(messages.filter(accepted_at__gte=since).values("accepted_at__date").annotate(n=Count("id")))
    ]
    return found


def _tops(since: datetime) -> list[Any]:
    """The lists of the overview: by provider, campaign and template."""
    found = []
    for name in ("provider", "campaign", "template"):
        accepted = Message.objects.filter(accepted_at__gte=since).values(name).annotate(n=Count("id"))
        events = (
            Event.objects.filter(at__gte=since).values(f"message__{name}", "kind").annotate(n=Count("id"))
        )
        found += [list(accepted.order_by("-n")[:10]), list(events)]
    return found


def _page(messages: QuerySet[Message]) -> list[Any]:
    """What Django's list asks: how many there are, and the newest."""
    return [messages.count(), list(messages.order_by("-id")[:50])]


COMMANDS = {"compare_stats": compare}
