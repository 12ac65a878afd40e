"""The story of one message, put together from its rows: what happened, when, and what came of it.

Pure: rows in, steps out, oldest first. Steps are placed by our own clock. The text of a report
says when it happened by the BSP's clock, and how long it took to reach us.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from campaigns.models import Attempt, Event, Forward, Message, Pricing
from lib import display
from lib.admin import Tone
from lib.phone_masking import Eyes
from providers.messages import Outcome, ReportCode

LATE = 1000  # milliseconds; CleverTap gives up on an answer that takes longer


@dataclass(frozen=True, slots=True)
class Step:
    """`facts` are label and value, `blocks` title and long text, `call` and `reply` ids to link to."""

    at: datetime
    rank: int
    title: str
    tone: Tone = ""
    badge: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    blocks: tuple[tuple[str, str], ...] = ()
    curl: str = ""
    call: int | None = None
    reply: int | None = None

    @property
    def clock(self) -> str:
        return display.clock(self.at)


class Answer(Protocol):
    """An inbound message, as far as the story needs it."""

    pk: int
    kind: str
    text: str
    first_text: str
    edited_at: datetime | None
    deleted_at: datetime | None
    received_at: datetime
    owed_since: datetime
    forward: int
    forward_attempts: int
    forward_error: str
    forwarded_at: datetime | None
    forward_log: int | None


class Note(Protocol):
    """An entry of the admin's log."""

    action_time: datetime
    user: Any
    change_message: str


def build(
    message: Message,
    attempts: Iterable[Attempt],
    events: Iterable[Event],
    replies: Iterable[Any],
    log: Iterable[Any],
) -> list[Step]:
    steps = [_accepted(message)]
    steps += [_attempt(attempt) for attempt in attempts]
    for event in events:
        steps.append(_event(event))
        if event.forward != Forward.NONE:
            steps.append(_forward(event, event.get_kind_display().lower()))
    if pricing := getattr(message, "pricing", None):
        steps.append(_pricing(pricing))
    for reply in replies:
        steps.append(_reply(reply))
        if reply.forward != Forward.NONE:
            steps.append(_forward(reply, "inbound message"))
    steps += [_note(note) for note in log]
    return sorted(steps, key=lambda step: (step.at, step.rank))


def shown(steps: Iterable[Step], eyes: Eyes) -> list[Step]:
    """The story as the user may see it: numbers are masked for those who may not see them."""
    return [
        replace(
            step,
            title=eyes.text(step.title),
            facts=tuple((name, eyes.text(value)) for name, value in step.facts),
            blocks=tuple((title, eyes.text(text)) for title, text in step.blocks),
            curl=eyes.text(step.curl),
        )
        for step in steps
    ]


def _facts(**facts: object) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name.replace("_", " "), str(value)) for name, value in facts.items() if value not in ("", None)
    )


def _accepted(message: Message) -> Step:
    late = message.answer_ms > LATE
    facts = _facts(
        Answered_in=f"{message.answer_ms} ms" if message.answer_ms else "",
        Too_late="CleverTap waits one second only: it may count this message as an error." if late else "",
        Tolerated="; ".join(message.notes),
    )
    # CleverTap's own tests, and messages that began here.
    title = "Accepted" if message.untracked or not message.reported else "Accepted from CleverTap"
    return Step(
        message.accepted_at, 0, title, "warning" if late else "success", "late accept" if late else "", facts
    )


_OUTCOMES: dict[str, tuple[str, Tone]] = {
    Outcome.ACCEPTED: ("submitted", "success"),
    Outcome.THROTTLED: ("the BSP asked for a break", "warning"),
    Outcome.RETRY: ("not accepted, to be retried", "warning"),
    Outcome.STOPPED: ("refused because of the account, back in the queue", "warning"),
    Outcome.REJECTED: ("refused", "danger"),
    Outcome.UNKNOWN: ("no answer: it may have been sent", "warning"),
}


def _attempt(attempt: Attempt) -> Step:
    words, tone = _OUTCOMES.get(attempt.outcome, (attempt.outcome, ""))
    request = _request(attempt.request)
    body = display.body(str(request.get("body", "")))
    facts = _facts(
        Took=f"{attempt.milliseconds} ms" if attempt.milliseconds is not None else "",
        HTTP_status=attempt.response_status,
        BSP_code=attempt.bsp_code,
        BSP_text=attempt.text,
        BSP_id=attempt.bsp_id,
    )
    blocks = [("Request", _head(request) + "\n\n" + body if request else "")]
    blocks.append(("Response", display.body(attempt.response_body)))
    return Step(
        attempt.started_at, 2, f"Attempt {attempt.number}: {words}", tone, attempt.outcome, facts,
        tuple(block for block in blocks if block[1]),
        curl=display.curl(*(request[part] for part in _PARTS)) if request else "",
    )  # fmt: skip


