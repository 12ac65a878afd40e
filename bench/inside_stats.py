"""The parts of the stats benchmark that run inside the gateway's own process; see bench.inside."""

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.db.models import Count, Q, QuerySet
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bench import stats_rows
from bench.stats_rows import BLASTS, PROVIDERS, STEADY, TEMPLATES
from campaigns import recount
from campaigns.models import Event, Message, Refusal
from campaigns.stat_models import StatCount, StatDetail, StatPoint
from campaigns.stats import behind
from campaigns.stats.figures import NAMES, RATES
from providers.models import Provider

PATIENCE = "20s"  # with the baselines


def load(count: str) -> dict:
    """Unless it is done already, in a database that is kept."""
    began = time.monotonic()
    if not Message.objects.exists():
        stats_rows.load(int(count))
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('bench_fate')")
        assert cursor.fetchone() == (None,), "Loading broke off: drop this database."
    return {"seconds": time.monotonic() - began}


def about() -> dict:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        size = cursor.fetchone()[0]
    rows = {"events": Event, "points": StatPoint, "details": StatDetail, "pending": StatCount}
    found = {name: model.objects.count() for name, model in rows.items()}
    return found | {"gigabytes": size / 1e9, "rows_of_counts": found["points"] + found["details"]}


def agree() -> dict:
    """Whether the loaded counts are those of the loaded rows."""
    began = time.monotonic()
    problems = [*islice(recount.disagreements(), 3), *islice(recount.uneven_rollups(), 3)]
    assert not problems, problems
    return {"seconds": time.monotonic() - began}


