"""The real nginx, with the configuration that `manage.py proxy nginx` writes, before the product."""

import asyncio
import json
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from config.body_limits import FILES, ROOM
from config.proxy import FILE_SECONDS, Route, form, routes
from tests.deploy.calling import Caller, status
from tests.deploy.conftest import HOST, Site
from tests.gateway import SUCCESS, template
from tests.waiting import PATIENCE

pytestmark = pytest.mark.processes

AT_ONCE = 1700
STALLED = 200


@pytest.fixture
def stored(site: Site) -> Callable[[], int]:
    """How many messages came into the database during the test."""
    count = lambda: site.rows("SELECT count(*) FROM campaigns_message")[0][0]  # noqa: E731
    before = count()
    return lambda: count() - before


def test_connections_by_the_thousand_and_none_is_turned_away(site: Site, stored: Callable[[], int]) -> None:
    async def all_at_once() -> Counter[int]:
        callers = [Caller(site) for _ in range(AT_ONCE)]  # each keeps its connection until all are answered
        found = Counter(await asyncio.gather(*(caller.post_message() for caller in callers)))
        for caller in callers:
            caller.close()
        return found

    assert asyncio.run(all_at_once()) == {200: AT_ONCE}
    assert stored() == AT_ONCE


def test_a_restart_under_load_loses_no_request(site: Site, stored: Callable[[], int]) -> None:
    """One process after the other, as the docs say, while machines and people go on."""
    found: Counter[tuple[str, int]] = Counter()
    over = asyncio.Event()

    async def calling(kind: str) -> None:
        caller = Caller(site)
        while not over.is_set():
            if kind == "message":
                answer = await caller.post_message()
            elif kind == "form":  # without its token, which costs no hash of a password
                answer = await caller.ask("POST", "/admin/login/", b"login=mira", Referer=site.url)
            else:
                answer = await caller.ask("GET", "/admin/login/")
            found[kind, answer] += 1
            await asyncio.sleep(0.05)
        caller.close()

    async def restarting() -> None:
        for port in site.ports:
            before = found.total()
            await asyncio.to_thread(site.restart, port)
            assert found.total() > before, "nobody was answered meanwhile"
        over.set()

    async def both() -> None:
        kinds = ["message"] * 40 + ["form"] * 8 + ["page"] * 8
        await asyncio.gather(restarting(), *(calling(kind) for kind in kinds))

    asyncio.run(both())
    assert set(found) == {("message", 200), ("form", 403), ("page", 200)}
    assert stored() == found["message", 200]


def exchange(site: Site, head: str, *, host: str = HOST) -> bytes:
    """The first answer to a head that promises a body."""
    tls = ssl.create_default_context(cafile=str(site.certificate))
    with (
        socket.create_connection((HOST, site.port), timeout=PATIENCE) as plain,
        tls.wrap_socket(plain, server_hostname=HOST) as connected,
    ):
        connected.sendall(f"{head}Host: {host}\r\n\r\n".encode())
        return connected.recv(4096)


@pytest.mark.parametrize("path", [route.path for route in routes() if route.most] + ["/admin/"])
def test_a_body_may_be_as_long_as_the_product_takes(site: Site, path: str) -> None:
    """nginx says at once whether it wants the body."""
    most = next((route.most for route in routes() if route.path == path), form())
    if path.endswith("/"):
        path = {"/v1/": site.path, "/webhooks/": "/webhooks/x", "/callbacks/": "/callbacks/x/inbound"}.get(
            path, path
        )
    head = f"POST {path} HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: "
    assert status(exchange(site, f"{head}{most}\r\n")) == 100
    assert status(exchange(site, f"{head}{most + 1}\r\n")) == 413


def test_every_page_that_takes_files_has_a_limit_of_its_own() -> None:
    found = {route.path: route.most for route in routes() if route.seconds == FILE_SECONDS}
    assert sorted(found.values()) == sorted(most + 2 * ROOM for most in FILES.values())


def padded(content: Any, size: int) -> bytes:
    return json.dumps(content).encode().ljust(size)


def test_the_longest_bodies_arrive(site: Site, settings: Any) -> None:
    session = site.visit(**site.login, **{"Content-Type": "application/json"})
    message = padded(template(), settings.INTAKE_MAX_BODY)
    assert session.post(site.url + site.path, message, timeout=PATIENCE).content == SUCCESS
    longer = session.post(site.url + site.path, message + b" ", timeout=PATIENCE)
    assert "nginx" not in longer.text, "what is a little too long is answered by the product"
    assert longer.json()["message"]

    report = padded({}, settings.WEBHOOK_MAX_BODY)
    answer = session.post(site.reports_url, report, timeout=PATIENCE)
    assert answer.status_code == 200


