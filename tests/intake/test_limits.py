"""Limits of what comes in and is told: one below, at, and one above."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.ledger import events
from campaigns.sending import outgoing
from lib import phone
from providers.dialects.clevertap import requests as clevertap_send
from providers.messages import Outcome, Refused, SendResult
from tests.gateway import template

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
A_DAY = 24 * 3600


@pytest.mark.parametrize("length", [254, 255])
def test_a_msg_id_that_is_kept(length: int) -> None:
    assert clevertap_send.read_send(template(msgId="x" * length)).msg_id == "x" * length


def test_a_msg_id_that_is_too_long() -> None:
    with pytest.raises(Refused, match="longer than 255 characters"):
        clevertap_send.read_send(template(msgId="x" * 256))


@pytest.mark.parametrize(
    ("digits", "fits"), [(6, False), (7, True), (8, True), (14, True), (15, True), (16, False)]
)
def test_a_number_has_seven_to_fifteen_digits(digits: int, fits: bool) -> None:
    number = "4" * digits
    assert phone.digits(f"+{number}") == (number if fits else "")


@pytest.mark.parametrize(
    ("timestamp", "believed"),
    [
        (events.FIRST - 1, False),
        (events.FIRST, True),
        (events.FIRST + 1, True),
        (int(NOW.timestamp()) + A_DAY - 1, True),
        (int(NOW.timestamp()) + A_DAY, True),
        (int(NOW.timestamp()) + A_DAY + 1, False),
    ],
)
def test_which_times_of_a_report_are_believed(timestamp: int, believed: bool) -> None:
    told = datetime.fromtimestamp(timestamp, UTC)
    assert events.moment(timestamp, NOW) == (told if believed else NOW)


@pytest.mark.parametrize(("length", "kept"), [(199, 199), (200, 200), (201, 200)])
def test_how_much_of_a_page_is_counted_by(length: int, kept: int) -> None:
    url = "https://s.example/".ljust(length, "a")
    assert events.clicked_page(f"{url}?x=1") == url[:kept]


@pytest.mark.parametrize(("told", "waits"), [(3599.0, 3599), (3600.0, 3600), (3601.0, 3600)])
def test_how_long_a_bsp_may_keep_a_message_waiting(told: float, waits: int) -> None:
    result = SendResult(Outcome.RETRY, retry_after=told)
    assert outgoing.retry_at(result, 1, NOW) == NOW + timedelta(seconds=waits)
