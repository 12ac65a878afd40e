"""From a request body to a committed message, or to a refusal that names what is wrong."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import time
from typing import NamedTuple

import msgspec
from django.db import DatabaseError

from audience import opting
from campaigns.ledger import entries, ledger
from campaigns.ledger.entries import Accepted, Late
from campaigns.models import Message
from identities import known
from lib import aside, phone
from lib.group_commit import GroupCommit
from lib.logs import bind
from lib.user_ids import is_user_id
from lib.wakeup import wake
from providers import refused_calls
from providers.auth import ProviderAccess
from providers.dialects.clevertap.requests import Send, belongs_to, decode, is_verification, read_send, unwrap
from providers.messages import AnswerCode, Outbound, Refused, TemplateContent
from templates_app.gate.check import PASSED, Rules
from templates_app.gate.prepare import Prepared, prepare
from templates_app.models import Template

_encode = msgspec.json.Encoder().encode
EXCERPT = 4000
GIVEN_UP = 1.0  # seconds after which CleverTap counts an error, whatever we answer then


async def receive(access: ProviderAccess, body: bytes, began: float) -> None:
    """Commits the message in `body`. When it returns, the answer may be "success".

    `began` is the request's arrival in epoch seconds. Raises Malformed (no request at all),
    Refused (a request that cannot be sent; noted for operators), group_commit.Overloaded, or
    a database error when nothing could be stored.
    """
    found = await aside.by_size(len(body), read, access, body, began)
    if found.entry is not None:
        bind(msg_id=found.entry.msg_id)
    if found.is_verification:
        refused_calls.note(access.provider_id, refused_calls.What.VALIDATED)
    if found.entry is None:
        return
    await _writer.submit(found.entry)
    if found.refused is not None:
        raise found.refused


class Read(NamedTuple):
    """The result of reading a request: the row to store, if there is one, and the refusal to answer with.
    CleverTap's validation has no row, nor have tests that are not sent on."""

    entry: Accepted | entries.Refused | None = None
    refused: Refused | None = None
    is_verification: bool = False


def read(access: ProviderAccess, body: bytes, began: float) -> Read:
    """Reads and checks the message. Raises Malformed."""
    payload = decode(body)
    if access.quirks.unwrap_body:
        payload = unwrap(payload)
    if is_verification(payload):
        return Read(is_verification=True)
    try:
        send = addressed(access, read_send(payload, access.quirks.default_country))
        notes = check(access, send, began)
    except Refused as refused:
        return Read(_refusal(access, payload, body, refused, began), refused)
    if send.is_test and not _goes_out(access, send):
        return Read()
    return Read(accepted(access, send, notes, body, began))


def addressed(access: ProviderAccess, send: Send) -> Send:
    """The message, addressed to the number of its user id if that is known. Raises Refused if it has no
    address."""
    if not is_user_id(send.to):
        return send
    if number := known.numbers([send.to]).get(send.to):
        return msgspec.structs.replace(send, to=number)
    if not access.connector.sends_to_user_ids:
        label = access.connector.label
        raise Refused(AnswerCode.PHONE, f"to: no number is known of {send.to}, and {label} needs one")
    return send


def check(access: ProviderAccess, send: Send, now: float) -> list[str]:
    """What can be known before queueing. Raises Refused; returns oddities to note."""
    notes = list(send.notes)
    if send.waba_number and not phone.same(send.waba_number, access.waba_number):
        note = f"wabaNumber {send.waba_number} is not this provider's {access.waba_number}"
        if access.quirks.waba_match == "strict":
            raise Refused(AnswerCode.OTHER, note)
        notes.append(note)
    content = send.content
    offer = content.offer if isinstance(content, TemplateContent) and not send.is_test else None
    if offer and 0 < offer.expires_ms <= now * 1000:
        raise Refused(AnswerCode.TEMPLATE, "limited_time_offer: expiration_time_ms is in the past")
    rules = Rules(access.unknown_templates, access.stopped_templates, 0.0 if send.is_test else now)
    prepared = prepare(access.provider_id, content, rules)
    notes += prepared.notes
    category = prepared.template.category if prepared.template else ""
    if category == Template.Category.AUTHENTICATION and is_user_id(send.to):
        raise Refused(AnswerCode.PHONE, "to: WhatsApp sends authentication templates to phone numbers only")
    marketing = category == Template.Category.MARKETING
    if marketing and not send.is_test and opting.refused(access.provider_id, send.to):
        raise Refused(AnswerCode.NOT_SUBSCRIBED, "This number stopped marketing messages in WhatsApp")
    try:
        if not access.config.sealed:  # no credentials: sending builds it again
            _build(access, send, prepared)
    except Refused as refused:
        if not prepared.stale or refused.code != AnswerCode.TEMPLATE:
            raise
        notes.append(PASSED.format(problem=refused.message))
    return notes