def test_the_largest_files_arrive(site: Site) -> None:
    session = site.signed_in()
    for route in routes():
        if route.seconds == FILE_SECONDS and route.most < 50_000_000:
            assert _sent(site, session, route) == 200


def _sent(site: Site, session: requests.Session, route: Route) -> int:
    file = b"a;b\n" * ((route.most - 2 * ROOM) // 4)
    page = session.get(site.url + route.path, timeout=PATIENCE)
    form = {"csrfmiddlewaretoken": session.cookies["csrftoken"]}
    page = session.post(site.url + route.path, form, files={"file": ("a.csv", file)}, timeout=PATIENCE)
    assert "nginx" not in page.text
    return page.status_code


def test_bodies_that_never_come_stop_at_nginx(site: Site) -> None:
    tls = ssl.create_default_context(cafile=str(site.certificate))
    head = f"POST {site.path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100\r\n\r\n{{".encode()
    with ExitStack() as open_ones:
        stalled = []
        for _ in range(STALLED):
            plain = open_ones.enter_context(socket.create_connection((HOST, site.port), timeout=PATIENCE))
            stalled.append(open_ones.enter_context(tls.wrap_socket(plain, server_hostname=HOST)))
            stalled[-1].sendall(head)
        assert asyncio.run(Caller(site).post_message()) == 200
        for each in stalled:
            while each.recv(4096):
                pass  # until nginx ends it


def test_media_comes_as_it_is_and_its_address_is_in_no_log(site: Site) -> None:
    content = bytes(range(256)) * 40_000
    code = """
from django.core.files.base import ContentFile; from django.utils import timezone
from callbacks.models import Media, Reply; from callbacks.media.signed_urls import url
from providers.models import Provider
now = timezone.now(); told = dict(at=now, received_at=now, owed_since=now, content="{}")
reply = Reply.objects.create(provider=Provider.objects.get(), bsp_id="1", kind="image", **told)
media = Media(reply=reply, state=Media.State.STORED, next_attempt_at=now, content_type="image/png")
media.file.save("a.png", ContentFile(bytes(range(256)) * 40_000)); print(url(reply.pk))
"""
    address = site.run(code).split()[-1]
    answer = site.visit().get(address, timeout=PATIENCE)
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["Content-Type"] == "image/png"
    path = address.removeprefix(site.url)
    log = (site.directory / "access.log").read_text()
    assert "/admin/login/" in log or site.visit().get(f"{site.url}/admin/login/", timeout=PATIENCE).ok
    assert path not in log + site.errors


def test_pages_come_compressed_and_files_are_kept_for_a_year(site: Site) -> None:
    page = site.visit().get(f"{site.url}/admin/login/", timeout=PATIENCE)
    assert page.headers["Content-Encoding"] == "gzip"
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    style, *_ = [part for part in page.text.split('"') if part.startswith("/static/waypost/admin.")]
    found = site.visit(**{"Accept-Encoding": "br"}).get(site.url + style, stream=True, timeout=PATIENCE)
    assert found.headers["Content-Encoding"] == "br"
    assert "max-age=31536000" in found.headers["Cache-Control"].replace("315360000", "31536000")


def test_the_callers_address_is_the_one_that_nginx_saw(site: Site) -> None:
    session = site.visit(**{"X-Forwarded-For": "203.0.113.9"})
    session.get(f"{site.url}/admin/login/", timeout=PATIENCE)
    form = {"login": "mira", "password": "wrong", "csrfmiddlewaretoken": session.cookies["csrftoken"]}
    session.post(f"{site.url}/admin/login/", form, timeout=PATIENCE)
    assert site.rows("SELECT DISTINCT host(address::inet) FROM accounts_entry WHERE address <> ''") == [
        (HOST,)
    ]


def test_http_leads_to_https_and_the_queue_is_nobodys_business(site: Site) -> None:
    plain = requests.get(f"http://{HOST}:{site.port + 1}/admin/?a=1", allow_redirects=False, timeout=PATIENCE)
    assert (plain.status_code, plain.headers["Location"]) == (301, f"https://{HOST}/admin/?a=1")
    for path in ("readyz", "healthz"):
        assert site.visit().get(f"{site.url}/{path}", timeout=PATIENCE).status_code == 403
    assert site.visit().get(f"{site.url}/livez", timeout=PATIENCE).status_code == 200
