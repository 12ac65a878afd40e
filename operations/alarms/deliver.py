"""Delivers the alarms that the rules ask for: rows that are tried until the channel accepts them."""

import logging
import threading
from datetime import timedelta

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from lib.http import HttpRequest
from lib.transport import TransportError, transport
from operations.alarms import channels, words
from operations.alarms.channels import Undelivered
from operations.models import Channel, Delivery

logger = logging.getLogger(__name__)

State = Delivery.State
WAITS = (10, 30, 60, 120, 300, 900, 1800, 3600)  # seconds before the second try, the third, …
TAKEN = timedelta(minutes=2)  # seconds for which a delivery belongs to one worker


def due() -> bool:
    return Delivery.objects.filter(state=State.PENDING, next_attempt_at__lte=timezone.now()).exists()


def drain(stop: threading.Event | None = None, **_: object) -> int:
    """Sends every delivery that is due. Returns how many were accepted."""
    sent, now = 0, timezone.now()
    waiting = Delivery.objects.filter(state=State.PENDING, next_attempt_at__lte=now).order_by("id")
    for delivery in waiting.select_related("channel", "incident"):
        if stop is not None and stop.is_set():
            break
        mine = Delivery.objects.filter(pk=delivery.pk, state=State.PENDING, attempts=delivery.attempts)
        if mine.update(attempts=F("attempts") + 1, next_attempt_at=now + TAKEN):
            delivery.attempts += 1
            sent += _send(delivery)
    return sent


def _send(delivery: Delivery) -> bool:
    incident, channel = delivery.incident, Channel.objects.filter(pk=delivery.channel_id)
    alarm = words.TEST if incident is None else words.alarm(incident, delivery.about)
    try:
        channels.send(delivery.channel, alarm)
    except Undelivered as error:
        _failed(delivery, str(error))
        channel.update(failures=F("failures") + 1, last_error=str(error)[:500])
        return False
    now = timezone.now()
    Delivery.objects.filter(pk=delivery.pk).update(state=State.SENT, sent_at=now, error="")
    channel.update(failures=0, last_error="", last_success_at=now)
    return True


def _failed(delivery: Delivery, why: str) -> None:
    logger.warning("Channel %s did not accept an alarm: %s", delivery.channel, why)
    given_up = delivery.attempts > len(WAITS)
    wait = timedelta(seconds=0 if given_up else WAITS[delivery.attempts - 1])
    Delivery.objects.filter(pk=delivery.pk).update(
        state=State.FAILED if given_up else State.PENDING,
        next_attempt_at=timezone.now() + wait,
        error=why[:500],
    )


def test(channel: Channel) -> str:
    """Sends a test at once. Returns what went wrong, or nothing."""
    try:
        channels.send(channel, words.TEST)
    except Undelivered as error:
        return str(error)
    return ""


def heartbeat() -> bool:
    """Calls HEARTBEAT_URL, if there is one: the service there raises an alarm when the calls stop."""
    if not settings.HEARTBEAT_URL:
        return False
    try:
        answer = transport.send(HttpRequest("GET", settings.HEARTBEAT_URL), channels.TIMEOUT)
    except TransportError as error:
        logger.warning("The heartbeat URL does not answer: %s", error)
        return False
    return answer.status < 400
