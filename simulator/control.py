"""The control API: what a simulator in another process is told and asked over HTTP."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from simulator.accounts import Account
from simulator.templates import Template

if TYPE_CHECKING:
    from simulator.server import Simulator

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_PAGE = 1000


class InboundRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A message the user writes. `reply_to` is a message id or a reference."""

    account: str
    sender: str = msgspec.field(name="from")
    type: str = "text"
    text: str = ""
    payload: str = ""
    media_url: str = ""
    mime_type: str = ""
    filename: str = ""
    latitude: float = 0.0
    longitude: float = 0.0
    name: str = "Asha"
    reply_to: str = ""


def routes(sim: "Simulator") -> list[web.RouteDef]:
    async def accounts(request: web.Request) -> object:
        content = msgspec.json.decode(await request.read())
        rows = content if isinstance(content, list) else [content]
        added = [sim.add_account(msgspec.convert(row, Account)) for row in rows]
        return {"accounts": [account.name for account in added]}

    async def behaviour(request: web.Request) -> object:
        sim.behaviour.update(msgspec.json.decode(await request.read()))
        return sim.behaviour

    async def show_behaviour(request: web.Request) -> object:
        return sim.behaviour

    async def templates(request: web.Request) -> object:
        rows = msgspec.json.decode(await request.read(), type=list[Template])
        sim.set_templates(request.match_info["account"], rows)
        return {"templates": len(rows)}

    async def reset(request: web.Request) -> object:
        sim.clear()
        return {"status": "ok"}

    async def summary(request: web.Request) -> object:
        names = [account.name for account in sim.accounts]
        return {**sim.journal.summary(), "pending": sim.pending, "accounts": names}

    async def inbound(request: web.Request) -> object:
        wanted = msgspec.json.decode(await request.read(), type=InboundRequest)
        return {"id": sim.write(wanted)}

    async def handshake(request: web.Request) -> object:
        content = msgspec.json.decode(await request.read(), type=dict[str, str])
        return {"verified": await sim.verify_webhook(content.get("account", ""))}

    def listing(name: str) -> Callable[[web.Request], Awaitable[object]]:
        async def show(request: web.Request) -> object:
            return _slice(getattr(sim.journal, name), request)

        return show

    return [
        web.post("/_control/accounts", _answering(accounts)),
        web.get("/_control/behaviour", _answering(show_behaviour)),
        web.post("/_control/behaviour", _answering(behaviour)),
        web.post("/_control/templates/{account}", _answering(templates)),
        web.post("/_control/reset", _answering(reset)),
        web.get("/_control/summary", _answering(summary)),
        web.post("/_control/inbound", _answering(inbound)),
        web.post("/_control/handshake", _answering(handshake)),
        *(
            web.get(f"/_control/{name}", _answering(listing(name)))
            for name in ("requests", "webhooks", "sink", "sink_refused")
        ),
    ]


def _answering(work: Callable[[web.Request], Awaitable[object]]) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            content, status = await work(request), 200
        except ValueError as error:  # which msgspec's own errors are too
            content, status = {"error": str(error)}, 400
        return web.Response(body=msgspec.json.encode(content), status=status, content_type="application/json")

    return handle


def _slice(records: list[Any], request: web.Request) -> dict[str, Any]:
    """Records after `since` (a seq), oldest first, at most `limit`; or the `latest` so many."""
    if latest := int(request.query.get("latest", 0)):
        rows = records[-latest:]
    else:
        since, limit = int(request.query.get("since", 0)), int(request.query.get("limit", _PAGE))
        start = next((n for n, record in enumerate(records) if record.seq > since), len(records))
        rows = records[start : start + limit]
    return {"records": rows, "last": rows[-1].seq if rows else int(request.query.get("since", 0))}