_PARTS = ("method", "url", "headers", "body")


def _request(stored: str) -> dict[str, Any]:
    try:
        request = msgspec.json.decode(stored)
    except msgspec.DecodeError:
        return {}
    complete = isinstance(request, dict) and request.keys() >= set(_PARTS)
    return request if complete else {}


def _head(request: Mapping[str, Any]) -> str:
    headers = [f"{name}: {value}" for name, value in request["headers"].items()]
    return "\n".join([f"{request['method']} {request['url']}", *headers])


_KINDS: dict[int, tuple[str, Tone]] = {
    Event.Kind.SENT: ("Sent", "info"),
    Event.Kind.DELIVERED: ("Delivered", "success"),
    Event.Kind.READ: ("Viewed", "success"),
    Event.Kind.FAILED: ("Failed", "danger"),
    Event.Kind.CLICKED: ("Clicked", "success"),
    Event.Kind.REPLIED: ("Replied", "success"),
    Event.Kind.REACTED: ("Reacted", "success"),
}


def said_once(text: str) -> str:
    """A BSP's words without what they repeat: some give the code as its own explanation."""
    code, _, words = text.partition(": ")
    return words if words.startswith(code) else text


def code_words(code: int | None) -> str:
    """CleverTap's code with its meaning: `1002 phone`."""
    if code is None:
        return ""
    known = code in ReportCode.__members__.values()
    return f"{code} {ReportCode(code).name.replace('_', ' ').lower()}" if known else str(code)


def _event(event: Event) -> Step:
    title, tone = _KINDS.get(event.kind, (str(event.kind), ""))
    by_bsp = event.at != event.received_at  # equal where no BSP gave a time, as for our own failures
    facts = _facts(
        BSP_time=display.to_second(event.at) if by_bsp else "",
        Lag=_lag(event.received_at - event.at) if by_bsp else "",
        CleverTap_code=code_words(event.code),
        BSP_code=event.bsp_code,
        Reason="" if event.kind == Event.Kind.REACTED else said_once(event.text),
        Emoji=event.text if event.kind == Event.Kind.REACTED else "",
        Link=event.url,
        Short_link=event.short_url,
        Browser=event.user_agent,
    )
    return Step(event.received_at, 3, title, tone, facts=facts)


def _pricing(pricing: Pricing) -> Step:
    billable = "" if pricing.billable is None else "yes" if pricing.billable else "no"
    facts = _facts(Category=pricing.category, Type=pricing.type, Billable=billable)
    return Step(pricing.received_at, 3, "Priced by WhatsApp", facts=facts)


def _lag(lag: timedelta) -> str:
    if lag < timedelta(seconds=-1):
        return f"none: the BSP's clock is {display.length(-lag)} ahead of ours"
    return display.length(max(lag, timedelta()))


_FORWARDS: dict[int, tuple[str, Tone]] = {
    Forward.PENDING: ("Waiting to be forwarded to CleverTap", "info"),
    Forward.DONE: ("Forwarded to CleverTap", "success"),
    Forward.PARKED: ("Parked: CleverTap did not accept it", "danger"),
}


def _forward(item: Event | Answer, what: str) -> Step:
    words, tone = _FORWARDS[item.forward]
    facts = _facts(Tries=item.forward_attempts, Error=item.forward_error)
    at = item.forwarded_at or max(item.owed_since, item.received_at)
    return Step(at, 4, f"{words} ({what})", tone, facts=facts, call=item.forward_log or None)


# What comes in about a message without being an answer to it.
_NO_ANSWERS = {
    "reaction": "Reaction",
    "edit": "Answer edited",
    "revoke": "Answer deleted by its sender",
    "unsupported": "A kind of message that WhatsApp does not pass on",
    "ephemeral": "Disappearing message",
    "welcome": "Chat opened",
    "group": "Written in a group",
    "system": "WhatsApp's own notice",
    "echo": "Written with the WhatsApp app",
    "history": "From the chat's history",
    "call": "Call",
}


def _reply(reply: Answer) -> Step:
    facts = _facts(
        Text=reply.text,
        From_ad=str(getattr(reply, "referral", "")),
        First_written=reply.first_text,
        Edited=display.to_second(reply.edited_at) if reply.edited_at else "",
        Deleted_by_its_sender=display.to_second(reply.deleted_at) if reply.deleted_at else "",
    )
    title = _NO_ANSWERS.get(reply.kind) or f"Answered with {reply.kind}"
    return Step(reply.received_at, 3, title, "info", facts=facts, reply=reply.pk)


def _note(note: Note) -> Step:
    return Step(note.action_time, 1, f"{note.change_message.rstrip('.')} by {note.user}")
