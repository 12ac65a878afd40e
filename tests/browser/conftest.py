"""A real browser, logged in to the admin of a running gateway."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from django.contrib.auth.models import User
from django.db import connections
from playwright.sync_api import ConsoleMessage, Page, Request, expect

from tests.journeys.conftest import gateway, housekeeping
from tests.waiting import PATIENCE

__all__ = ["gateway", "housekeeping"]

T = TypeVar("T")
PASSWORD = "a long enough password"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's chromium; the flags keep it from calling home, and root from needing a sandbox."""
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    return browser_type_launch_args | {"executable_path": path, "args": flags}


@pytest.fixture(scope="session", autouse=True)
def _patient(django_db_setup: None) -> None:
    """The worker shares its processors with the browser, and with whatever else runs here. The database is
    made before Playwright's event loop runs, on which Django would refuse to."""
    expect.set_options(timeout=PATIENCE * 1000)


@pytest.fixture(autouse=True)
def _whole_worker(housekeeping: None) -> None:
    """Pages show what upkeep and the look for incidents find."""


@pytest.fixture(autouse=True)
def _synchronous(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright runs an event loop in the test's thread, where Django would refuse to query."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def aside(make: Callable[[], T]) -> T:
    """What `make` returns, done in a thread of its own: this one has Playwright's event loop, on which nobody
    waits for a look-up."""

    def made() -> T:
        try:
            return make()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(made).result()


@pytest.fixture
def page(page: Page, gateway: str) -> Iterator[Page]:
    """Whatever a test does there, nothing breaks a page's Content-Security-Policy or comes from elsewhere."""
    broken: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            broken.append(f"{page.url}: {message.text[:300]}")

    def ask(request: Request) -> None:
        here = (gateway, gateway.replace("127.0.0.1", "localhost"), "data:", "blob:")
        if not request.url.startswith(here):
            broken.append(f"{page.url} asks for {request.url[:200]}")

    page.on("console", hear)
    page.on("request", ask)
    yield page
    assert broken == []


@pytest.fixture
def admin_page(gateway: str, page: Page) -> Page:
    """The admin's first page, as its owner sees it after logging in."""
    User.objects.create_superuser("operator", password=PASSWORD)
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(f"{gateway}/admin/")
    page.get_by_label("Username").fill("operator")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{gateway}/admin/")
    return page
