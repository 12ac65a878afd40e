"""Bodies, commands and times as an operator reads them."""

import subprocess
from datetime import timedelta

import pytest

from lib import display


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ('{"a":"ü"}', '{\n  "a": "ü"\n}'),
        (b'{"a":1}', '{\n  "a": 1\n}'),
        ("plain", "plain"),
        ("", ""),
        (b"\xff", "\ufffd"),
        ('{"a":1', '{"a":1'),
    ],
)
def test_bodies(raw: str | bytes, shown: str) -> None:
    assert display.body(raw) == shown


def test_a_very_long_body_says_what_is_missing() -> None:
    assert display.body("x" * (display.SHOWN + 5)).endswith("\n… 5 more characters")


def test_a_command_means_what_the_request_said() -> None:
    content = """{"text": "it's $HOME `ls` \\"and\\" more"}"""
    command = display.curl("POST", "https://x.example/?a=1&b=2", {"X-Key": "a b"}, content, "user:pass")
    shown = subprocess.run(
        ["sh", "-c", f'set -- {command}; printf "%s\\n" "$@"'], capture_output=True, text=True
    )
    assert shown.stdout.splitlines() == [
        "curl",
        "-X",
        "POST",
        "https://x.example/?a=1&b=2",
        "-H",
        "X-Key: a b",
        "-u",
        "user:pass",
        "--data-raw",
        content,
    ]


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(milliseconds=120), "120 ms"),
        (timedelta(seconds=4.2), "4.2 s"),
        (timedelta(seconds=185), "3 min 5 s"),
        (timedelta(hours=2, minutes=10), "2 h 10 min"),
        (timedelta(days=3, hours=5), "3 d 5 h"),
        (timedelta(seconds=-4.2), "-4.2 s"),
    ],
)
def test_lengths(span: timedelta, words: str) -> None:
    assert display.length(span) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (86_400, "1 day"),
        (9_000, "2 hours 30 minutes"),
        (2 * 86_400 + 61, "2 days 1 minute 1 second"),
        (1_000_000 * 86_400 - 1, "999,999 days 23 hours 59 minutes 59 seconds"),
        (0, "0 seconds"),
    ],
)
def test_a_stretch_of_time_in_words_is_read_again(seconds: int, words: str) -> None:
    span = timedelta(seconds=seconds)
    assert display.lasting(span) == words
    assert display.lasts(words) == span


@pytest.mark.parametrize(
    "words", ["", "day", "1", "1 day 2", "1 fortnight", "-1 days", "1.5 days", "9999999 days", "١ day ²"]
)
def test_other_words_are_no_stretch_of_time(words: str) -> None:
    assert display.lasts(words) is None
