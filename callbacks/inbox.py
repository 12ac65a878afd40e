"""Storing callbacks as they arrive, many in one commit."""

from collections.abc import Container, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from django.db import transaction
from django.utils import timezone

from callbacks.models import Webhook
from lib import sql
from lib.group_commit import GroupCommit
from lib.http import HttpRequest
from lib.redact import MASK, is_secret_header
from lib.wake import wake


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


def store(provider_id: int, source: str, request: HttpRequest, secrets: Container[str] = ()) -> None:
    """Commits the callback and wakes the parser. Raises Overloaded or a database error.

    Headers that carry credentials by their name, or one of the secrets, are kept masked.
    """
    now = timezone.now()
    headers = {
        name: MASK if is_secret_header(name) or value in secrets else value
        for name, value in request.headers.items()
    }
    _writer.submit(
        _Row(
            provider_id,
            source,
            request.method,
            request.url,
            msgspec.json.encode(headers).decode(),
            request.body,
            now,
            now,
        )
    )


def forget(now: datetime, days: int, limit: int = 5000) -> int:
    """Deletes the oldest webhooks that came more than `days` ago. Returns how many.

    What could not be read is kept for an operator. The oldest have the lowest ids, which saves
    an index on the time.
    """
    ended = Webhook.objects.filter(state__in=(Webhook.State.DONE, Webhook.State.UNMATCHED)).order_by("pk")
    before = now - timedelta(days=days)
    old = [pk for pk, received in ended.values_list("pk", "received_at")[:limit] if received < before]
    return Webhook.objects.filter(pk__in=old).delete()[0]
