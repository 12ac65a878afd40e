"""The ASGI application: machines are answered on the event loop, people's pages in threads.

Machines wait for one thing, the commit of what they posted, so thousands of them need no thread. Nothing on
the loop may take long: queries, and work on large bodies, go through `lib/aside.py`.
"""

import asyncio
import gc
import logging
import os
import re
from random import getrandbits

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from config import wsgi  # the apps are loaded with it, before what follows  # isort: skip
from config import urls  # noqa: F401  (all pages, which the first caller would have to wait for)  # isort: skip

from django.http import HttpRequest

from config import health
from config.pages import Pages
from lib import addresses, aside, schema
from lib.logs import bound
from lib.plain_api import MachineHandler, Receive, Scope, Send, respond
from lib.version import VERSION
from operations.metrics.reporting import Reporter

logger = logging.getLogger(__name__)

# /v1/…/messages, the callbacks, and short links, so that a redirect takes no longer than it must. The
# template list is a page like others: it needs Django's connection upkeep.
MACHINE_PATHS = re.compile(r"/v1/[^/]+/messages/?$|/callbacks/|/webhooks/|/1/upload/?$|/l/")

# What a proxy may call a request; anything else could pass for another line of the log.
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

people = Pages(wsgi.application)
machines = MachineHandler()
probes = aside.Threads("readyz", 4)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request = given if REQUEST_ID.fullmatch(given) else f"{getrandbits(48):012x}"
        with bound(request=request, address=addresses.caller_in(scope)):
            await _answer(scope, receive, send)
    elif scope["type"] == "lifespan":
        await _live(receive, send)
    else:
        await send({"type": "websocket.close"})


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    path = scope["path"]
    if MACHINE_PATHS.match(path):
        await machines(scope, receive, send)
    elif path == "/livez":  # tells that the loop is alive, so it needs no thread
        await respond(scope, send, health.livez(HttpRequest()))
    elif path == "/readyz":  # nor may it wait for pages, which may all wait for the database
        await respond(scope, send, await probes.run(health.readyz, HttpRequest()))
    else:
        await people(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    reporter = Reporter("web", asyncio.get_running_loop())
    while True:
        kind = (await receive())["type"]
        if kind == "lifespan.startup":
            if words := await aside.run(schema.problem):
                logger.critical("%s", words)
                await send({"type": "lifespan.startup.failed", "message": words})
                return
            _settle()
            reporter.start()
            logger.info("Waypost %s: the web has started", VERSION)
        else:
            await aside.run(reporter.end)
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


def _settle() -> None:
    """What is loaded by now stays, so no collection need look at it again and again."""
    gc.collect()
    gc.freeze()
