"""The parts of the stats benchmark that run inside the gateway's own process; see bench.inside."""

import random
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import islice

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from bench import stats_rows
from bench.stats_rows import BLASTS, PROVIDERS, STEADY, TEMPLATES
from campaigns import recount
from campaigns.models import Event
from campaigns.stat_models import StatCount, StatDetail, StatPoint
from campaigns.stats import behind, queries, series
from campaigns.stats.filters import Filters, parse
from providers.models import Provider


def load(count: str) -> dict:
    began = time.monotonic()
    stats_rows.load(int(count))
    took = time.monotonic() - began
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        size = cursor.fetchone()[0]
    rows = {"events": Event, "points": StatPoint, "details": StatDetail, "pending": StatCount}
    return {name: model.objects.count() for name, model in rows.items()} | {
        "seconds": took,
        "gigabytes": size / 1e9,
    }


def agree() -> dict:
    """Whether the loaded counts are those of the loaded rows."""
    began = time.monotonic()
    problems = [*islice(recount.disagreements(), 3), *islice(recount.uneven_rollups(), 3)]
    assert not problems, problems
    return {"seconds": time.monotonic() - began}


# What pages ask


def measure(times: str) -> dict:
    """Milliseconds of the queries of each page, and of each message list, under filters drawn by lot."""
    chance = random.Random(4)
    pages = {name: _timed(partial(page, chance), int(times)) for name, page in PAGES.items()}
    lists = {
        figure: _timed(partial(_list, chance, figure), max(int(times) // 2, 1)) for figure in behind.FIGURES
    }
    return {"pages": pages, "lists": lists, "log": _log()}


def _timed(work: Callable[[], object], times: int) -> dict[str, float]:
    work()  # the first reads from disk what is in memory afterwards
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    return {"p50": taken[len(taken) // 2], "p95": taken[int(len(taken) * 0.95)], "max": taken[-1]}


ZONES = ["UTC", "Asia/Kolkata", "America/New_York", "Asia/Kathmandu"]
RANGES = ["today", "yesterday", "24h", "7d", "30d", "90d", "all"]


def _asked(chance: random.Random, **parameters: str) -> Filters:
    return parse({"tz": chance.choice(ZONES), "range": chance.choice(RANGES)} | parameters, timezone.now())


def _campaign(chance: random.Random) -> str:
    return str(1767225600 + chance.randrange(BLASTS + STEADY) * 61)


def _template(chance: random.Random) -> str:
    return f"template_{chance.randrange(TEMPLATES)}"


def _provider(chance: random.Random) -> str:
    return f"bench-{chance.randrange(PROVIDERS)}"


def _head(filters: Filters) -> None:
    queries.totals(filters)
    if previous := filters.previous():
        queries.totals(previous)
    series.trend(filters)


def _overview(chance: random.Random) -> None:
    filters = _asked(chance)
    _head(filters)
    queries.groups(filters, "provider")
    queries.groups(filters, "campaign", limit=10)
    queries.groups(filters, "template", limit=10)
    queries.errors(filters)
    queries.times(filters)


def _campaigns(chance: random.Random) -> None:
    queries.groups(_asked(chance), "campaign", order=chance.choice(["-accepted", "-error_rate"]), limit=51)


def _one(chance: random.Random, **parameters: str) -> None:
    filters = _asked(chance, **parameters)
    _head(filters)
    queries.errors(filters)
    queries.times(filters)
    queries.urls(filters)


def _one_campaign(chance: random.Random) -> None:
    campaign = _campaign(chance)
    _one(chance, campaign=campaign)
    queries.groups(_asked(chance, campaign=campaign), "variant")


def _one_template(chance: random.Random) -> None:
    template = _template(chance)
    _one(chance, template=template)
    queries.groups(_asked(chance, template=template), "campaign", limit=10)


def _one_provider(chance: random.Random) -> None:
    provider = _provider(chance)
    _one(chance, provider=provider)
    queries.groups(_asked(chance, provider=provider), "template", limit=10)


def _errors(chance: random.Random) -> None:
    filters = _asked(chance, **chance.choice([{}, {"provider": _provider(chance)}]))
    queries.errors(filters)
    queries.groups(filters, "template", order="-error_rate", limit=10)
    series.trend(filters)


PAGES: dict[str, Callable[[random.Random], None]] = {
    "overview": _overview,
    "campaign list": _campaigns,
    "a campaign": _one_campaign,
    "a template": _one_template,
    "a provider": _one_provider,
    "errors": _errors,
}


def _list(chance: random.Random, figure: str) -> None:
    some = {
        "campaign": _campaign(chance), "template": _template(chance), "provider": _provider(chance),
        "traffic": "conversations",
    }  # fmt: skip
    names = chance.choice(
        [(), ("campaign",), ("template",), ("provider",), ("provider", "template"), ("traffic",)]
    )
    filters = _asked(chance, **{name: some[name] for name in names})
    code = chance.choice([None, 1001, 1010]) if figure in ("not_sent", "undelivered") else None
    behind.page(filters, figure, code=code)


def _log() -> dict[str, dict[str, float]]:
    """The message log in the admin, page and all, under each of its filters."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_superuser("bench"))
    provider = Provider.objects.get(nickname="bench-3").pk
    day = (timezone.now() - timedelta(days=40)).date()
    filters = {
        "nothing": "",
        "a status": "status=60",
        "a rare status": "status=40",
        "no message has it": "status=20",
        "a provider": f"provider={provider}",
        "an error code": "error=1005",
        "freeform": "kind=0",
        "tests": "test=yes",
        "a day": f"accepted_at_from_0={day}&accepted_at_to_0={day}",
        "a provider, an error, a day": f"provider={provider}&error=1010&accepted_at_from_0={day}",
        "the beginning of a number": "q=%2B91981234",
        "a msgId": "q=4711%7C",
    }

    def open_(query: str) -> None:
        response = client.get(f"/admin/campaigns/message/?{query}")
        assert response.status_code == 200, query

    return {name: _timed(partial(open_, query), 5) for name, query in filters.items()}


COMMANDS = {"load_stats": load, "agree": agree, "measure_stats": measure}
