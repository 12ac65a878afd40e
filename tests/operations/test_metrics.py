"""What Prometheus gets, who may ask, and that the dashboard and the alert rules use existing metrics."""

import asyncio
import json
import re
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import requests
import yaml
from django.conf import settings as conf
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from callbacks.models import Outlet
from campaigns.counting import deltas
from campaigns.models import StatCount
from lib import timings
from operations import signs
from operations.incidents.look import look
from operations.kinds import KINDS
from operations.metrics import collector, reporting
from operations.models import Process, Sign
from providers import refused_calls
from providers.models import CallCount, Provider
from tests.factories import MessageFactory, make_provider
from tests.operations.conftest import Way
from tests.operations.situations import SITUATIONS

pytestmark = pytest.mark.django_db
DEPLOY = Path(conf.BASE_DIR) / "deploy"
TOKEN = "a-token-of-prometheus"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def shop(db: None) -> Provider:
    return make_provider(nickname="Shop")


@pytest.fixture
def client(settings: Any) -> Client:
    settings.METRICS_TOKEN = TOKEN
    return Client(SERVER_NAME="10.1.2.3")


def counted(provider: Provider, metric: str, count: int, code: int = 0) -> None:
    minute = timezone.now().replace(second=0, microsecond=0)
    metric_ = StatCount.Metric[metric]
    StatCount.objects.create(provider=provider, minute=minute, metric=metric_, count=count, code=code)


def samples() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = collector.text().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(name: str, **labels: str) -> float:
    return samples()[f"waypost_{name}", frozenset(labels.items())]


def test_counters_come_from_the_counts_folded_or_not(shop: Provider) -> None:
    counted(shop, "ACCEPTED", 5)
    deltas.squash()
    counted(shop, "ACCEPTED", 2)
    counted(shop, "UNDELIVERED", 1)
    assert value("accepted_total", provider="Shop") == 7
    assert value("reported_total", provider="Shop", figure="undelivered") == 1


def test_how_long_messages_took(shop: Provider) -> None:
    counted(shop, "TIME_TO_DELIVERED", 3, code=2)  # two to three seconds
    counted(shop, "TIME_TO_DELIVERED", 1, code=4)
    assert value("seconds_from_accepted_bucket", until="delivered", le="2.0") == 0
    assert value("seconds_from_accepted_bucket", until="delivered", le="3.0") == 3
    assert value("seconds_from_accepted_bucket", until="delivered", le="+Inf") == 4


def test_histograms_are_those_of_all_processes(shop: Provider) -> None:
    """Each process adds what it timed, and each scrape reads the sum, whichever process answers it."""
    for took in ([0.003, 0.2], [0.2, 90_000.0]):  # two processes, or two reports of one
        timings.note(timings.What.ANSWER, shop.pk, took)
        timings.note(timings.What.FORWARD, shop.pk, [-0.5])
        reporting.flush()
    assert value("answer_seconds_bucket", provider="Shop", le="0.005") == 1
    assert value("answer_seconds_bucket", provider="Shop", le="0.25") == 3
    assert value("answer_seconds_bucket", provider="Shop", le="+Inf") == 4
    assert value("answer_seconds_count", provider="Shop") == 4
    assert value("answer_seconds_sum", provider="Shop") == pytest.approx(90_000.403)
    assert value("forward_seconds_bucket", provider="Shop", le="0.005") == 2, "two clocks may differ"
    assert value("forwarded_total", provider="Shop") == 2


def test_what_the_database_did_not_take_is_added_later(shop: Provider, monkeypatch: Any) -> None:
    timings.note(timings.What.ANSWER, shop.pk, [0.2])
    with monkeypatch.context() as broken:
        broken.setattr(reporting.sql, "insert", Mock(side_effect=OperationalError))
        with pytest.raises(OperationalError):
            reporting.flush()
    timings.note(timings.What.ANSWER, shop.pk + 1, [0.2])  # of a provider that was deleted meanwhile
    reporting.flush()
    assert value("answer_seconds_count", provider="Shop") == 1
    assert timings.take() == {}


