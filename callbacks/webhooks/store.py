"""Storing callbacks as they arrive, many in one commit."""

from collections.abc import Container, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from django.db import transaction
from django.utils import timezone

from callbacks.models import Webhook
from lib import sql
from lib.group_commit import GroupCommit
from lib.http import HttpRequest
from lib.redact import MASK, is_secret_header
from lib.wakeup import wake


class _Row(NamedTuple):
    provider_id: int
    source: str
    method: str
    url: str
    headers: str
    body: bytes
    received_at: datetime
    next_attempt_at: datetime
    state: int = Webhook.State.PENDING
    attempts: int = 0
    summary: str = ""


def _write(rows: Sequence[_Row]) -> None:
    with transaction.atomic():
        sql.insert(Webhook, _Row._fields, rows)
    wake("callbacks.ingest")


_writer: GroupCommit[_Row] = GroupCommit(_write)


async def store(provider_id: int, source: str, request: HttpRequest, secrets: Container[str] = ()) -> None:
    """Commits the callback and wakes the parser. Raises Overloaded or a database error.

    Headers that carry credentials by their name, or one of the secrets, are kept masked.
    """
    now = timezone.now()
    headers = {
        name: MASK if is_secret_header(name) or value in secrets else value
        for name, value in request.headers.items()
    }
    await _writer.submit(
        _Row(
            provider_id=provider_id,
            source=source,
            method=request.method,
            url=request.url,
            headers=msgspec.json.encode(headers).decode(),
            body=request.body,
            received_at=now,
            next_attempt_at=now,
        )
    )
