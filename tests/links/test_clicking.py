"""A tap on a short link: where it leads, who is counted, what CleverTap is told."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from callbacks import audit
from callbacks.forwarding import forward
from campaigns import tasks
from campaigns.links import clicks, short_links
from campaigns.log.message_page import message_page
from campaigns.models import Click, Event, Forward, Link, StatCount
from lib.group_commit import Overloaded
from providers.models import Provider
from tests.conftest import Woken
from tests.endpoints import Endpoint
from tests.gateway import Answer, call
from tests.links.conftest import SHOP, link, press, sent

PHONE = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36"


def tap(one: Link, method: str = "GET", **headers: str) -> Answer:
    return call(method, f"/l/{one.token}", headers={"User-Agent": PHONE} | headers)


def counted() -> dict[int, int]:
    metrics = StatCount.objects.values_list("metric", "count")
    clicked = (StatCount.Metric.CLICKED, StatCount.Metric.CLICKED_UNIQUE)
    return {each: sum(n for metric, n in metrics if metric == each) for each in clicked}


def nothing_counted() -> bool:
    return not Event.objects.filter(kind=Event.Kind.CLICKED).exists() and set(counted().values()) == {0}


def test_a_tap_leads_on_and_is_counted_and_reported(tracking: Provider, endpoint: Endpoint) -> None:
    one = link(tracking)
    answer = tap(one)
    assert (answer.status, answer.headers["Location"], answer.body) == (302, SHOP, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    click = Click.objects.get()
    assert (click.link_id, click.user_agent, click.preview) == (one.pk, PHONE, False)
    one.refresh_from_db()
    assert (one.clicks, one.first_clicked_at) == (1, click.at)
    event = Event.objects.get(kind=Event.Kind.CLICKED)
    assert (event.url, event.short_url, event.user_agent) == (SHOP, one.short_url, PHONE)
    assert event.forward == Forward.PENDING
    assert list(counted().values()) == [1, 1]
    forward.drain(tracking.pk)
    (told,) = endpoint.got[-1]["statuses"]
    assert told["msgId"] == one.message.msg_id
    assert (told["status"], told["url"], told["shortUrl"]) == ("clicked", SHOP, one.short_url)
    assert told["userAgent"] == PHONE
    assert [finding for finding in audit.run() if finding.problems] == []


def test_further_taps_count_but_the_person_counts_once(tracking: Provider) -> None:
    one = link(tracking)
    for seconds in range(3):
        with time_machine.travel(timezone.now() + timedelta(seconds=seconds)):
            tap(one)
    one.refresh_from_db()
    assert one.clicks == Click.objects.count() == 3
    assert one.first_clicked_at == min(Click.objects.values_list("at", flat=True))
    assert list(counted().values()) == [3, 1]
    assert [finding for finding in audit.run() if finding.problems] == []


def test_a_doubled_tap_is_one(tracking: Provider) -> None:
    one = link(tracking)
    with time_machine.travel(timezone.now(), tick=False):
        assert {tap(one).status, tap(one).status} == {302}
    one.refresh_from_db()
    assert one.clicks == Click.objects.count() == 1
    assert list(counted().values()) == [1, 1]


def test_clicks_of_several_providers_are_written_together(tracking: Provider, endpoint: Endpoint) -> None:
    one = link(tracking)
    other = link(tracking)
    gone = clicks.Seen(10**9, timezone.now(), "", "", False)
    at = timezone.now()
    group = [clicks.Seen(each.pk, at, PHONE, "", False) for each in (one, other, one)]
    clicks._write([*group, gone, clicks.Seen(one.pk, at, "WhatsApp/2.25", "", True)])
    assert sorted(Link.objects.values_list("clicks", flat=True)) == [1, 1]
    assert sorted(Click.objects.values_list("preview", flat=True)) == [False, False, True]


@pytest.mark.parametrize(
    "path",
    ["/l/AAAAAAAAAAAAAAAA", "/l/\x00", "/l/a\nb", "/l/" + "a" * 5000, "/l/evil.example", "/l/é", "/l/"],
)
def test_an_unknown_link_leads_nowhere(db: None, path: str) -> None:
    answer = call("GET", path)
    assert (answer.status, "Location" in answer.headers) == (404, False)
    assert not Click.objects.exists()


def test_a_click_wakes_the_forwarding(tracking: Provider, other_shop: Provider, woken: Woken) -> None:
    one = link(tracking)
    woken()
    tap(one)
    assert woken() == {f"callbacks.forward:{tracking.pk}"}


def test_a_link_that_has_expired_says_so(tracking: Provider) -> None:
    one = link(tracking)
    with time_machine.travel(one.expires_at + timedelta(seconds=1)):
        answer = tap(one)
    assert (answer.status, "Location" in answer.headers) == (410, False)
    assert b"This link has expired" in answer.body
    assert nothing_counted()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_a_link_is_only_followed(tracking: Provider, method: str) -> None:
    assert tap(link(tracking), method).status == 405
    assert nothing_counted()


def test_no_query_of_the_callers_changes_where_it_leads(tracking: Provider) -> None:
    one = link(tracking)
    answer = call("GET", f"/l/{one.token}?url=https://evil.example", headers={"User-Agent": PHONE})
    assert answer.headers["Location"] == SHOP


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://shop.example/für Mira?q=ü", "https://shop.example/f%C3%BCr%20Mira?q=%C3%BC"),
        ("https://shop.example/a%20b#part", "https://shop.example/a%20b#part"),
        ("https://shop.example/?name={Mira}&x=%zz", "https://shop.example/?name=%7BMira%7D&x=%zz"),
    ],
)
def test_the_location_is_fit_for_a_header(tracking: Provider, url: str, location: str) -> None:
    one = sent(tracking, press(url)).links.get()
    assert tap(one).headers["Location"] == location
    assert Event.objects.get(kind=Event.Kind.CLICKED).url == url, "CleverTap is told what it sent"


PREVIEWS = [
    {"User-Agent": "WhatsApp/2.23.20.0"},
    {"User-Agent": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"},
    {
        "User-Agent": "meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)"
    },
    {"User-Agent": "Twitterbot/1.0"},
    {"User-Agent": "TelegramBot (like TwitterBot)"},
    {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
    {"User-Agent": "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)"},
    {"User-Agent": "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient)"},
    {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
    {"User-Agent": "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"},
    {
        "User-Agent": "Mozilla/5.0 (Macintosh) Safari/600.2.5 (Applebot/0.1; +http://www.apple.com/go/applebot)"
    },
    {"User-Agent": "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5"},
    {"Purpose": "prefetch"},
    {"Sec-Purpose": "prefetch;prerender"},
    {"X-Purpose": "preview"},
    {"X-Moz": "prefetch"},
]


@pytest.mark.parametrize("headers", PREVIEWS, ids=lambda each: next(iter(each.values()))[:24])
def test_a_program_that_looks_is_led_on_but_not_counted(tracking: Provider, headers: dict[str, str]) -> None:
    one = link(tracking)
    assert tap(one, **headers).status == 302
    assert Click.objects.get().preview
    one.refresh_from_db()
    assert (one.clicks, one.first_clicked_at) == (0, None)
    assert nothing_counted()


def test_so_is_head(tracking: Provider) -> None:
    answer = tap(link(tracking), "HEAD")
    assert (answer.status, answer.headers["Location"], answer.body) == (302, SHOP, b"")
    assert Click.objects.get().preview
    assert nothing_counted()


@pytest.mark.parametrize(
    "agent",
    [
        PHONE,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Mobile [FBAN/FBIOS]",
        "Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36",
        "Mozilla/5.0 (Linux; Android 9; CUBOT) AppleWebKit/537.36",
        "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Safari/537.36 WhatsApp/2.2412",
        "",
    ],
)
def test_people_are_not_taken_for_programs(agent: str) -> None:
    assert not clicks.is_preview({"REQUEST_METHOD": "GET", "HTTP_USER_AGENT": agent})


def test_a_test_send_leads_on_but_is_not_counted_or_reported(tracking: Provider) -> None:
    one = link(tracking, msgId="0|0|0|0")
    assert tap(one).headers["Location"] == SHOP
    assert set(counted().values()) == {0}
    assert not Event.objects.exclude(forward=Forward.NONE).exists()
    assert [finding for finding in audit.run() if finding.problems] == []


@pytest.mark.parametrize(
    ("peer", "forwarded", "kept"),
    [
        ("203.0.113.77", "", "203.0.113.0/24"),
        ("8.8.4.4", "1.1.1.1", "8.8.4.0/24"),
        ("127.0.0.1", "6.6.6.6, 8.8.4.4", "8.8.4.0/24"),
        ("10.0.0.7", "", "10.0.0.0/24"),
        ("10.0.0.7", "nonsense", "10.0.0.0/24"),
        ("::1", "2a00:1450:4001:82f::200e", "2a00:1450:4001::/48"),
        ("::ffff:8.8.4.4", "", "8.8.4.0/24"),
        ("8.8.4.4", "nonsense", "8.8.4.0/24"),
        ("", "", ""),
    ],
)
def test_addresses_are_shortened(settings: Any, peer: str, forwarded: str, kept: str) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1", "10.0.0.0/8", "::1"]
    assert clicks.address({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}) == kept


def test_a_long_user_agent_is_cut(tracking: Provider) -> None:
    tap(link(tracking), **{"User-Agent": "x" * 5000})
    assert Click.objects.get().user_agent == "x" * 500


def test_following_costs_one_query_before_the_answer(
    tracking: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = link(tracking)
    monkeypatch.setattr(clicks, "note", lambda *_: None)
    with CaptureQueriesContext(connection) as queries:
        assert tap(one).status == 302
    asked = [query for query in queries if "campaigns_month" not in query["sql"]]  # known for a second
    assert len(asked) == 1


@pytest.mark.parametrize("error", [OperationalError("gone"), Overloaded()])
def test_a_click_that_cannot_be_noted_leads_on(
    tracking: Provider, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    one = link(tracking)

    def fail(item: Any) -> None:
        raise error

    monkeypatch.setattr(clicks._writer, "hand_over", fail)
    assert tap(one).headers["Location"] == SHOP


def test_a_database_that_is_gone_is_told_in_words(
    tracking: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = link(tracking)

    def broken(*_: Any, **__: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(short_links, "find", broken)
    answer = tap(one)
    assert answer.status == 503
    assert b"try it again" in answer.body


def test_upkeep_deletes_links_that_expired_long_ago(tracking: Provider) -> None:
    one = link(tracking)
    tap(one)
    with time_machine.travel(one.expires_at + timedelta(days=31)):
        tasks.upkeep()
    assert not Link.objects.exists()
    assert not Click.objects.exists()
    assert Event.objects.filter(kind=Event.Kind.CLICKED).exists(), "the reports stay"


def test_the_messages_page_shows_its_links_and_clicks(tracking: Provider, admin_client: Client) -> None:
    one = link(tracking)
    tap(one)
    tap(one, **{"User-Agent": "WhatsApp/2.25"})
    page = admin_client.get(f"/admin/campaigns/message/{one.message_id}/change/").content.decode()
    for words in (one.short_url, "shop.example/cart/7", PHONE, "WhatsApp/2.25", "preview", "button.0"):
        assert words in page
    shown = message_page(one.message, [])["links"][0]
    assert [preview for *_, preview in shown["clicks"]] == [True, False]
