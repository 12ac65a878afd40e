"""The control API: setting up and querying a simulator in another process, over HTTP."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from simulator.accounts import Account
from simulator.behaviour import codes_of
from simulator.dialects import DIALECTS
from simulator.templates import Template
from simulator.world import InboundRequest, World

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_PAGE = 1000


def routes(world: World) -> list[web.RouteDef]:
    async def accounts(request: web.Request) -> object:
        content = msgspec.json.decode(await request.read())
        rows = content if isinstance(content, list) else [content]
        added = [world.add_account(msgspec.convert(row, Account)) for row in rows]
        return {"accounts": [account.name for account in added]}

    async def behaviour(request: web.Request) -> object:
        world.behaviour.update(msgspec.json.decode(await request.read()))
        return world.behaviour

    async def show_behaviour(request: web.Request) -> object:
        return world.behaviour

    async def templates(request: web.Request) -> object:
        rows = msgspec.json.decode(await request.read(), type=list[Template])
        world.set_templates(request.match_info["account"], rows)
        return {"templates": len(rows)}

    async def reset(request: web.Request) -> object:
        world.clear()
        return {"status": "ok"}

    async def summary(request: web.Request) -> object:
        names = [account.name for account in world.accounts]
        codes = {each.name: codes_of(DIALECTS[each.dialect].failures) for each in world.accounts}
        return {**world.journal.summary(), "pending": world.pending, "accounts": names, "codes": codes}

    async def inbound(request: web.Request) -> object:
        wanted = msgspec.json.decode(await request.read(), type=InboundRequest)
        return {"id": world.write(wanted)}

    async def handshake(request: web.Request) -> object:
        content = msgspec.json.decode(await request.read(), type=dict[str, str])
        return {"verified": await world.verify_webhook(content.get("account", ""))}

    def listing(name: str) -> Callable[[web.Request], Awaitable[object]]:
        async def show(request: web.Request) -> object:
            return _slice(getattr(world.journal, name), request)

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
        except ValueError as error:  # msgspec's own errors are ValueErrors too
            content, status = {"error": str(error)}, 400
        return web.Response(body=msgspec.json.encode(content), status=status, content_type="application/json")

    return handle


def _slice(records: list[Any], request: web.Request) -> dict[str, Any]:
    """Records after `since` (a seq), oldest first, at most `limit`; or the newest `latest`."""
    if latest := int(request.query.get("latest", 0)):
        rows = records[-latest:]
    else:
        since, limit = int(request.query.get("since", 0)), int(request.query.get("limit", _PAGE))
        start = next((n for n, record in enumerate(records) if record.seq > since), len(records))
        rows = records[start : start + limit]
    return {"records": rows, "last": rows[-1].seq if rows else int(request.query.get("since", 0))}
