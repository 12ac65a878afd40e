"""From a request body to a committed message, or to a refusal that names what is wrong."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import time

import msgspec
from django.db import DatabaseError

from campaigns import ledger
from campaigns.ledger import Accepted
from campaigns.models import Message
from lib import phone, sql
from lib.group_commit import GroupCommit
from lib.wake import wake
from providers.auth import Door
from providers.dialects import clevertap_send
from providers.dialects.clevertap_send import Send
from providers.messages import AnswerCode, Outbound, Refused, TemplateContent
from templates_app import door as templates
from templates_app import known

_encode = msgspec.json.Encoder().encode
EXCERPT = 4000


def receive(door: Door, body: bytes, began: float) -> None:
    """Commits the message in `body`; returns when "success" is true.

    `began` is the request's arrival in epoch seconds. Raises Malformed (no request at all),
    Refused (a request that cannot be sent; noted for operators), group_commit.Overloaded, or
    a database error when nothing could be stored.
    """
    payload = clevertap_send.decode(body)
    if door.quirks.unwrap_body:
        payload = clevertap_send.unwrap(payload)
    if clevertap_send.is_verification(payload):
        return
    try:
        send = clevertap_send.read(payload, door.quirks.default_country)
        notes = check(door, send, began)
    except Refused as refused:
        _writer.submit(_refusal(door, payload, body, refused, began))
        raise
    if send.is_test and not _goes_out(door, send):
        return
    _writer.submit(accepted(door, send, notes, body, began))
    took = time() - began
    if took > 1.0:
        _note_late(door, send, took)


def check(door: Door, send: Send, now: float) -> list[str]:
    """What can be known before queueing. Raises Refused; returns oddities to note."""
    notes = list(send.notes)
    if send.waba_number and not phone.same(send.waba_number, door.waba_number):
        note = f"wabaNumber {send.waba_number} is not this provider's {door.waba_number}"
        if door.quirks.waba_match == "strict":
            raise Refused(AnswerCode.OTHER, note)
        notes.append(note)
    content = send.content
    offer = content.offer if isinstance(content, TemplateContent) and not send.is_test else None
    if offer and 0 < offer.expires_ms <= now * 1000:
        raise Refused(AnswerCode.TEMPLATE, "limited_time_offer: expiration_time_ms is in the past")
    # Building the BSP's request here tells CleverTap at once what the BSP cannot express.
    template = known.find(door.provider_id, content)
    content = known.fit(content, template)
    templates.check(
        content, template, door.unknown_templates, door.stopped_templates, 0.0 if send.is_test else now
    )
    outbound = Outbound(
        "wp-0-0",
        send.msg_id,
        send.to,
        door.waba_number,
        templates.fill(content, template, send.is_test),
        send.custom_props,
        template.registered if template else None,
    )
    door.connector.build_request(outbound, door.config)
    return notes


def _goes_out(door: Door, send: Send) -> bool:
    """Whether a message with the id 0|0|0|0, a test send or template check, is sent on."""
    if door.quirks.dispatch_tests == "listed":
        return send.to in {phone.digits(number) for number in door.quirks.test_numbers.split(",")}
    return door.quirks.dispatch_tests == "always"


def accepted(door: Door, send: Send, notes: list[str], body: bytes, began: float) -> Accepted:
    """The row of a message that was checked; `body` is the payload it came in."""
    content = send.content
    is_template = isinstance(content, TemplateContent)
    arrived = datetime.fromtimestamp(began, UTC)
    return Accepted(
        provider_id=door.provider_id,
        msg_id=send.msg_id,
        untracked=send.is_test,
        to=send.to,
        to_raw=send.to_raw[:64],
        kind=(Message.Kind.TEMPLATE if is_template else Message.Kind.FREEFORM).value,
        template=content.name[:512] if isinstance(content, TemplateContent) else "",
        language=content.language[:16] if isinstance(content, TemplateContent) else "",
        campaign=send.campaign if is_template else "",
        batch=send.batch if is_template else "",
        variant=send.variant if is_template else "",
        payload=body.decode("utf-8", "replace").replace("\x00", ""),
        content=_encode(content).decode(),
        custom_props=_encode(send.custom_props).decode(),
        notes=_encode(notes).decode(),
        accepted_at=arrived,
        queued_at=arrived,
        next_attempt_at=arrived,
        answer_ms=0,
    )


def _refusal(
    door: Door, payload: dict[str, object], body: bytes, refused: Refused, began: float
) -> ledger.Refused:
    msg_id = str(payload.get("msgId") or payload.get("msg_id") or "").replace("\x00", "")[:255]
    return ledger.Refused(
        door.provider_id,
        datetime.fromtimestamp(began, UTC),
        int(refused.code),
        refused.message.replace("\x00", "")[:500],
        msg_id,
        str(payload.get("to") or "").replace("\x00", "")[:64],
        *clevertap_send.belongs_to(payload),
        body.decode("utf-8", "replace").replace("\x00", "")[:EXCERPT],
    )


Entry = Accepted | ledger.Refused


def _write(entries: Sequence[Entry]) -> None:
    """One group of entries in one transaction, the time to answer filled in at the last moment."""
    now = time()
    timed: list[Entry] = []
    queued = set()
    for entry in entries:
        if isinstance(entry, Accepted):
            entry = entry._replace(answer_ms=round((now - entry.accepted_at.timestamp()) * 1000))
            queued.add(entry.provider_id)
        timed.append(entry)
    ledger.accept(timed)
    for provider_id in queued:
        wake("campaigns.send", provider_id)


_writer: GroupCommit[Entry] = GroupCommit(_write)


def _note_late(door: Door, send: Send, took: float) -> None:
    """CleverTap gives up after a second: what we accept later, it books as an error."""
    mine = Message.objects.filter(provider_id=door.provider_id, msg_id=send.msg_id, to=send.to)
    # The message is committed, which is what the answer is about.
    with suppress(DatabaseError), sql.borrowed():
        mine.update(answer_ms=round(took * 1000))
