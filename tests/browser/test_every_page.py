"""What holds for every page: everybody can read and use it, and it keeps to its Content-Security-Policy.

axe looks at each page by all of its rules, light and dark. The fixture `page` hears when a page asks for what
its policy forbids, or for anything from elsewhere, in every test of this folder; here every page is opened.
"""

import re
from collections.abc import Iterable
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.apps import apps
from django.conf import settings as conf
from django.contrib.auth.models import Group, User
from django.test import Client
from playwright.sync_api import Page, expect

from config import roles
from tests.browser.conftest import aside
from tests.roles import table
from tests.roles import world as worlds
from tests.roles.table import PAGES
from tests.roles.test_pages import url
from tests.roles.world import TO, World

pytestmark = pytest.mark.browser

# A page for the superuser, with a body. What is asked for by scripts of other pages is not one.
SHOWN = [page for page in PAGES if "s" in page.see and page.ok == 200 and page.name != "admin:login"]
EACH = 20  # of the other roles' pages, which are the same but for buttons and masks, one in so many


@pytest.fixture
def world(gateway: str, settings: Any) -> World:
    settings.INTAKE_GROUP_COMMIT = False
    return aside(_made)


def _made() -> World:
    roles.grant(apps)
    return worlds.make()


LOOK = """async (options) => (await axe.run(document, options)).violations.flatMap(
    ({id, nodes}) => nodes.map(({html, any}) => `${id}: ${html.slice(0, 200)} ${any[0]?.message ?? ""}`))"""


def barriers(page: Page) -> list[str]:
    """What axe finds on the page that stands in somebody's way, by its rules of every level."""
    page.evaluate(AXE_SCRIPT)
    found: list[str] = page.evaluate(LOOK, {"resultTypes": ["violations"]})
    page.evaluate("document.documentElement.classList.add('dark')")
    dark = {"resultTypes": ["violations"], "runOnly": ["color-contrast", "link-in-text-block"]}
    return found + [f"dark, {each}" for each in page.evaluate(LOOK, dark)]


def opened(page: Page, gateway: str, world: World, shown: Iterable[table.Page]) -> int:
    """Opens them. Returns how many were pages, and not files."""
    count = 0
    found = {}
    for each in shown:
        query = "&".join(f"{name}={value}" for name, value in each.query.items() if name != "ids")
        answer = page.request.get(f"{gateway}{url(each, world)}?{query}")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "object-src 'none'" in answer.headers["content-security-policy"]
        attached = "attachment" in answer.headers.get("content-disposition", "")
        if "text/html" in answer.headers["content-type"] and not attached:
            page.goto(f"{gateway}{url(each, world)}?{query}", wait_until="load")
            count += 1
            if answer.text().lstrip().startswith("<!DOCTYPE"):
                found[each.label] = barriers(page)
    assert {label: each for label, each in found.items() if each} == {}
    return count


def test_every_page_is_for_everybody(admin_page: Page, gateway: str, world: World) -> None:
    admin_page.emulate_media(reduced_motion="reduce", color_scheme="light")
    assert opened(admin_page, gateway, world, SHOWN) > 100


def test_so_are_those_that_other_people_see(page: Page, gateway: str, world: World) -> None:
    page.emulate_media(reduced_motion="reduce", color_scheme="light")
    strangers = [each for each in PAGES if each.anonymous in (200, 401, 404)]
    assert opened(page, gateway, world, strangers) >= 4
    for who in roles.ROLES:
        user = User.objects.create_user(who, is_staff=True)
        user.groups.add(Group.objects.get(name=who))
        client = Client()
        client.force_login(user)
        session = client.cookies[conf.SESSION_COOKIE_NAME].value
        page.context.add_cookies([{"name": conf.SESSION_COOKIE_NAME, "value": session, "url": gateway}])
        letter = table.LETTERS[who]
        seen = [each for each in SHOWN if letter in each.see]
        refused = [each for each in SHOWN if letter not in each.see and each.no == 403]
        assert opened(page, gateway, world, [*seen[::EACH], refused[0]]) > 3
    page.goto(f"{gateway}/admin/no/such/page/")
    assert barriers(page) == []


def test_what_breaks_the_policy_is_heard(admin_page: Page, gateway: str) -> None:
    heard: list[str] = []
    other = admin_page.context.new_page()  # the fixture fails for what its own page does
    other.goto(f"{gateway}/admin/")
    other.on("console", lambda message: heard.append(message.text))
    other.evaluate("document.body.appendChild(Object.assign(document.createElement('script'), {text: '1'}))")
    assert [text for text in heard if "Content Security Policy" in text]


def test_the_keyboard_comes_to_the_content_in_three_stops(admin_page: Page, gateway: str) -> None:
    admin_page.goto(f"{gateway}/admin/campaigns/message/")
    admin_page.keyboard.press("Tab")
    expect(admin_page.locator(":focus")).to_have_text("Skip to the content")
    admin_page.keyboard.press("Enter")
    admin_page.keyboard.press("Tab")
    expect(admin_page.locator("main :focus")).to_be_visible()


def test_anything_is_found_by_its_name(admin_page: Page, gateway: str, world: World) -> None:
    for typed, kind, there in (
        ("Parked", "Page", re.compile(r"/campaigns/event/\?forward=3")),
        ("shop", "Provider", re.compile(r"/providers/provider/\d+/change/")),
        ("order_rea", "Template", re.compile(r"/templates_app/template/\d+/change/")),
        ("spring", "Campaign", re.compile(r"/stats/campaigns/one/.*campaign=spring")),
        (TO, "Message", re.compile(r"/campaigns/message/\d+/change/")),
    ):
        admin_page.goto(f"{gateway}/admin/account/")
        admin_page.keyboard.press("Control+k")
        expect(admin_page.get_by_role("searchbox")).to_be_focused()
        admin_page.keyboard.type(typed)
        expect(admin_page.locator("#command-results-list li").first).to_contain_text(kind)
        admin_page.keyboard.press("Enter")
        admin_page.wait_for_url(there)
