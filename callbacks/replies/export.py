"""Inbound messages as rows of a table, a chunk at a time however many there are."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from callbacks.models import Reply
from campaigns.models import Forward
from lib.display import clock
from lib.phone_masking import Eyes
from lib.sheets import Cell, Row

CHUNK = 2000
COLUMNS = (
    "id", "received_at", "provider__nickname", "sender", "user_id", "kind", "text", "forward",
    "answers__msg_id", "bsp_id", "referral__source_type", "referral__source_id", "referral__source_url",
    "referral__headline", "referral__body", "referral__media_url", "referral__click_id",
)  # fmt: skip
_NAMES = {
    "provider__nickname": "provider",
    "sender": "from",
    "forward": "state",
    "answers__msg_id": "answers",
}


def rows(replies: QuerySet[Reply], eyes: Eyes) -> Iterator[Row]:
    """The heading, then messages, newest first. Each chunk is a query of its own, so nothing is held open."""
    yield [_NAMES.get(name, name.replace("__", "_")) for name in COLUMNS]
    newest_first = replies.select_related(None).order_by("-pk").values(*COLUMNS)
    chunk = newest_first[:CHUNK]
    while found := list(chunk):
        for reply in found:
            yield [_cell(name, reply[name], eyes) for name in COLUMNS]
        chunk = newest_first.filter(pk__lt=found[-1]["id"])[:CHUNK]


def _cell(name: str, value: Any, eyes: Eyes) -> Cell:
    if name == "received_at":
        return clock(value)
    if name == "forward":
        return str(Forward(value).label).lower()
    if name in ("sender", "user_id"):
        return eyes.number(value)
    return eyes.text(value) if isinstance(value, str) and name != "kind" else value