class Asked:
    """The queries of a stretch of work: how long they took together, what they read, how many they were."""

    def __init__(self, plans: bool) -> None:
        self.milliseconds, self.blocks, self.count, self.plans = 0.0, 0, 0, plans

    def __call__(self, execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if self.plans and sql.lstrip().startswith(("SELECT", "WITH")):
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", parameters)
                (found,) = cursor.fetchone()
            (plan,) = json.loads(found) if isinstance(found, str) else found
            self.blocks += plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
        began = time.perf_counter()
        try:
            return execute(sql, parameters, many, context)
        finally:
            self.milliseconds += (time.perf_counter() - began) * 1000
            self.count += 1


@contextmanager
def asked(plans: bool = False) -> Iterator[Asked]:
    found = Asked(plans)
    with connection.execute_wrapper(found):
        yield found


def _timed(works: list[Callable[[], object]]) -> dict[str, float]:
    """Milliseconds of all of them: of their queries, and of the whole; and what some of them read at most."""
    queries, whole, blocks = [], [], []
    works[0]()  # reads from disk what is in memory afterwards
    for work in works:
        with asked() as it:
            began = time.perf_counter()
            work()
            whole.append((time.perf_counter() - began) * 1000)
        queries.append(it.milliseconds)
    for work in works[:: max(len(works) // 2, 1)]:
        with asked(plans=True) as it:
            work()
        blocks.append(it.blocks)
    return {
        "p50": _share(queries, 0.5),
        "p95": _share(queries, 0.95),
        "whole_p50": _share(whole, 0.5),
        "whole_p95": _share(whole, 0.95),
        "blocks": max(blocks),
    }


def _share(values: list[float], share: float) -> float:
    return sorted(values)[int((len(values) - 1) * share + 0.5)]


# The pages


def measure(times: str) -> dict:
    """What is asked for each page, each list behind a figure, and the message log, by many filters."""
    client, chance = _client(), random.Random(4)
    pages = {
        name: _timed(
            [_opened(client, reverse(f"stats:{page}"), each) for each in _asks(chance, more, int(times))]
        )
        for name, (page, more) in PAGES.items()
    }
    lists = {
        figure: _timed([_opened(client, reverse("stats:messages"), each) for each in _lists(chance, figure)])
        for figure in behind.FIGURES
    }
    return {"pages": pages, "lists": lists, "log": _log(client)}


def _client() -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get_or_create(username="bench", is_superuser=True, is_staff=True)[0])
    return client


def _opened(client: Client, path: str, query: dict[str, str]) -> Callable[[], None]:
    def open_() -> None:
        response = client.get(path, query)
        assert response.status_code == 200, (path, query, response.status_code)

    return open_


ZONES = ["UTC", "Asia/Kolkata", "America/New_York", "Asia/Kathmandu"]
RANGES = ["today", "yesterday", "24h", "7d", "30d", "90d", "all"]
Chance = random.Random
More = Callable[[Chance], dict[str, str]]


def _asks(chance: Chance, more: More, times: int) -> list[dict[str, str]]:
    """Every range in turn, one from and to among them, in zones drawn by lot."""
    found = []
    for n in range(times):
        given = {"tz": chance.choice(ZONES)} | more(chance)
        if n % (len(RANGES) + 1) < len(RANGES):
            given["range"] = RANGES[n % (len(RANGES) + 1)]
        else:
            end = timezone.now() - timedelta(days=chance.randrange(1, 40), minutes=chance.randrange(1440))
            begin = end - timedelta(days=chance.randrange(1, 40), minutes=chance.randrange(1440))
            given |= {
                "from": f"{begin:%Y-%m-%dT%H:%M}",
                "to": f"{end:%Y-%m-%dT%H:%M}",
                "tz": "Asia/Kathmandu",
            }
        if given.pop("finely", ""):
            given["by"] = {"today": "minute", "24h": "minute", "30d": "hour"}.get(
                given.get("range", ""), "day"
            )
        found.append(given)
    return found


def _ordered(chance: Chance) -> dict[str, str]:
    return {"order": chance.choice(["", "-"]) + chance.choice([*NAMES, *(rate.name for rate in RATES)])}


def _provider(chance: Chance) -> str:
    return f"bench-{chance.randrange(PROVIDERS)}"


def _code(number: int) -> str:
    return str(1767225600 + number * 61)


PAGES: dict[str, tuple[str, More]] = {
    "overview": ("overview", lambda _: {}),
    "overview, the trend by minute, hour or day": ("overview", lambda _: {"finely": "yes"}),
    "overview, of a provider and a template": (
        "overview",
        lambda chance: {"provider": "bench-3", "template": f"template_{chance.randrange(40) * 5 + 3}"},
    ),
    "campaigns, by any figure or rate": ("campaigns", _ordered),
    "a campaign of forty minutes": (
        "campaign",
        lambda chance: {"campaign": _code(chance.randrange(BLASTS))},
    ),
    "a campaign of three months": (
        "campaign",
        lambda chance: {"campaign": _code(BLASTS + chance.randrange(STEADY))},
    ),
    "templates, by any figure or rate": ("templates", _ordered),
    "a template": ("template", lambda chance: {"template": f"template_{chance.randrange(TEMPLATES)}"}),
    "providers": ("providers", _ordered),
    "a provider": ("provider", lambda chance: {"provider": _provider(chance)}),
    "errors": ("errors", lambda chance: chance.choice([{}, {"provider": _provider(chance)}])),
    "conversations": ("conversations", lambda _: {}),
}


def _lists(chance: Chance, figure: str) -> list[dict[str, str]]:
    """Unfiltered, and by each filter."""
    some = {
        "campaign": _code(chance.randrange(BLASTS + STEADY)),
        "template": f"template_{chance.randrange(TEMPLATES)}",
        "provider": _provider(chance),
        "traffic": "conversations",
    }
    sets = [{}, *({name: value} for name, value in some.items())]
    sets.append({"provider": some["provider"], "template": some["template"]})
    code = [{}, {"code": "1001"}, {"code": "1010"}] if figure in ("not_sent", "undelivered") else [{}]
    return [
        each
        | {"figure": figure, "range": chance.choice(RANGES), "tz": chance.choice(ZONES)}
        | chance.choice(code)
        for each in sets
    ]


# The message log


def _log_filters() -> dict[str, str]:
    day = (timezone.now() - timedelta(days=40)).date()
    busy, quiet = (Provider.objects.get(nickname=f"bench-{number}").pk for number in (3, PROVIDERS))
    within = {"accepted_at_from_0": day, "accepted_at_to_0": day}
    return {
        name: urlencode(query)
        for name, query in {
            "nothing": {},
            "a status that many have": {"status": 70},
            "a status that some have, the oldest among them": {"status": 40},
            "a status that none has": {"status": 20},
            "a provider": {"provider": busy},
            "a provider long out of use": {"provider": quiet},
            "an error code": {"error": 1005},
            "an error code that none has": {"error": 1003},
            "freeform": {"kind": 0},
            "tests, all of them old": {"test": "yes"},
            "a day": within,
            "a provider and a status": {"provider": busy, "status": 60},
            "a provider, freeform, failed": {"provider": busy, "kind": 0, "status": 60},
            "freeform tests: there are none": {"kind": 0, "test": "yes"},
            "a provider, an error, a day": {"provider": busy, "error": 1010} | within,
            "the whole of a number": {"q": "+919812345678"},
            "the beginning of a number": {"q": "+91981234"},
            "the beginning of every number, failed": {"q": "+9198", "status": 60},
            "the beginning of old numbers": {"q": "+1415"},
            "the beginning of a msgId": {"q": "4711|"},
            "a beginning of many msgIds, and a provider": {"q": "47", "provider": busy},
        }.items()
    }


def _log(client: Client) -> dict[str, dict[str, float]]:
    """The admin's page under each filter, and further pages of it."""

    def open_(query: str) -> None:
        response = client.get(f"/admin/campaigns/message/?{query}")
        assert response.status_code == 200, query

    return {
        name: _timed([partial(open_, query), partial(open_, f"{query}&p=7")])
        for name, query in _log_filters().items()
    }


# What they are compared with


def compare() -> dict:
    """The same figures from the messages and reports themselves, as one would write it with the ORM."""
    client, now = _client(), timezone.now()
    since = (now - timedelta(days=29)).replace(hour=0, minute=0, second=0, microsecond=0)
    code = _code(BLASTS + 7)
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
        name: {"plain": _plainly(plain), "ours": _timed([_opened(client, *page)] * 5)["p50"]}
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


COMMANDS = {
    "load_stats": load,
    "about_stats": about,
    "agree": agree,
    "measure_stats": measure,
    "compare_stats": compare,
}
