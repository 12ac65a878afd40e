"""A fake CleverTap that receives delivery reports, inbound messages and opt-outs, and fails where asked to.

The real one silently drops what it does not understand. This one names it among the unprocessed
records, so that a mistake in our format is noticed.
"""

import asyncio
import time
from typing import Any

import msgspec
from aiohttp import web

from simulator.behaviour import Behaviour
from simulator.engine import hang_up
from simulator.journal import Journal, SinkRecord

_STATUSES = {"sent", "delivered", "read", "failed", "clicked"}
_TYPES = {"text", "image", "video", "audio", "file", "location", "button"}
_OUTAGE = {"status": "fail", "error": "service unavailable"}
_UNAUTHORIZED = {"status": "fail", "error": "Unauthorized"}
_REJECTED = {"status": "fail", "error": "the payload is not in the expected format"}


class Sink:
    def __init__(self, behaviour: Behaviour, journal: Journal) -> None:
        self._behaviour = behaviour
        self._journal = journal

    async def receive(self, request: web.Request) -> web.StreamResponse:
        account, kind = request.match_info["account"], request.match_info["kind"]
        body = await request.read()
        try:
            payload = msgspec.json.decode(body)
        except msgspec.DecodeError:
            payload = body.decode("utf-8", "replace")
        records = _records(kind, payload)
        if kind == "subscribe" and not _logged_in(request):
            self._refuse(account, kind, payload, 401)
            return web.json_response(_UNAUTHORIZED, status=401)
        mode = self._behaviour.sink_mode_of(account)
        if mode == "slow":
            await asyncio.sleep(self._behaviour.sink_delay)
        if mode == "close":
            self._refuse(account, kind, payload, 0)
            return hang_up(request)
        if mode == "down":
            self._refuse(account, kind, payload, 503)
            return web.json_response(_OUTAGE, status=503)
        if mode == "reject_4xx" or not records:
            self._refuse(account, kind, payload, 400)
            return web.json_response(_REJECTED, status=400)
        verdicts = [self._unprocessed(kind, payload, record, mode) for record in records]
        unprocessed = [verdict for verdict in verdicts if verdict is not None]
        named = [str(one["record"].get("msgId", "")) for one in unprocessed]
        self._take(account, kind, payload, records, named)
        processed = len(records) - len(unprocessed)
        status = "success" if not unprocessed else "partial" if processed else "fail"
        return web.json_response({"status": status, "processed": processed, "unprocessed": unprocessed})

    def _unprocessed(
        self, kind: str, payload: dict[str, Any], record: dict[str, Any], mode: str
    ) -> dict[str, Any] | None:
        flaw = _FLAWS[kind](record)
        if kind != "subscribe" and payload.get("payloadVersion") != "0.1":
            flaw = 'payloadVersion must be "0.1"'
        if flaw:
            self._journal.count("sink.malformed")
            return {"status": "fail", "code": 512, "error": flaw, "record": record}
        chosen = self._behaviour.sink_unprocessed
        name = record.get("value") if kind == "subscribe" else record.get("msgId")
        if mode == "unprocessed" and (not chosen or name in chosen):
            return {"status": "fail", "code": 555, "error": "the record was not processed", "record": record}
        return None

    def _take(
        self, account: str, kind: str, payload: Any, records: list[dict[str, Any]], unprocessed: list[str]
    ) -> None:
        self._journal.seen("sink")
        self._journal.count(f"sink.{kind}")
        word = "type" if kind == "inbound" else "status"
        for record in records:
            self._journal.count(f"sink.{kind}.{str(record.get(word, '')).lower()}")
        if self._journal.recording:
            taken = self._record(account, kind, payload, 200, unprocessed)
            self._journal.keep(self._journal.sink, taken)

    def _refuse(self, account: str, kind: str, payload: Any, http_status: int) -> None:
        self._journal.count("sink.refused")
        if self._journal.recording:
            record = self._record(account, kind, payload, http_status, [])
            self._journal.keep(self._journal.sink_refused, record)

    def _record(
        self, account: str, kind: str, payload: Any, http_status: int, unprocessed: list[str]
    ) -> SinkRecord:
        return SinkRecord(
            seq=self._journal.seq(),
            at=time.time(),
            account=account,
            kind=kind,
            payload=payload,
            http_status=http_status,
            unprocessed=unprocessed,
        )


def _records(kind: str, payload: Any) -> list[dict[str, Any]]:
    """The statuses of a delivery report, the one inbound message, or the changes of the subscribe API;
    nothing in any other shape."""
    if not isinstance(payload, dict):
        return []
    if kind == "inbound":
        return [payload]
    statuses = payload.get("d" if kind == "subscribe" else "statuses")
    return [one for one in statuses if isinstance(one, dict)] if isinstance(statuses, list) else []


def _flaw_in_status(record: dict[str, Any]) -> str | None:
    status = str(record.get("status", "")).lower()
    if not isinstance(record.get("msgId"), str) or not record["msgId"]:
        return "msgId is missing"
    if status not in _STATUSES:
        return f"unknown status {status!r}"
    if status == "clicked":
        return None if record.get("url") and record.get("shortUrl") else "a click needs url and shortUrl"
    if not _is_epoch(record.get("timestamp")):
        return "timestamp must be epoch seconds as a text"
    error = record.get("error")
    if status == "failed" and not (isinstance(error, dict) and error.get("code") and error.get("title")):
        return "a failure needs error.code and error.title"
    return None


def _flaw_in_message(record: dict[str, Any]) -> str | None:
    kind = record.get("type")
    if kind not in _TYPES:
        return f"unknown type {kind!r}"
    if not all(str(record.get(name, "")).removeprefix("+").isdigit() for name in ("from", "wabaNumber")):
        return "from and wabaNumber must be numbers"
    if not _is_epoch(record.get("timestamp")):
        return "timestamp must be epoch seconds as a text"
    # CleverTap's own sample of a document calls the type file and the object document.
    names = (kind, "document") if kind == "file" else (kind,)
    if not any(isinstance(record.get(name), dict) for name in names):
        return f"the object {kind} is missing"
    return None


def _flaw_in_change(record: dict[str, Any]) -> str | None:
    """Of a record of the subscribe API. Source: CleverTap, Subscribe API."""
    number = record.get("value")
    if record.get("type") != "whatsapp":
        return "type must be whatsapp"
    if not isinstance(number, str) or not number.startswith("+") or not number[1:].isdigit():
        return "value must be + and a number"
    if record.get("status") not in ("Unsubscribe", "Resubscribe"):
        return "status must be Unsubscribe or Resubscribe"
    return None


def _logged_in(request: web.Request) -> bool:
    return all(request.headers.get(f"X-CleverTap-{name}") for name in ("Account-Id", "Passcode"))


def _is_epoch(value: object) -> bool:
    return isinstance(value, str) and value.isdigit() and len(value) == 10


_FLAWS = {"delivery": _flaw_in_status, "inbound": _flaw_in_message, "subscribe": _flaw_in_change}
