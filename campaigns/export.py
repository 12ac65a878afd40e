"""The message log as CSV, a chunk of rows at a time however many there are."""

import csv
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from campaigns.models import Message, Status
from lib.pretty import clock
from lib.shown import Eyes

CHUNK = 2000
COLUMNS = (
    "id", "accepted_at", "provider__nickname", "msg_id", "to", "kind", "template", "language", "campaign",
    "batch", "variant", "untracked", "status", "error_code", "bsp_code", "error_text", "bsp_id", "attempt",
    "answer_ms",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    def write(self, row: str) -> str:
        return row


def rows(messages: QuerySet[Message], eyes: Eyes) -> Iterator[str]:
    """Lines of CSV, newest message first. Each chunk is a query of its own, so nothing is held open."""
    writer = csv.writer(_Echo())
    yield "\ufeff"  # tells spreadsheets that this is UTF-8
    yield writer.writerow([name.replace("__nickname", "") for name in COLUMNS])
    newest_first = messages.select_related(None).defer(None).order_by("-pk")
    below: int | None = None
    while True:
        chunk = newest_first if below is None else newest_first.filter(pk__lt=below)
        found = list(chunk.values_list(*COLUMNS)[:CHUNK])
        for row in found:
            yield writer.writerow(
                [_cell(name, value, eyes) for name, value in zip(COLUMNS, row, strict=True)]
            )
        if len(found) < CHUNK:
            return
        below = found[-1][0]


def _cell(name: str, value: Any, eyes: Eyes) -> str:
    if value is None:
        return ""
    if name == "accepted_at":
        return clock(value)
    if name == "status":
        return Status(value).label
    if name == "kind":
        return str(Message.Kind(value).label)
    text = eyes.number(value) if name == "to" else str(value)
    if name in ("error_text", "bsp_id"):
        text = eyes.text(text)
    # A cell that begins so would be run as a formula.
    return "'" + text if text.startswith(_FORMULA) else text
