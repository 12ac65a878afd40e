"""A real browser, logged in to the admin of a gateway that works."""

import os
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page

from tests.journeys.conftest import gateway

__all__ = ["gateway"]

PASSWORD = "a long enough password"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's chromium; the flags keep it from calling home, and root from needing a sandbox."""
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    return browser_type_launch_args | {"executable_path": path, "args": flags}


@pytest.fixture(autouse=True)
def _synchronous(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright runs an event loop in the test's thread, where Django would refuse to query."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture
def admin_page(gateway: str, page: Page) -> Page:
    """The admin's first page, as its owner sees it after logging in."""
    User.objects.create_superuser("operator", password=PASSWORD)
    page.set_default_timeout(15_000)
    page.goto(f"{gateway}/admin/")
    page.get_by_label("Username").fill("operator")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{gateway}/admin/")
    return page
