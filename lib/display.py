"""Stored bytes and times, written for operators: JSON is indented, commands can be pasted."""

import json
import shlex
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.utils import timezone

SHOWN = 200_000  # characters; what is longer is for the raw download


def body(text: str | bytes) -> str:
    """JSON is indented, anything else stays as it is. A very long body is cut, and a line says so."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if len(text) > SHOWN:
        return text[:SHOWN] + f"\n… {len(text) - SHOWN:,} more characters"
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def curl(method: str, url: str, headers: Mapping[str, str], content: str, user: str = "") -> str:
    """The request as a shell command; `user` is `name:password` for Basic authentication."""
    parts = ["curl", "-X", method, shlex.quote(url)]
    for name, value in headers.items():
        parts += ["\\\n ", "-H", shlex.quote(f"{name}: {value}")]
    if user:
        parts += ["\\\n ", "-u", shlex.quote(user)]
    if content:
        parts += ["\\\n ", "--data-raw", shlex.quote(content)]
    return " ".join(parts)


def clock(at: datetime) -> str:
    """To the millisecond, in the zone of the reader on pages, else in that of the settings."""
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def to_second(at: datetime) -> str:
    """The same to the second."""
    return clock(at)[:-4]


def to_minute(at: datetime) -> str:
    """The same to the minute."""
    return clock(at)[:-7]


def counted(number: int, noun: str) -> str:
    """`1 message`, `1,200 messages`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def length(span: timedelta) -> str:
    """A stretch of time in at most two units: `120 ms`, `4.2 s`, `3 min 5 s`, `2 h 10 min`."""
    seconds = span.total_seconds()
    if seconds < 0:
        return "-" + length(-span)
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


_UNITS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}


def lasting(span: timedelta) -> str:
    """A stretch of time in whole words: `1 day`, `2 hours 30 minutes`. `lasts` reads it."""
    rest, parts = round(span.total_seconds()), []
    for unit, seconds in _UNITS.items():
        number, rest = divmod(rest, seconds)
        if number:
            parts.append(counted(number, unit))
    return " ".join(parts) or "0 seconds"


def lasts(words: str) -> timedelta | None:
    """The stretch of time that words like those of `lasting` say; None where they say none."""
    parts, seconds = words.replace(",", "").lower().split(), 0
    for number, unit in zip(parts[::2], parts[1::2], strict=False):
        size = _UNITS.get(unit.removesuffix("s"))
        if size is None or not number.isdecimal() or len(number) > 6:
            return None
        seconds += int(number) * size
    return timedelta(seconds=seconds) if parts and len(parts) % 2 == 0 else None