@pytest.mark.django_db(transaction=True)
def test_a_process_tells_its_lag_and_its_pool(shop: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, let_go = asyncio.new_event_loop(), threading.Event()
    thread = threading.Thread(target=loop.run_forever)
    reporter = reporting.Reporter("web", loop)
    thread.start()
    try:
        loop.call_soon_threadsafe(let_go.wait)
        with monkeypatch.context() as patch:
            patch.setattr(reporting, "EVERY", 0.2)
            assert reporting.lag(loop) > 0.1
    finally:
        let_go.set()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
    reporter.report()
    assert (value("pool_most") > 0) == (connection.vendor == "postgresql")
    assert value("pool_waiting") == 0
    Process.objects.update(loop_lag=0.7)
    Process.objects.create(name="another", seen_at=timezone.now(), loop_lag=0.3)
    Process.objects.create(name="killed", seen_at=timezone.now() - timedelta(hours=1), loop_lag=900)
    assert value("event_loop_lag_seconds") == 0.7, "the worst of those that live"
    reporting.forget(timezone.now())
    assert Process.objects.count() == 2
    reporter.start()
    reporter.end()
    assert Process.objects.get().name == "another", "one that ends in order takes its row away"


def test_a_message_is_timed_on_its_way(way: Way) -> None:
    """From CleverTap's request to the answer, to the BSP's answer, and from the webhook on to CleverTap."""
    way()
    reporting.flush()
    assert value("answer_seconds_count", provider="Way") == 1
    assert value("submit_seconds_count", provider="Way") == 1
    assert value("forward_seconds_bucket", provider="Way", le="60.0") == 0
    assert value("forward_seconds_bucket", provider="Way", le="300.0") == 1


def test_gauges_come_from_rows(shop: Provider) -> None:
    now = timezone.now()
    MessageFactory(provider=shop, next_attempt_at=now - timedelta(minutes=2))
    signs.give(Sign.What.WORKER, now - timedelta(seconds=30))
    Outlet.objects.create(provider=shop, kind="delivery", failures=4)
    refused_calls.note(shop.pk, CallCount.What.LOGIN)
    assert value("queue_messages", provider="Shop") == 1
    assert 120 <= value("queue_oldest_seconds", provider="Shop") < 3600
    assert 30 <= value("sign_of_life_age_seconds", what="worker") < 3600
    assert value("outlet_failures", provider="Shop", kind="delivery") == 4
    assert value("calls_turned_away", provider="Shop", what="login") == 1
    assert value("provider_sending", provider="Shop") == 1
    SITUATIONS["provider_paused"].begin(shop)
    look(now, [KINDS["provider_paused"]])
    assert value("provider_sending", provider="Shop") == 0
    assert value("incidents_open", kind="provider_paused", severity="warning") == 1


def test_more_providers_ask_no_more_questions(shop: Provider) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            collector.text()
        return len(queries)

    once = asked()
    for _ in range(3):
        counted(make_provider(), "ACCEPTED", 1)
    assert asked() == once


def test_only_with_the_token(client: Client, settings: Any) -> None:
    for path in ("/metrics", "/healthz?full"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert client.get(path, headers=BEARER).status_code == 200
    assert b"waypost_leases_held" in client.get("/metrics", headers=BEARER).content
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


def test_healthz_tells_the_incidents(client: Client, shop: Provider) -> None:
    assert client.get("/healthz?full", headers=BEARER).json() == {"status": "well", "incidents": []}
    SITUATIONS["provider_paused_credentials"].begin(shop)
    look(timezone.now(), [KINDS["provider_paused_credentials"]])
    answer = client.get("/healthz?full", headers=BEARER).json()
    (incident,) = answer["incidents"]
    assert (incident["kind"], incident["severity"]) == ("provider_paused_credentials", "critical")
    assert "Check connection" in incident["next_step"]
    assert client.get("/healthz").json()["status"] in ("ready", "degraded")


def names_of(expressions: list[str]) -> set[str]:
    return {name for each in expressions for name in re.findall(r"\bwaypost_\w+", each)}


def chosen(expressions: list[str]) -> set[tuple[str, str]]:
    """Each name with a label that an expression chooses by, and its value."""
    found = [re.findall(r'\b(waypost_\w+){(\w+="[^"]*")}', each) for each in expressions]
    return {pair for each in found for pair in each}


def dashboard() -> list[str]:
    panels = json.loads((DEPLOY / "grafana" / "waypost.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def rules() -> list[str]:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "waypost.rules.yaml").read_text())["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


@pytest.mark.parametrize("expressions", [dashboard, rules])
def test_every_expression_names_what_there_is(expressions: Any, shop: Provider) -> None:
    counted(shop, "ACCEPTED", 1)
    SITUATIONS["provider_paused_credentials"].begin(shop)
    look(timezone.now(), [KINDS["provider_paused_credentials"]])
    signs.give(Sign.What.WORKER, timezone.now())
    timings.note(timings.What.ANSWER, shop.pk, [0.1])
    reporting.flush()
    text = collector.text().decode()
    exported: set[str] = set()
    page = (Path(conf.BASE_DIR) / "docs" / "operations.md").read_text()
    for family in text_string_to_metric_families(text):
        assert family.name.startswith("waypost_")
        assert family.name + "_total" * (family.type == "counter") in page
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count"]}.get(family.type, [""])
        exported |= {family.name + suffix for suffix in suffixes}
    if connection.vendor != "postgresql":  # what only PostgreSQL has
        exported |= {"waypost_database_connections", "waypost_database_connections_most"}
    found = names_of(expressions())
    assert len(found) > 5
    assert sorted(found - exported) == []
    labelled = {
        (sample.name, f'{label}="{value}"')
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        for label, value in sample.labels.items()
    }
    assert sorted(chosen(expressions()) - labelled) == []


@pytest.mark.django_db(transaction=True)
def test_an_address_of_its_own(shop: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.management import call_command

    from operations.management.commands import metrics
    from tests.processes import free_port

    port, got = free_port(), []

    def ask(command: Any, thread: Any) -> None:
        got.append(requests.get(f"http://127.0.0.1:{port}/metrics", timeout=300).text)

    monkeypatch.setattr(metrics.Command, "wait", ask)
    call_command("metrics", "--bind", f"127.0.0.1:{port}")
    assert 'waypost_provider_sending{provider="Shop"} 1.0' in got[0]
