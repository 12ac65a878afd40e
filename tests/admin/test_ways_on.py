"""What every page has: a way on where it refuses, wrong fields named, filters as chips, the reader's zone."""

import gzip
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from django.test import Client

from campaigns.log.timeline import said_once
from campaigns.models import Message, Status
from lib.display import counted
from lib.icons import hidden
from providers.models import Provider
from templates_app.models import Template
from tests.factories import MessageFactory

LOG = "/admin/campaigns/message/"


def text(response: Any) -> str:
    return str(response.content.decode())


def test_a_refusal_leads_on(signed_in: Callable[[Iterable[str]], Client]) -> None:
    somebody: Any = signed_in(["view_message"])
    for path, status, words in (
        ("/admin/callbacks/webhook/", 403, "This is not open to you"),
        ("/admin/campaigns/message/999/resend/", 403, "This is not open to you"),
        ("/admin/no/such/page/", 404, "There is no such page"),
    ):
        shown = text(somebody.get(path, status=status))
        assert words in shown
        assert f'href="{LOG}"' in shown, "the menu is there"
        assert 'href="/admin/">To the home page' in shown


def test_who_follows_a_dead_link_learns_nothing_of_the_admin(db: None) -> None:
    answer = Client().get("/l/no-such-token")
    assert answer.status_code == 404
    assert "admin" not in text(answer)


def test_a_form_of_another_session_says_what_to_do(operator: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    answer = strict.post("/admin/operations/channel/add/", {"name": "On call"})
    assert answer.status_code == 403
    assert "reload the page, and send the form once more" in text(answer)


def test_a_form_names_its_wrong_fields_and_keeps_what_was_typed(operator: Any) -> None:
    shown = text(operator.post("/admin/providers/provider/add/", {"nickname": "Acme India"}))
    note = shown[shown.index('class="errornote') : shown.index("</ul>", shown.index('class="errornote'))]
    assert '<a class="underline" href="#id_waba_number">WABA number</a>: ' in note
    assert 'value="Acme India"' in shown


def test_filters_are_chips_that_can_be_taken_away(operator: Any, bsp: Provider) -> None:
    kept = MessageFactory(provider=bsp, template="order_ready", campaign="c7")
    MessageFactory(provider=bsp, template="welcome", campaign="c7")
    Message.objects.update(status=Status.FAILED)
    found = operator.get(LOG, {"status": "60", "template": "order_ready", "campaign": "c7"})
    assert [row.pk for row in found.context["cl"].result_list] == [kept.pk]
    assert re.findall(r'aria-label="Take away the filter ([^"]+)"', text(found)) == [
        "status: Failed", "campaign: c7", "template: order_ready",
    ]  # fmt: skip
    assert 'href="?campaign=c7&amp;template=order_ready"' in text(found)
    wrong = text(operator.get(LOG, {"status": "7"}))
    assert "Take away" not in wrong, "it filters nothing"


def test_times_are_in_the_readers_zone(operator: Any, bsp: Provider) -> None:
    MessageFactory(provider=bsp, accepted_at=datetime(2026, 11, 29, 20, 16, tzinfo=UTC))
    assert ">2026-11-29 20:16<" in text(operator.get(LOG))
    operator.cookies["zone"] = "Asia/Kolkata"
    shown = text(operator.get(LOG))
    assert ">2026-11-30 01:46<" in shown
    assert "Times are in Asia/Kolkata" in shown
    operator.cookies["zone"] = "../../etc/passwd"
    assert "Times are in UTC" in text(operator.get(LOG))


def test_pages_are_compressed_and_files_are_not(operator: Any, bsp: Provider) -> None:
    MessageFactory(provider=bsp)
    asked = {"Accept-Encoding": "gzip"}
    page = operator.get(LOG, headers=asked)
    assert b"<main" in gzip.decompress(page.content)
    file = operator.get(f"{LOG}export/", headers=asked)
    assert b"order_ready" in b"".join(file.streaming_content)


def test_what_a_bsp_says_twice_is_shown_once() -> None:
    assert said_once("EC_UNKNOWN_USER: EC_UNKNOWN_USER") == "EC_UNKNOWN_USER"
    assert said_once("131026: Message undeliverable") == "131026: Message undeliverable"
    assert (counted(1, "time"), counted(1200, "time")) == ("1 time", "1,200 times")


def test_icons_are_hidden_from_screen_readers() -> None:
    icon = '<span class="mr-2 material-symbols-outlined">search</span>'
    assert hidden(icon) == icon.replace("<span", '<span aria-hidden="true"')
    assert hidden(hidden(icon)) == hidden(icon)
    assert hidden("<span>search</span>") == "<span>search</span>"


def test_a_page_has_the_name_by_which_the_menu_leads_to_it(operator: Any) -> None:
    menu = operator.get("/admin/").context["sidebar_navigation"]
    named = {entry["title"]: entry["link"] for group in menu for entry in group["items"]}
    assert len(named) > 40
    others = {}
    for title, link in named.items():
        headings = re.findall(
            r"<h[1-3][^>]*>(.*?)</h[1-3]>", text(operator.get(link)).partition('id="main"')[2], re.S
        )
        said = [re.sub("<[^>]+>", "", each).strip().lower() for each in headings]
        if not any(title.lower() in each for each in said):
            others[title] = said[0]
    assert others == {"Parked reports": "delivery reports"}, "which are filtered, as a chip says"


def test_a_time_that_nobody_formats_is_written_as_all_others(operator: Any, bsp: Provider) -> None:
    Template.objects.create(provider=bsp, name="welcome", language="en", components=[])
    Template.objects.update(updated_at=datetime(2026, 11, 29, 20, 16, tzinfo=UTC))
    assert "2026-11-29 20:16" in text(operator.get("/admin/templates_app/template/"))


def test_what_has_no_value_is_a_dash(operator: Any, bsp: Provider) -> None:
    assert '<span class="wp-none">–</span>' in text(operator.get("/admin/providers/provider/"))
