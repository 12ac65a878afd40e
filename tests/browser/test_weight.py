"""What a page costs over the wire, counted by the browser: all that it loads, with the collected static files
of an installation."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from playwright.sync_api import Browser, Page

from config import wsgi
from tests.browser.conftest import aside
from tests.roles.table import PAGES
from tests.roles.test_cost import FIRST_VISIT, crowded
from tests.roles.test_pages import address
from tests.roles.world import World
from tests.roles.world import make as make_world

pytestmark = pytest.mark.browser

LATER_VISIT = 60_000
# The lists, and the forms and pages that carry most.
SHOWN = [
    page
    for page in PAGES
    if page.name.endswith("_changelist")
    or page.name.startswith("stats:")
    or page.name in ("admin:index", "admin:providers_provider_add", "admin:providers_provider_change")
    or page.name in ("admin:templates_app_template_change", "admin:campaigns_message_change")
]


@pytest.fixture
def collected(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STATIC_ROOT = str(tmp_path / "static")
    settings.WHITENOISE_USE_FINDERS = False
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "lib.static_files.Storage"}}
    call_command("collectstatic", interactive=False, verbosity=0)
    monkeypatch.setattr(wsgi, "application", get_wsgi_application())


@pytest.fixture
def world(collected: None, gateway: str, settings: Any) -> World:
    settings.INTAKE_GROUP_COMMIT = False
    settings.PROOF_MINUTES = 0
    return aside(lambda: crowded(make_world()))


def weigher(page: Page) -> Any:
    """A function that opens an address and returns the bytes that came over the wire."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    came: list[float] = []
    session.on("Network.loadingFinished", lambda event: came.append(event["encodedDataLength"]))

    def weigh(where: str) -> float:
        came.clear()
        page.goto(where, wait_until="networkidle")
        assert came, where
        return sum(came)

    return weigh


def test_visits_are_small(world: World, admin_page: Page, gateway: str, browser: Browser) -> None:
    shown = [page for page in SHOWN if "s" in page.see and page.ok == 200 and page.anonymous == 302]
    assert len(shown) > 50
    weigh = weigher(admin_page)
    first, later = {}, {}
    for each in shown:
        where = gateway + address(each, world)
        weigh(where)  # it is the first visit to what only this page has
        later[each.label] = weigh(where)
    for name in ("admin:index", "admin:templates_app_template_changelist", "admin:providers_provider_add"):
        where = gateway + next(address(each, world) for each in shown if each.name == name)
        with browser.new_context(storage_state=admin_page.context.storage_state()) as nothing_kept:
            first[name] = weigher(nothing_kept.new_page())(where)
    assert {label: size for label, size in later.items() if size > LATER_VISIT} == {}
    assert {label: size for label, size in first.items() if size > FIRST_VISIT} == {}
