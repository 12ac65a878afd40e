"""The message log as rows of a table, a chunk at a time however many there are."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from campaigns.models import Message, Status
from lib.display import clock
from lib.phone_masking import Eyes
from lib.sheets import Cell, Row

CHUNK = 2000
COLUMNS = (
    "id", "accepted_at", "provider__nickname", "msg_id", "to", "kind", "template", "language", "campaign",
    "batch", "variant", "untracked", "status", "error_code", "bsp_code", "error_text", "bsp_id", "attempt",
    "answer_ms", "pricing__category", "pricing__type", "pricing__billable",
)  # fmt: skip


def rows(messages: QuerySet[Message], eyes: Eyes) -> Iterator[Row]:
    """The heading, then messages, newest first. Each chunk is a query of its own, so nothing is held open."""
    yield [name.replace("__nickname", "").replace("__", "_") for name in COLUMNS]
    newest_first = messages.select_related(None).order_by("-pk").values(*COLUMNS)
    chunk = newest_first[:CHUNK]
    while found := list(chunk):
        for message in found:
            yield [_cell(name, message[name], eyes) for name in COLUMNS]
        chunk = newest_first.filter(pk__lt=found[-1]["id"])[:CHUNK]


def _cell(name: str, value: Any, eyes: Eyes) -> Cell:
    if name == "accepted_at":
        return clock(value)
    if name == "status":
        return Status(value).label
    if name == "kind":
        return str(Message.Kind(value).label)
    if name == "to":
        return eyes.number(value)
    if name in ("error_text", "bsp_id"):
        return eyes.text(value)
    return str(value) if isinstance(value, bool) else value
