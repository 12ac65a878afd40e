"""The acceptance kit against a gateway that runs, at two simulated BSPs; and against mistakes of ours.

The journeys in tests/ go through every BSP. Here the others are asked only whether they take what is posted.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import Entry
from campaigns.intake import views
from campaigns.models import Message
from config.demo_bsps import CUSTOMERS, Given
from operations.acceptance import coming_back, load, payloads, report, runs, sending
from operations.acceptance.kit import Kit, Options
from operations.acceptance.rows import Row, Verdict
from operations.models import AcceptanceRun
from providers import lifecycle
from providers.connectors import CONNECTORS
from providers.connectors.base import Config
from providers.dialects.clevertap.requests import read_send
from providers.dialects.cloud_api import codes
from providers.messages import Outbound, Unsupported
from providers.models import Provider
from simulator.server import Simulator
from templates_app.models import Template
from tests.bsps import NUMBER, customer
from tests.journeys.conftest import gateway
from tests.waiting import PATIENCE

__all__ = ["gateway"]

# A machine that is busy answers late, and that is no fault here.
PATIENT = Options(burst=40, budget=PATIENCE, patience=PATIENCE)
Shop = Callable[[str], Provider]


@pytest.fixture
def shop(gateway: str, simulator: Simulator) -> Shop:
    """A customer of that BSP, on the simulator."""
    simulator.behaviour.delays = (0.0, 0.01, 0.02)
    return lambda connector: customer(simulator, connector, gateway)


def run(provider: Provider) -> dict[tuple[str, str], Row]:
    """A whole run."""
    return by_name(runs.rows_of(runs.run_now(provider, PATIENT, lambda row: None)))


def by_name(rows: Iterable[Row]) -> dict[tuple[str, str], Row]:
    return {(row.section, row.name): row for row in rows}


def part(provider: Provider, check: Callable[[Kit], Iterator[Row]], **options: float) -> list[Row]:
    """One part of a run, by itself."""
    kit = Kit(provider, PATIENT._replace(**options))  # type: ignore[arg-type]
    with kit.logged_in():
        return list(check(kit))


def failed(rows: dict[tuple[str, str], Row]) -> list[tuple[str, str, str, str]]:
    return [(*name, row.why, row.answer) for name, row in rows.items() if row.verdict == Verdict.FAILED]


def verdicts(rows: dict[tuple[str, str], Row], section: str) -> dict[str, Verdict]:
    return {name: row.verdict for (each, name), row in rows.items() if each.startswith(section)}


def test_clevertaps_own_format_passes_with_every_code(shop: Shop) -> None:
    provider = shop("generic")
    logins = set(provider.api_credentials.values_list("pk", flat=True))
    rows = run(provider)
    assert failed(rows) == []
    assert set(verdicts(rows, "Validation").values()) == {Verdict.PASSED}
    assert verdicts(rows, "Failures") == dict.fromkeys(map(str, range(1000, 1011)), Verdict.PASSED)
    assert all(row.why for row in rows.values()), "each verdict says what it rests on"
    assert set(provider.api_credentials.values_list("pk", flat=True)) == logins, "no login is left behind"


def test_the_worker_runs_at_meta_what_the_page_starts(shop: Shop, simulator: Simulator) -> None:
    started = runs.start(shop("meta"), "mira", PATIENT)
    assert runs.start(started.provider) == started, "one at a time"
    simulator.wait_until(lambda: AcceptanceRun.objects.filter(state=AcceptanceRun.State.DONE).exists())
    started.refresh_from_db()
    rows = by_name(runs.rows_of(started))
    assert report.context(started)["verdict"] == "Passed", failed(rows)
    tried = {name.partition(":")[0]: verdict for name, verdict in verdicts(rows, "Templates").items()}
    assert tried.keys() == {kind.name for kind in payloads.KINDS}
    not_there = {name for name, verdict in tried.items() if verdict != Verdict.PASSED}
    assert not_there == {"call button"}, "no template of the list has one"


def test_a_real_bsp_is_not_judged_by_what_only_the_simulator_plays(shop: Shop) -> None:
    provider = shop("meta")
    provider.options = provider.options | {"base_url": "https://graph.example.test"}
    provider.save()
    rows = run(provider)
    idle = [row for row in rows.values() if row.verdict == Verdict.NOT_RUN]
    assert {row.why.startswith("Not run here, because ") for row in idle} == {True}
    for played in ("Failures", "Inbound", "429", "Templates,", "Freeform"):
        assert set(verdicts(rows, played).values()) == {Verdict.NOT_RUN}
    assert not Message.objects.exists(), "nothing reaches a phone without a test number"
    assert set(verdicts(rows, "Load").values()) == {Verdict.PASSED}


def test_what_is_wrong_fails(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "SUCCESS", b'{"status":"ok"}')
    rows = part(shop("interakt"), sending.validation)
    assert [row.verdict for row in rows] == [Verdict.FAILED] * 3


def test_reports_that_clevertap_never_takes_fail(shop: Shop, simulator: Simulator) -> None:
    provider = shop("interakt")
    simulator.behaviour.sink_modes = {"interakt": "reject_4xx"}
    text = next(row for row in part(provider, sending.freeform, patience=1.0) if row.name == "text")
    assert (text.verdict, "Not reported to CleverTap" in text.why) == (Verdict.FAILED, True)


def test_an_answer_after_the_budget_fails(shop: Shop) -> None:
    provider = shop("interakt")
    late = part(provider, sending.validation, budget=-1.0) + part(provider, load.burst, budget=-1.0)[:1]
    assert [row.verdict for row in late] == [Verdict.FAILED] * 4
    whys = [row.why for row in late]
    assert all("CleverTap waits" in why or "answered later" in why for why in whys), whys


@pytest.mark.parametrize("connector", CONNECTORS)
def test_a_connector_sends_what_the_kit_posts(connector: str) -> None:
    """Each freeform message comes to a request, unless the connector says that the BSP lacks it."""
    found = CONNECTORS[connector]
    there = CUSTOMERS[connector](Given("https://bsp.example.test", connector, "key", "secret")).provider
    config = Config(NUMBER, there.get("endpoint", ""), there["credentials"], there["options"], now=1)
    for feature, kind in payloads.FREEFORM.items():
        posted = payloads.freeform(NUMBER, kind, {kind: "https://files.example.test/file"})
        read = read_send(posted | {"to": "+919812340001", "msgId": "1|1|1|1|0"})
        outbound = Outbound("1", read.msg_id, read.to, NUMBER, read.content)
        if feature in found.lacks:
            with pytest.raises(Unsupported):
                found.build_request(outbound, config)
        else:
            assert found.build_request(outbound, config).method == "POST", kind


@pytest.mark.django_db
def test_a_template_is_of_no_kind_that_the_bsp_lacks(provider: Provider, monkeypatch: Any) -> None:
    """Interakt has video headers and no offers. What has both says nothing of its video headers."""
    provider.connector_slug = "interakt"
    video = {"type": "HEADER", "format": "VIDEO"}
    body = {"type": "BODY", "text": "Half price"}
    offer = {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Today", "has_expiration": True}}
    for name, components in (("both", [video, offer, body]), ("plain", [video, body])):
        Template.objects.create(
            provider=provider, name=name, language="en", status="APPROVED", components=components
        )
    tried: list[str] = []
    monkeypatch.setattr(
        sending, "there_and_back", lambda kit, section, wanted: tried.extend(name for name, _ in wanted) or []
    )
    options = PATIENT._replace(to="919812300001", media="https://files.example.test")
    rows = by_name(sending.templates(Kit(provider, options)))
    assert tried == ["video header: plain"]
    offers = rows["Templates, to the BSP and back", "limited-time offer"]
    assert "Interakt's API has no field for it" in offers.why


def test_a_template_that_fixes_the_address_of_its_media_gets_its_own_example(shop: Shop) -> None:
    rows = by_name(part(shop("twilio"), sending.templates))
    assert failed(rows) == []
    images = [row.verdict for (_, name), row in rows.items() if name.startswith("image header:")]
    assert images == [Verdict.PASSED]


def test_a_bsp_that_reports_nothing_is_judged_by_what_it_takes(shop: Shop, simulator: Simulator) -> None:
    provider = shop("haptik-legacy")
    body = {"type": "BODY", "text": "Hello"}
    Template.objects.create(
        provider=provider, name="order_ready", language="en", status="APPROVED", components=[body]
    )
    simulator.set_templates(
        "haptik-legacy",
        [{"name": "order_ready", "language": "en", "status": "APPROVED", "components": [body]}],
    )
    rows = by_name(part(provider, coming_back.outages))
    refusals, disorder = dict(coming_back.REFUSALS), dict(coming_back.DISORDER)
    section = "429, 5xx and disorder"
    taken = [rows[section, words] for words in refusals.values()]
    assert {(row.verdict, row.why) for row in taken} == {
        (Verdict.PASSED, "Accepted in time, and submitted to the BSP, which reports nothing.")
    }
    assert {rows[section, words].verdict for words in disorder.values()} == {Verdict.NOT_RUN}
    lifecycle.pause(provider, "for the test")
    waiting = by_name(part(provider, coming_back.outages, patience=1.0))
    assert {waiting[section, words].why for words in refusals.values()} == {"The BSP has not accepted it."}


def test_a_failure_by_another_code_fails(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the simulated BSP has a word for must come back by its code."""
    monkeypatch.setitem(codes.META_CODES, "131021", codes.META_CODES["131047"])
    rows = {row.name: row for row in part(shop("interakt"), coming_back.codes)}
    assert (rows["1002"].verdict, rows["1002"].why) == (
        Verdict.FAILED,
        "The code reported to CleverTap is 1008.",
    )
    assert (rows["1001"].verdict, rows["1003"].verdict) == (Verdict.PASSED, Verdict.NOT_RUN)
    assert rows["1003"].why == "Not run here, because the simulated Interakt has no error code for it."


