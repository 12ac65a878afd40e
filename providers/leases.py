"""One worker a queue: a lease in the database, renewed while held, taken over when it expired."""

import json
import os
import socket
from datetime import timedelta
from typing import Any, Self

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from lib.crypto import token
from providers.models import Lease

LENGTH = timedelta(seconds=15)
RENEWAL = timedelta(seconds=4)


class Lost(Exception):
    """Another worker has taken the queue over; stop working it."""


class Hold:
    """A held lease. `state` is a note for the next holder, saved with `save`."""

    def __init__(self, name: str, holder: str, state: Any) -> None:
        self.name = name
        self.holder = holder
        self.state = state
        self._renewed = timezone.now()

    def renew(self) -> None:
        """Keeps the lease; call it often, it writes only every few seconds. Raises Lost."""
        now = timezone.now()
        if abs(now - self._renewed) > RENEWAL:
            self._write(expires_at=now + LENGTH)
            self._renewed = now

    def save(self, state: Any) -> None:
        self._write(state=json.dumps(state))

    def release(self) -> None:
        Lease.objects.filter(name=self.name, holder=self.holder).update(expires_at=timezone.now())

    def _write(self, **values: Any) -> None:
        if not Lease.objects.filter(name=self.name, holder=self.holder).update(**values):
            raise Lost(self.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def held(name: str) -> bool:
    return Lease.objects.filter(name=name, expires_at__gt=timezone.now()).exists()


def take(name: str) -> Hold | None:
    """The lease, or None while another worker holds it."""
    now = timezone.now()
    holder = f"{socket.gethostname()[:30]}:{os.getpid()}:{token(6)}"
    # One that lasts longer than any is taken for was written before the clock was set back.
    free = Lease.objects.filter(Q(expires_at__lte=now) | Q(expires_at__gt=now + 4 * LENGTH), name=name)
    if not free.update(holder=holder, expires_at=now + LENGTH):
        if Lease.objects.filter(name=name).exists():
            return None
        try:
            with transaction.atomic():
                Lease.objects.create(name=name, holder=holder, expires_at=now + LENGTH)
        except IntegrityError:
            return None
    state = Lease.objects.values_list("state", flat=True).get(name=name)
    return Hold(name, holder, json.loads(state) if state else None)
