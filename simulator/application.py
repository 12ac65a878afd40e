"""The web application: every dialect's routes, the sink, the control API and the page."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from simulator import control, page
from simulator.dialects import DIALECTS
from simulator.dialects.base import Dialect, Endpoint
from simulator.dialects.meta_media import PICTURE
from simulator.engine import read_call, respond
from simulator.sink import Sink
from simulator.world import World

_BODY_LIMIT = 4 * 1024 * 1024
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(world: World) -> web.Application:
    app = web.Application(client_max_size=_BODY_LIMIT)
    for dialect in DIALECTS.values():
        app.router.add_post(dialect.send_path, _sending(world, dialect))
        for endpoint in dialect.endpoints:
            app.router.add_route(endpoint.method, endpoint.path, _serving(world, endpoint))
    sink = Sink(world.behaviour, world.journal)
    app.router.add_post("/sink/{account}/{kind:delivery|inbound|subscribe}", sink.receive)
    app.router.add_routes(control.routes(world))
    app.router.add_get("/files/picture.png", _picture)
    app.router.add_get("/", page.show)
    return app


async def _picture(request: web.Request) -> web.StreamResponse:
    """Media that a BSP gives to anybody who has its address."""
    return respond(PICTURE)


def _sending(world: World, dialect: Dialect) -> _Handler:
    async def send(request: web.Request) -> web.StreamResponse:
        return await world.engine.send(dialect, request)

    return send


def _serving(world: World, endpoint: Endpoint) -> _Handler:
    async def serve(request: web.Request) -> web.StreamResponse:
        return respond(endpoint.answer(await read_call(request), world.accounts, world.catalogue))

    return serve
