"""What holds for every page: everybody can read and use it, and it keeps to its Content-Security-Policy.

axe looks at each page that each role sees, light and dark and by all of its rules; at pages of one shape
(shapes.py) once. The fixture `page` hears when a page asks for what its policy forbids, or for anything from
elsewhere, in every test of this folder; here every page is opened.
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
from tests.browser.shapes import shapes
from tests.roles import table
from tests.roles import world as worlds
from tests.roles.table import PAGES
from tests.roles.test_pages import address, text
from tests.roles.world import TO, World

pytestmark = pytest.mark.browser

# A page for the superuser, with a body. What is asked for by scripts of other pages is not one.
SHOWN = [page for page in PAGES if "s" in page.see and page.ok == 200 and page.name != "admin:login"]


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


def asked(client: Client, world: World, shown: Iterable[table.Page]) -> dict[str, set[str]]:
    """The shapes of these pages as somebody gets them."""
    return aside(lambda: {each.label: shapes(_page(client, each, world)) for each in shown})


def _page(client: Client, each: table.Page, world: World) -> str:
    """Of what is only a part of a page, or a file, nothing."""
    answer = client.get(address(each, world))
    body = text(answer)
    whole = "text/html" in answer.get("Content-Type", "") and "attachment" not in answer.get(
        "Content-Disposition", ""
    )
    return body if whole and body.lstrip().startswith("<!DOCTYPE") else ""


def opened(page: Page, gateway: str, world: World, shown: Iterable[table.Page], seen: set[str]) -> int:
    """Opens them, and has axe look at those with a shape that was not `seen` yet. Returns how many were
    pages, and not files."""
    count = 0
    found = {}
    for each in shown:
        where = f"{gateway}{address(each, world)}"
        answer = page.request.get(where)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "object-src 'none'" in answer.headers["content-security-policy"]
        attached = "attachment" in answer.headers.get("content-disposition", "")
        if "text/html" in answer.headers["content-type"] and not attached:
            page.goto(where, wait_until="load")
            count += 1
            html = answer.text()
            if html.lstrip().startswith("<!DOCTYPE") and not shapes(html) <= seen:
                seen |= shapes(html)
                found[each.label] = barriers(page)
    assert {label: each for label, each in found.items() if each} == {}
    return count


def signed_in(page: Page, gateway: str, user: User) -> Client:
    """The same session in the browser and in a client of this process, which is quicker."""
    client = Client()
    client.force_login(user)
    session = client.cookies[conf.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": conf.SESSION_COOKIE_NAME, "value": session, "url": gateway}])
    return client


def test_every_page_is_for_everybody(admin_page: Page, gateway: str, world: World) -> None:
    admin_page.emulate_media(reduced_motion="reduce", color_scheme="light")
    seen: set[str] = set()
    assert opened(admin_page, gateway, world, SHOWN, seen) > 100
    assert len(seen) > 100


def test_so_are_those_that_other_people_see(page: Page, gateway: str, world: World) -> None:
    """The superuser's pages are looked at above: here is what others see that has another shape."""
    page.emulate_media(reduced_motion="reduce", color_scheme="light")
    strangers = [each for each in PAGES if each.anonymous in (200, 401, 404)]
    assert opened(page, gateway, world, strangers, set()) >= 4
    root = signed_in(page, gateway, User.objects.create_superuser("owner"))
    seen = set().union(*asked(root, world, SHOWN).values())
    for who in roles.ROLES:
        user = User.objects.create_user(who, is_staff=True)
        user.groups.add(Group.objects.get(name=who))
        client = signed_in(page, gateway, user)
        letter = table.LETTERS[who]
        theirs = asked(client, world, [each for each in SHOWN if letter in each.see])
        assert len(theirs) > 50
        others = [each for each in SHOWN if not theirs.get(each.label, set()) <= seen]
        refused = [each for each in SHOWN if letter not in each.see and each.no == 403]
        assert opened(page, gateway, world, [*others, refused[0]], seen) > 0
    page.goto(f"{gateway}/admin/no/such/page/")
    assert barriers(page) == []


FRAME = '<body><nav><a class="on" href="/a">A</a><a href="/b">B</a></nav><main>{}</main></body>'


def test_a_page_of_another_shape_is_looked_at() -> None:
    one = shapes(FRAME.format('<h1 id="a">Ten</h1><a href="/x/1" class="button">Open</a>'))
    same = FRAME.format('<h1 id="b">Two</h1><a href="/x/2" class="button">Close</a>')
    assert shapes(same) == one
    assert shapes(same.replace('<a href="/b">B</a>', "")) < one, "who has a shorter menu sees nothing new"
    for change in (
        ("Close", ""),  # a link without a name
        ('class="button"', 'class="pale"'),
        ("h1", "h2"),
        ("</main>", "<button>More</button></main>"),
        ('<a href="/b">', '<a href="/b" aria-label="">'),
        ('<a href="/b">B', '<a href="/b">'),
    ):
        assert not shapes(same.replace(*change)) <= one, change


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
