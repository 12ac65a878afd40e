"""The calendar: what runs, what is planned and what is over, on its days, in the reader's time zone."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User

from broadcasts.models import Broadcast
from tests.factories import make_provider
from tests.visitor import Visitor, visiting

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)  # a Wednesday
State, Kind = Broadcast.State, Broadcast.Kind
PAGE = "/admin/broadcasts/broadcast/calendar/"


@pytest.fixture(autouse=True)
def _standing_clock() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def reader(db: None) -> Visitor:
    return visiting(User.objects.create_superuser("mira"))


def days(client: Visitor, **query: str) -> dict[str, list[str]]:
    """The names on each day that has any."""
    shown = client.get(PAGE, query).content.decode()
    found = re.findall(r'data-day="([^"]+)".*?</td>', shown, re.S)
    assert len(found) % 7 == 0
    cells = dict(re.findall(r'data-day="([^"]+)"(.*?)</td>', shown, re.S))
    return {day: names for day, cell in cells.items() if (names := re.findall(r">([^<]+)</a>", cell))}


def made(name: str, state: State, **values: Any) -> Broadcast:
    provider = make_provider(nickname=name)
    return Broadcast.objects.create(name=name, provider=provider, state=state, **values)


def test_a_week_has_what_runs_what_is_planned_and_what_is_over(reader: Visitor) -> None:
    day = timedelta(days=1)
    made("Over", State.DONE, started_at=NOW - 2 * day, finished_at=NOW - day)
    made("Runs", State.RUNNING, started_at=NOW)
    made("Watches", State.RUNNING, kind=Kind.ACTION, started_at=NOW + 0 * day, ends_at=NOW + 2 * day)
    made("Planned", State.SCHEDULED, starts_at=NOW + 3 * day)
    made("Written", State.DRAFT, starts_at=NOW + 4 * day)
    made("No day yet", State.DRAFT)
    made("Next week", State.SCHEDULED, starts_at=NOW + 7 * day)
    assert days(reader) == {
        "2026-03-16": ["Over"],
        "2026-03-17": ["Over"],
        "2026-03-18": ["Runs", "Watches"],
        "2026-03-19": ["Watches"],
        "2026-03-20": ["Watches"],
        "2026-03-21": ["Planned"],
        "2026-03-22": ["Written"],
    }
    assert "2026-03-25" in days(reader, day="2026-03-25")


def test_a_month_has_whole_weeks(reader: Visitor) -> None:
    made("Watches", State.RUNNING, kind=Kind.DATE, started_at=NOW)
    found = days(reader, view="month")
    assert (min(found), max(found), len(found)) == ("2026-03-18", "2026-04-05", 19)
    shown = reader.get(PAGE, {"view": "month"}).content.decode()
    assert "March 2026" in shown
    assert "view=month&amp;day=2026-02-01" in shown


def test_days_are_those_of_the_reader(reader: Visitor) -> None:
    made("Late", State.SCHEDULED, starts_at=datetime(2026, 3, 19, 20, tzinfo=UTC))
    assert list(days(reader)) == ["2026-03-19"]
    reader.cookies["zone"] = "Asia/Kolkata"
    assert list(days(reader)) == ["2026-03-20"]
    assert "01:30" in reader.get(PAGE).content.decode()


def test_what_runs_now_is_said_above(reader: Visitor) -> None:
    made("Paused", State.PAUSED, started_at=NOW - timedelta(days=90), reason="Paused by mira.")
    shown = reader.get(PAGE).content.decode()
    assert "Paused by mira. Nothing is sent until it is resumed." in shown
    assert list(days(reader)) == ["2026-03-16", "2026-03-17", "2026-03-18"], "a one-time one that still waits"


@pytest.mark.parametrize("day", ["", "x", "2026-02-30", "0001-01-01", "9999-12-31"])
def test_a_day_that_is_none_is_today(reader: Visitor, day: str) -> None:
    shown = reader.get(PAGE, {"day": day}).content.decode()
    assert f'data-day="{date(2026, 3, 18)}"' in shown
