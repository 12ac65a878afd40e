"""The simulator's page: what reached the fake BSPs, and what the fake CleverTap received."""

from html import escape
from pathlib import Path

from aiohttp import web

from simulator.behaviour import MAGIC
from simulator.dialects.base import KINDS_OF_SOME

_KINDS = ("text", "button", "image", *sorted(KINDS_OF_SOME))
_PAGE = Path(__file__).with_name("page.html")


async def show(request: web.Request) -> web.Response:
    rows = [f"<tr><td>{end}</td><td>{escape(script.summary)}</td></tr>" for end, script in MAGIC.items()]
    kinds = [f"<option>{kind}</option>" for kind in _KINDS]
    text = _PAGE.read_text(encoding="utf-8").replace("<!--magic-->", "".join(rows))
    text = text.replace("<!--kinds-->", "".join(kinds))
    return web.Response(text=text, content_type="text/html")