def command(*args: str) -> tuple[str, bool]:
    """What the command says, and whether it ended well."""
    out = StringIO()
    try:
        call_command("acceptance", *args, "--burst", "40", "--patience", str(PATIENCE), stdout=out)
    except CommandError:
        return out.getvalue(), False
    return out.getvalue(), True


def test_the_command_writes_json_and_a_report(
    shop: Shop, tmp_path: Path, monkeypatch: Any, settings: Any
) -> None:
    monkeypatch.setattr(runs, "CHECKS", (sending.validation,))
    provider, file = shop("generic"), tmp_path / "report.html"
    before = settings.ALLOW_PRIVATE_TARGETS = False
    said, _ = command(provider.nickname, "--json", "--html", str(file))
    assert before == settings.ALLOW_PRIVATE_TARGETS
    told = json.loads(said)
    assert told["provider"] == provider.nickname
    assert Entry.objects.get(what="started").by.startswith("command line")
    assert {"section", "name", "verdict", "why", "request", "answer", "milliseconds"} == told["rows"][
        0
    ].keys()
    html = file.read_text()
    assert provider.nickname in html
    assert "<script" not in html
    assert "http-equiv" not in html
    assert "src=" not in html, "the report needs nothing else"


@pytest.mark.django_db
def test_a_run_whose_worker_died_is_begun_again_once(provider: Provider, monkeypatch: Any) -> None:
    monkeypatch.setattr(runs, "CHECKS", (lambda kit: iter([Row("A", "b", Verdict.PASSED)]),))
    lost = {"state": AcceptanceRun.State.RUNNING, "seen_at": "2026-01-01T00:00:00Z", "worker": "dead"}
    again = AcceptanceRun.objects.create(provider=provider, starts=1, **lost)
    runs.drain()
    again.refresh_from_db()
    assert (again.state, again.starts) == (AcceptanceRun.State.DONE, 2)
    twice = AcceptanceRun.objects.create(provider=provider, starts=2, **lost)
    runs.drain()
    twice.refresh_from_db()
    assert (twice.state, twice.error) == (AcceptanceRun.State.FAILED, "Its worker died twice.")
