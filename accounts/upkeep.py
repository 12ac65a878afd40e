"""Deletes what has expired: sessions, tries that no longer count, tokens that no longer work."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.models import Model, Q
from django.db.models.query import QuerySet

from accounts.models import Cached, Token
from lib import sql


def forget(now: datetime, token_days: int) -> int:
    """Deletes some of it. Returns how many rows. Tokens are listed for `token_days` after their end; for ever
    with 0."""
    return sum(_delete_some(rows) for rows in _over(now, token_days))


def _over(now: datetime, token_days: int) -> Iterator[QuerySet[Model]]:
    yield Session.objects.filter(expire_date__lt=now)
    # What a person's own page shows of a session that is over, here or by signing out
    yield UserSession.objects.exclude(session_key__in=Session.objects.values("session_key"))
    yield Cached.objects.filter(expires__lt=now)
    if token_days:
        end = now - timedelta(days=token_days)
        yield Token.objects.filter(Q(expires_at__lt=end) | Q(revoked_at__lt=end))


def _delete_some(rows: QuerySet[Model]) -> int:
    found = list(rows.order_by("pk").values_list("pk", flat=True)[: sql.at_once()])
    return rows.model._default_manager.filter(pk__in=found).delete()[0] if found else 0
