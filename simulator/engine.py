"""Takes a send in any dialect, decides what happens to it, and answers."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, replace

from aiohttp import web

from simulator.accounts import Account, Accounts
from simulator.behaviour import USUAL, AnswerMode, Behaviour, Reaction, Script, script_for
from simulator.courier import Courier
from simulator.dialects.base import Answer, Call, Dialect, Failure, Inbound, Message, Refusal, Send
from simulator.journal import Journal, SendRecord
from simulator.journeys import Step, plan
from simulator.templates import Catalogue

_HTML = b"<html><head><title>Gateway</title></head><body><h1>%s</h1></body></html>"
_OUTAGE = Answer(503, _HTML % b"503 Service Unavailable", "text/html")
_ODD_SUCCESS = Answer(200, _HTML % b"OK", "text/html")
_EMPTY = Answer(200, b"")
_NO_TEMPLATE = "no approved template with this name and language"
_NO_CREDENTIALS = "the credentials are not valid"
_WEBHOOK_LEAD = 0.3  # seconds from taking a message to its late answer
_LOOK_AGAIN = 0.05  # seconds between checks whether an answer must still wait


@dataclass(frozen=True, slots=True)
class _Arrival:
    """One request and what was read from it."""

    dialect: Dialect
    call: Call
    request: web.Request
    account: Account
    send: Send


class Engine:
    def __init__(
        self,
        accounts: Accounts,
        catalogue: Catalogue,
        behaviour: Behaviour,
        journal: Journal,
        courier: Courier,
    ) -> None:
        self._accounts = accounts
        self._catalogue = catalogue
        self._behaviour = behaviour
        self._journal = journal
        self._courier = courier
        self.closing = False
        self.clear()

    def clear(self) -> None:
        self._attempts: Counter[tuple[str, str, str]] = Counter()
        self._chance = random.Random(1)  # so that two runs have the same random failures

    async def send(self, dialect: Dialect, request: web.Request) -> web.StreamResponse:
        call = await read_call(request)
        self._journal.count(f"requests.{dialect.name}")
        self._journal.seen("request")
        account = self._accounts.identified(dialect.name, dialect.caller(call))
        if account is None:
            self._note(dialect, call, "", "stranger")
            return await self._answer(dialect.stranger(call))
        try:
            if not dialect.trusts(account, call):
                raise Refusal(Failure.CREDENTIALS, _NO_CREDENTIALS)
            templates = self._catalogue.of(account.name)
            send = dialect.read(replace(call, account=account, templates=templates))
        except Refusal as refusal:
            self._note(dialect, call, account.name, _word(refusal), detail=refusal.detail)
            return await self._answer(dialect.refuse(refusal))
        return await self._react(_Arrival(dialect, call, request, account, send))

    # what the sender sees

    async def _react(self, arrival: _Arrival) -> web.StreamResponse:
        dialect, send, account = arrival.dialect, arrival.send, arrival.account
        if send.practice:
            self._note_send(arrival, "practice")
            return await self._answer(dialect.accept(Message("", account, send, time.time())))
        script = script_for(send.to, self._behaviour)
        attempt = self._attempt(account, send, script)
        reaction = script.reaction
        refusal = self._refusal(account, send, reaction)
        if refusal is not None:
            self._note_send(arrival, _word(refusal), attempt=attempt, detail=refusal.detail)
            return await self._answer(dialect.refuse(refusal))
        if reaction is Reaction.CLOSE:
            self._note_send(arrival, reaction.value, attempt=attempt)
            return hang_up(arrival.request)
        mode = self._mode(account, reaction, attempt)
        if mode == "throttle":
            self._note_send(arrival, Reaction.THROTTLE_ONCE.value, attempt=attempt)
            answer = dialect.refuse(Refusal(Failure.THROTTLED, "too many requests"))
            return await self._answer(answer, {"Retry-After": str(self._behaviour.throttle_seconds)})
        if mode == "outage":
            self._note_send(arrival, Reaction.OUTAGE_ONCE.value, attempt=attempt)
            return await self._answer(_OUTAGE, {"Retry-After": "1"})
        return await self._take(arrival, script, attempt)

    def _mode(self, account: Account, reaction: Reaction, attempt: int) -> AnswerMode:
        """How it answers, by the account's setting, or by the recipient the first time."""
        once: dict[Reaction, AnswerMode] = {
            Reaction.THROTTLE_ONCE: "throttle",
            Reaction.OUTAGE_ONCE: "outage",
        }
        usual = once.get(reaction, "ok") if attempt == 1 else "ok"
        return self._behaviour.answer_modes.get(account.name, usual)

    async def _take(self, arrival: _Arrival, script: Script, attempt: int) -> web.StreamResponse:
        """Accepts the message, whatever the sender gets as an answer."""
        dialect, account = arrival.dialect, arrival.account
        message = Message(dialect.new_id(arrival.send), account, arrival.send, time.time())
        reaction = script.reaction
        odd = reaction in (Reaction.HANG, Reaction.EMPTY, Reaction.HTML, Reaction.WEBHOOK_FIRST)
        kind = reaction.value if odd else Reaction.ACCEPT.value
        self._journal.count("taken")
        self._journal.remember(message)
        record = self._note_send(arrival, kind, attempt=attempt, message_id=message.id)
        early = reaction in (Reaction.HANG, Reaction.WEBHOOK_FIRST)
        if early:
            self._send_off(dialect, message, script, record)
        if reaction is Reaction.HANG:
            await self._hold(arrival.request)
            return hang_up(arrival.request)
        if reaction is Reaction.WEBHOOK_FIRST:
            await asyncio.sleep(_WEBHOOK_LEAD)
        odd_answers = {Reaction.EMPTY: _EMPTY, Reaction.HTML: _ODD_SUCCESS}
        response = await self._answer(odd_answers.get(reaction) or dialect.accept(message))
        if not early:
            message.at = time.time()
            self._send_off(dialect, message, script, record)
        return response

    def _send_off(
        self, dialect: Dialect, message: Message, script: Script, record: SendRecord | None
    ) -> None:
        if self._behaviour.webhooks:
            steps = plan(message, script, self._behaviour, dialect.reports_clicks, self._chance)
            self._courier.send_off(dialect, message.account, steps, record)

    def inbound(self, dialect: Dialect, account: Account, event: Inbound) -> None:
        """The user writes of their own accord, not by a script."""
        steps = [Step(0.0, one) for one in dialect.inbound_events(event)]
        self._courier.send_off(dialect, account, steps, None)

    def _attempt(self, account: Account, send: Send, script: Script) -> int:
        if not self._journal.recording and script is USUAL:
            return 1  # not counted: millions of references would fill the memory
        key = (account.name, send.to, send.label)  # without the reference, which may change at each attempt
        self._attempts[key] += 1
        return self._attempts[key]

    def _refusal(self, account: Account, send: Send, reaction: Reaction) -> Refusal | None:
        if reaction is Reaction.REFUSE_TEMPLATE:
            return Refusal(Failure.TEMPLATE, _NO_TEMPLATE)
        if reaction is Reaction.REFUSE_CREDENTIALS:
            return Refusal(Failure.CREDENTIALS, _NO_CREDENTIALS)
        if not self._behaviour.check_templates or send.template is None:
            return None
        problem = self._catalogue.problem(account.name, send.template)
        return Refusal(Failure.TEMPLATE, problem[1], problem[0]) if problem else None

    async def _answer(self, answer: Answer, headers: dict[str, str] | None = None) -> web.Response:
        """Answers after the delay, or as soon as a shorter one is set."""
        began = time.monotonic()
        while (left := began + self._behaviour.answer_delay - time.monotonic()) > 0 and not self.closing:
            await asyncio.sleep(min(left, _LOOK_AGAIN))
        return respond(answer, headers)

    async def _hold(self, request: web.Request) -> None:
        end = time.monotonic() + self._behaviour.hold
        while time.monotonic() < end and not self.closing:
            if request.transport is None or request.transport.is_closing():
                return
            await asyncio.sleep(_LOOK_AGAIN)

    def _note_send(
        self, arrival: _Arrival, answer: str, attempt: int = 1, message_id: str = "", detail: str = ""
    ) -> SendRecord | None:
        name, send = arrival.account.name, arrival.send
        return self._note(arrival.dialect, arrival.call, name, answer, send, attempt, message_id, detail)

    def _note(
        self,
        dialect: Dialect,
        call: Call,
        account: str,
        answer: str,
        send: Send | None = None,
        attempt: int = 1,
        message_id: str = "",
        detail: str = "",
    ) -> SendRecord | None:
        self._journal.count(f"answers.{answer}")
        if not self._journal.recording:
            return None
        record = SendRecord(
            seq=self._journal.seq(),
            at=time.time(),
            dialect=dialect.name,
            account=account,
            to=send.to if send else "",
            reference=send.reference if send else "",
            label=send.label if send else "",
            message_id=message_id,
            attempt=attempt,
            answer=answer,
            detail=detail,
            headers=dict(call.headers),
            body=send.content if send else call.body.decode("utf-8", "replace"),
        )
        self._journal.keep(self._journal.requests, record)
        return record


def _word(refusal: Refusal) -> str:
    return "unauthorised" if refusal.failure is Failure.CREDENTIALS else "refused"


async def read_call(request: web.Request) -> Call:
    return Call(
        method=request.method,
        origin=f"{request.scheme}://{request.host}",
        path=request.path,
        params=request.match_info,
        query=request.query,
        headers=request.headers,
        body=await request.read(),
    )


def respond(answer: Answer, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=answer.status,
        body=answer.body,
        headers={"Content-Type": answer.content_type, **(headers or {})},
    )


def hang_up(request: web.Request) -> web.Response:
    """Close the connection; the response is for a reader who is no longer there."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
