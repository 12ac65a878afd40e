"""Adding, finding and revoking tokens."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db.models import Q

from accounts import scopes
from accounts.models import Token
from lib import crypto

PREFIX = "wpt_"  # so that people, and scanners of repositories, recognise it
DAYS, MOST_DAYS = 90, 366
_USED_EVERY = timedelta(minutes=1)


class NoToken(ValueError):
    """A token that cannot be added. The text says why."""


class Added(NamedTuple):
    token: Token
    secret: str  # shown once


def add(owner: User, wanted: Iterable[str], now: datetime, *, name: str = "", days: int = DAYS) -> Added:
    """Raises NoToken."""
    try:
        normal = scopes.normal(wanted)
    except scopes.UnknownScope as error:
        raise NoToken(str(error)) from error
    if not 1 <= days <= MOST_DAYS:
        raise NoToken(f"A token lasts from 1 to {MOST_DAYS} days.")
    if not (owner.is_active and owner.is_staff):
        raise NoToken(f"{owner} may not sign in, so a token of this user could not be used.")
    lacking = [scope for scope in normal.split() if not owner.has_perm(scopes.PERMISSIONS[scope])]
    if lacking:
        raise NoToken(f"The roles of {owner} do not allow {', '.join(lacking)}.")
    secret = PREFIX + crypto.token(32)
    expires = now + timedelta(days=days)
    token = Token.objects.create(
        owner=owner, name=name, scopes=normal, digest=crypto.digest(secret), expires_at=expires
    )
    return Added(token, secret)


def revoke(token: Token, now: datetime) -> bool:
    """Whether it was not revoked before."""
    return bool(Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now))


def find(secret: str, now: datetime) -> Token | None:
    """The valid token of a person who may sign in, marked as used."""
    if not secret.startswith(PREFIX):
        return None
    valid = Token.objects.filter(
        revoked_at=None, expires_at__gt=now, owner__is_active=True, owner__is_staff=True
    )
    token = valid.select_related("owner").filter(digest=crypto.digest(secret)).first()
    if token is not None and (token.last_used_at is None or token.last_used_at <= now - _USED_EVERY):
        # Several at once write it once.
        stale = Q(last_used_at=None) | Q(last_used_at__lte=now - _USED_EVERY)
        Token.objects.filter(stale, pk=token.pk).update(last_used_at=now)
    return token
