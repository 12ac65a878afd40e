"""The page to watch: what reached the fake BSPs, and what the fake CleverTap received."""

from html import escape
from pathlib import Path

from aiohttp import web

from simulator.behaviour import MAGIC

_PAGE = Path(__file__).with_name("page.html")


async def show(request: web.Request) -> web.Response:
    rows = [f"<tr><td>{end}</td><td>{escape(script.summary)}</td></tr>" for end, script in MAGIC.items()]
    text = _PAGE.read_text(encoding="utf-8").replace("<!--magic-->", "".join(rows))
    return web.Response(text=text, content_type="text/html")
