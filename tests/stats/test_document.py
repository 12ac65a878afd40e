"""docs/stats.md says what the pages say: its definitions, rates, advice and examples are the code's."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from rest_framework.test import APIClient

from campaigns.counting.buckets import LONGEST
from campaigns.counting.points import MINUTES_FOR, MOST_URLS
from campaigns.models import Campaign, Status
from providers.messages import Outcome, ReportCode
from providers.models import Provider
from stats.api.urls import urlpatterns
from stats.query.errors import ADVICE
from stats.query.figures import DEFINITIONS, RATES
from stats.reconciliation.causes import CAUSES
from tests.stats.conftest import NOW, accepted, freeform, refused, replied, reported, submitted

DOCUMENT = (Path(settings.BASE_DIR) / "docs" / "stats.md").read_text()
ANY = "…"


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    section = DOCUMENT.partition(f"\n{heading}\n")[2].partition("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().replace(r"\|", "|") for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_the_definitions() -> None:
    told = [[definition.label, f"`{definition.name}`", definition.text] for definition in DEFINITIONS]
    assert rows("## The figures") == told


def test_the_states() -> None:
    assert [state for state, _ in rows("### The states of a message")] == Status.labels


def test_the_rates() -> None:
    assert rows("### Rates") == [[rate.label, f"`{rate.name}`", rate.text] for rate in RATES]


def test_the_errors() -> None:
    told = [[str(int(code)), each.title, each.meaning, each.advice] for code, each in ADVICE.items()]
    assert rows("## Errors by code") == sorted(told)


def test_the_causes() -> None:
    side = {1: "here", -1: "CleverTap"}
    told = [[cause.label, side[cause.sign], cause.text] for cause in CAUSES]
    assert rows("### Possible causes") == told


def test_the_limits() -> None:
    assert f"{MINUTES_FOR.days} days" in DOCUMENT
    assert f"{MOST_URLS} pages" in DOCUMENT
    assert f"longer than {LONGEST / 86_400:.0f} days" in DOCUMENT


@pytest.fixture
def example(shop: Provider) -> None:
    """The day of the examples: four messages of two variants, a conversation and a refusal."""
    for number in range(4):
        message = accepted(
            shop, NOW - timedelta(hours=2), campaign="1767225600", variant=str(number % 2),
            template="summer_offer", msg_id=f"{number}|1767225600|20260318|{number}|{number % 2}",
            to=f"9198100000{number:02d}",
        )  # fmt: skip
        if number == 3:
            submitted(message, outcome=Outcome.REJECTED, code=ReportCode.PHONE, text="Not on WhatsApp")
            continue
        submitted(message)
        reported(message, "sent", after=1)
        reported(message, "delivered", after=4)
        if number < 2:
            reported(message, "read", after=600)
        if number == 0:
            reported(message, "clicked", after=900, url="https://shop.example/summer")
            replied(message, after=1200)
    freeform(shop, NOW - timedelta(hours=1), to="919810000001", msg_id="77|0|0|77")
    refused(shop, 2001, NOW - timedelta(hours=2), campaign="1767225600", template="summer_offer")
    Campaign.objects.filter(code="1767225600").update(name="Summer")


def fits(told: Any, real: Any) -> bool:
    """Whether the example is the answer, where it does not leave something out."""
    if told in (ANY, [ANY]):
        return True
    if isinstance(told, dict):
        names = told.keys() - {ANY}
        if not isinstance(real, dict) or not (names == real.keys() or (ANY in told and names < real.keys())):
            return False
        return all(fits(told[name], real[name]) for name in names)
    if isinstance(told, list):
        return len(told) == len(real) and all(map(fits, told, real))
    if isinstance(told, float) and isinstance(real, float):
        return abs(told - real) < 0.0005
    return bool(told == real)


EXAMPLES = re.findall(r"`GET (/api/[^`]*)`[^\n]*\n+```json\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize(("address", "told"), EXAMPLES, ids=[address for address, _ in EXAMPLES])
def test_the_examples(example: None, address: str, told: str) -> None:
    client = APIClient()
    client.force_login(User.objects.create_superuser("mira"))
    real = json.loads(json.dumps(client.get(address).json()))
    assert fits(json.loads(told), real), json.dumps(real, indent=1, ensure_ascii=False)


def test_every_endpoint_is_documented() -> None:
    shown = {address.partition("?")[0].removeprefix("/api/") for address, _ in EXAMPLES}
    assert len(urlpatterns) > 5
    for pattern in urlpatterns:
        route = str(pattern.pattern)
        assert route in shown or f"/api/{route.partition('<')[0]}" in DOCUMENT, route


def test_the_command(example: None, capsys: pytest.CaptureFixture[str]) -> None:
    told = re.search(
        r"manage.py stats --json --campaign 1767225600\n```\n+```json\n(.*?)```", DOCUMENT, re.DOTALL
    )
    assert told is not None
    call_command("stats", "--json", "--campaign", "1767225600")
    real = capsys.readouterr().out
    assert fits(json.loads(told[1]), json.loads(real)), real
