"""Nothing is cut off. At 1440 pixels every table fits. On a phone no page is wider than the screen, and a row
of a list is two lines."""

from contextlib import suppress

import pytest
from playwright.sync_api import Page, TimeoutError

from tests.browser.test_every_page import SHOWN, world
from tests.roles.test_pages import address
from tests.roles.world import World

pytestmark = pytest.mark.browser
__all__ = ["world"]

TWO_LINES = 76  # pixels, with the space around them

# What has more in it than it shows. Code, icons and texts for screen readers are so on purpose, and so are a
# long id, which is shortened and can be copied, and the fields of Django's list of permissions.
CUT = """() => [...document.querySelectorAll('main *')].filter((each) => {
    const style = getComputedStyle(each);
    const more = each.clientWidth > 1 && each.scrollWidth > each.clientWidth + 1;
    return more && each.checkVisibility() && style.overflowX !== 'visible' && style.display !== 'inline'
        && !each.closest('pre, svg, input, textarea, select, .wp-short, [class*=simplebar-height]');
}).map((each) => `${each.tagName}.${each.className} ${each.textContent.trim().slice(0, 60)}`)"""
WIDER = """() => document.documentElement.scrollWidth <= innerWidth ? []
    : [...document.querySelectorAll('body *')]
    .filter((each) => each.checkVisibility() && each.getBoundingClientRect().right > innerWidth)
    .map((each) => `${each.tagName}.${each.className} ${each.textContent.trim().slice(0, 60)}`).slice(-3)"""
ROWS = "[...document.querySelectorAll('.result-list .data-row')].map((row) => row.offsetHeight)"


def test_nothing_is_cut_off(admin_page: Page, gateway: str, world: World) -> None:
    cut, wider, high, rows = {}, {}, {}, 0
    for each in SHOWN:
        where = gateway + address(each, world)
        answer = admin_page.request.get(where)
        if "attachment" in answer.headers.get("content-disposition", "") or "<main" not in answer.text():
            continue
        admin_page.set_viewport_size({"width": 1440, "height": 900})
        admin_page.goto(where, wait_until="load")
        cut[each.label] = admin_page.evaluate(CUT)
        admin_page.set_viewport_size({"width": 390, "height": 844})
        with suppress(TimeoutError):  # charts follow a moment later; what never fits is named below
            admin_page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
        wider[each.label] = admin_page.evaluate(WIDER)
        heights = admin_page.evaluate(ROWS)
        high[each.label] = max(heights, default=0)
        rows += len(heights)
    assert rows > 30
    assert {label: found for label, found in cut.items() if found} == {}
    assert {label: found for label, found in wider.items() if found} == {}
    assert {label: height for label, height in high.items() if height > TWO_LINES} == {}
