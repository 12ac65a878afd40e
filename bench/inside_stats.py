"""The parts of the stats benchmark that run inside the gateway's own process; see bench.inside."""

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bench import stats_rows
from bench.stats_rows import BLASTS, PROVIDERS, STEADY, TEMPLATES
from campaigns.models import Event, Message, StatCount, StatDetail, StatPoint
from operations.metrics import collector
from providers.models import Provider
from stats.query import messages_behind, recount
from stats.query.figures import NAMES, RATES


def load(count: str) -> dict:
    """Loads the rows, unless a kept database has them already."""
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
    """The queries of some work: how long they took together, what they read, how many there were."""

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


def timed(works: list[Callable[[], object]]) -> dict[str, float]:
    """Milliseconds that the works took: their queries, and the whole. For half of them, also the most that
    one of them read, in blocks."""
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
    """The queries of each page, each list behind a figure, and the message log, by many filters."""
    client, chance = client_of_admin(), random.Random(4)
    pages = {
        name: timed(
            [opened(client, reverse(f"stats:{page}"), each) for each in _asks(chance, more, int(times))]
        )
        for name, (page, more) in PAGES.items()
    }
    pages["/metrics"] = timed([collector.text] * int(times))
    lists = {
        figure: timed([opened(client, reverse("stats:messages"), each) for each in _lists(chance, figure)])
        for figure in messages_behind.FIGURES
    }
    return {"pages": pages, "lists": lists, "log": _log(client)}


def client_of_admin() -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get_or_create(username="bench", is_superuser=True, is_staff=True)[0])
    return client


def opened(client: Client, path: str, query: dict[str, str]) -> Callable[[], None]:
    def open_() -> None:
        response = client.get(path, query)
        assert response.status_code == 200, (path, query, response.status_code)

    return open_


ZONES = ["UTC", "Asia/Kolkata", "America/New_York", "Asia/Kathmandu"]
RANGES = ["today", "yesterday", "24h", "7d", "30d", "90d", "all"]
Chance = random.Random
More = Callable[[Chance], dict[str, str]]


def _asks(chance: Chance, more: More, times: int) -> list[dict[str, str]]:
    """Every range in turn, one of them by dates, in random time zones."""
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


def campaign_code(number: int) -> str:
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
        lambda chance: {"campaign": campaign_code(chance.randrange(BLASTS))},
    ),
    "a campaign of three months": (
        "campaign",
        lambda chance: {"campaign": campaign_code(BLASTS + chance.randrange(STEADY))},
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
        "campaign": campaign_code(chance.randrange(BLASTS + STEADY)),
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
        name: timed([partial(open_, query), partial(open_, f"{query}&p=7")])
        for name, query in _log_filters().items()
    }


COMMANDS = {
    "load_stats": load,
    "about_stats": about,
    "agree": agree,
    "measure_stats": measure,
}
