"""The lives of the database, one after each restore, and which of them a message was accepted in."""

from bisect import bisect_right
from secrets import token_hex

from django.conf import settings
from django.db.models import Max

from campaigns.models import Installation, Message
from lib.ttl_cache import Remembered

_lives: Remembered[None, list[tuple[int, str]]] = Remembered()


def nonce(message_id: int) -> str:
    """The nonce of the life in which the message was accepted; empty for the first life."""
    lives = _lives.get(None, _load, settings.PROVIDER_CACHE_SECONDS)
    position = bisect_right(lives, message_id, key=lambda life: life[0])
    return lives[position - 1][1] if position else ""


def begin() -> str:
    """Begins another life: messages accepted from now on get references that no BSP has ever seen. Returns
    the nonce."""
    last = Message.objects.aggregate(last=Max("id"))["last"] or 0
    Installation.objects.filter(first_message__gt=last).delete()  # nothing was accepted in it
    begun = Installation.objects.create(nonce=token_hex(4), first_message=last + 1)
    _lives.forget()
    return begun.nonce


def _load() -> list[tuple[int, str]]:
    return list(Installation.objects.order_by("first_message").values_list("first_message", "nonce"))
