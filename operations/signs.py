"""Signs of life: which workers and clocks run, so that a missing one is noticed."""

import socket
from datetime import datetime, timedelta

from operations.models import Sign

KEPT = timedelta(days=1)  # a host that is silent for so long was removed for good


def give(what: Sign.What, now: datetime, host: str = "") -> None:
    Sign.objects.update_or_create(what=what, host=host or _host(), defaults={"seen_at": now})


def take_away(what: Sign.What) -> None:
    """For a process that ends in order."""
    Sign.objects.filter(what=what, host=_host()).delete()


def forget(now: datetime) -> None:
    Sign.objects.filter(seen_at__lt=now - KEPT).delete()


def _host() -> str:
    return socket.gethostname()[:100]