def _build(access: ProviderAccess, send: Send, prepared: Prepared) -> None:
    """Builds the BSP's request, so that CleverTap hears at once what the BSP cannot express."""
    outbound = Outbound(
        reference="wp-0-0",
        msg_id=send.msg_id,
        to=send.to,
        sender=access.waba_number,
        content=prepared.sample(send.is_test),
        custom_props=send.custom_props,
        registered=prepared.registered,
    )
    access.connector.build_request(outbound, access.config)


def _goes_out(access: ProviderAccess, send: Send) -> bool:
    """Whether a message with the id 0|0|0|0, a test send or template check, is sent on."""
    if access.quirks.dispatch_tests == "listed":
        return send.to in {phone.digits(number) for number in access.quirks.test_numbers.split(",")}
    return access.quirks.dispatch_tests == "always"


def accepted(access: ProviderAccess, send: Send, notes: list[str], body: bytes, began: float) -> Accepted:
    """The row of a message that was checked; `body` is the payload it came in."""
    content = send.content
    is_template = isinstance(content, TemplateContent)
    arrived = datetime.fromtimestamp(began, UTC)
    return Accepted(
        provider_id=access.provider_id,
        msg_id=send.msg_id,
        untracked=send.is_test,
        to=send.to,
        to_raw=send.to_raw[:160],
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
    access: ProviderAccess, payload: dict[str, object], body: bytes, refused: Refused, began: float
) -> entries.Refused:
    msg_id = str(payload.get("msgId") or payload.get("msg_id") or "")
    campaign, variant, template, untracked = belongs_to(payload)
    return entries.Refused(
        provider_id=access.provider_id,
        received_at=datetime.fromtimestamp(began, UTC),
        code=int(refused.code),
        text=refused.message.replace("\x00", "")[:500],
        msg_id=msg_id.replace("\x00", "")[:255],
        to_raw=str(payload.get("to") or "").replace("\x00", "")[:64],
        campaign=campaign,
        variant=variant,
        template=template,
        untracked=untracked,
        payload=body.decode("utf-8", "replace").replace("\x00", "")[:EXCERPT],
    )


Entry = Accepted | entries.Refused


def _write(group: Sequence[Entry]) -> None:
    """One group of entries in one transaction, the time to answer filled in at the last moment."""
    now = time()
    timed: list[Entry] = []
    queued = set()
    for entry in group:
        if isinstance(entry, Accepted):
            entry = entry._replace(answer_ms=round((now - entry.accepted_at.timestamp()) * 1000))
            queued.add(entry.provider_id)
        timed.append(entry)
    ledger.accept(timed)
    _note_late(timed)
    for provider_id in queued:
        wake("campaigns.send", provider_id)


def _note_late(group: Sequence[Entry]) -> None:
    """Corrects the time to answer of messages that became late because of the commit itself."""
    now = time()
    late = []
    for entry in group:
        if isinstance(entry, Accepted) and entry.answer_ms <= GIVEN_UP * 1000:
            took = now - entry.accepted_at.timestamp()
            if took > GIVEN_UP:
                late.append(Late(entry.provider_id, entry.msg_id, entry.to, round(took * 1000)))
    with suppress(DatabaseError):  # they are committed, so "success" is true whatever fails here
        ledger.note_late(late)


_writer: GroupCommit[Entry] = GroupCommit(_write)
