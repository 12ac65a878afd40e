"""The events of a message after it was accepted, in the order of the webhooks."""

import random
import secrets
from dataclasses import dataclass

from simulator.behaviour import Behaviour, Reaction, Script
from simulator.dialects.base import Inbound, Message, Status

Event = Status | Inbound


@dataclass(frozen=True, slots=True)
class Step:
    """One event, and when its webhook leaves: in seconds after the message was accepted."""

    after: float
    event: Event


def plan(
    message: Message, script: Script, behaviour: Behaviour, clicks: bool, chance: random.Random
) -> list[Step]:
    """The steps of one message. `clicks`: the BSP reports clicks, else a tap is an inbound button."""
    statuses, failure, copies = script.statuses, script.failure, script.copies
    if not failure and statuses and behaviour.fail_fraction and chance.random() < behaviour.fail_fraction:
        statuses, failure = ("failed",), behaviour.fail_code
    if behaviour.duplicate_fraction and chance.random() < behaviour.duplicate_fraction:
        copies = max(copies, 2)
    sent, delivered, read = behaviour.delays
    if script.reaction is Reaction.WEBHOOK_FIRST:
        sent = 0.0
    times = {"sent": sent, "failed": sent, "delivered": delivered, "read": read}
    steps = [
        Step(times[status], Status(message, status, message.at + times[status], failure))
        for status in statuses
    ]
    if script.then and not failure:
        steps.append(_follow_up(message, script, steps, behaviour.follow_up, clicks))
        steps.sort(key=lambda step: step.after)
    if script.backwards or behaviour.shuffle:
        steps = _disordered(steps, script.backwards, chance)
    return [step for step in steps for _ in range(copies)]


def _follow_up(message: Message, script: Script, steps: list[Step], wait: float, clicks: bool) -> Step:
    if script.then == "reply":
        # Users answer a message that they see: the reply follows the delivery, not the read receipt.
        after = steps[1].after + wait
        return Step(after, _written(message, message.at + after, text="Thanks, got it"))
    after = steps[-1].after + wait
    if clicks:
        return Step(after, Status(message, "clicked", message.at + after))
    tap = _written(message, message.at + after, type="button", text="Yes, please", payload="yes")
    return Step(after, tap)


def _written(message: Message, at: float, text: str, type: str = "text", payload: str = "") -> Inbound:
    return Inbound(
        id="in-" + secrets.token_hex(8),
        sender=message.send.to,
        at=at,
        type=type,
        text=text,
        payload=payload,
        reply_to=message,
    )


def _disordered(steps: list[Step], backwards: bool, chance: random.Random) -> list[Step]:
    """All events posted at the end, in another order than they happened."""
    end = max((step.after for step in steps), default=0.0)
    events = [step.event for step in steps]
    if backwards:
        events.reverse()
    else:
        chance.shuffle(events)
    return [Step(end, event) for event in events]
