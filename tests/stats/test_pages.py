"""The stats pages: exact figures, each leading to just those messages; filters, permissions, bad input."""

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.counting.deltas import add
from campaigns.counting.keys import Key, minute
from campaigns.models import Campaign, StatCount
from providers.messages import Outcome, ReportCode
from providers.models import Provider
from stats.pages.urls import urlpatterns
from stats.query import messages_behind
from stats.query.figures import DEFINITIONS, NAMES
from tests.factories import make_provider
from tests.stats.conftest import NOW, accepted, fold, freeform, refused, replied, reported, submitted
from tests.stats.test_api import user
from tests.visitor import visiting

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PAGES = (
    "overview/", "campaigns/", "campaigns/one/?campaign=c1", "templates/", "templates/one/?template=welcome",
    "providers/", "providers/one/?provider=Shop", "errors/", "errors/one/?figure=undelivered&code=1002",
    "conversations/", "messages/?figure=delivered",
)  # fmt: skip


def browser(*codenames: str) -> Client:
    someone = user(*codenames)
    someone.is_staff = True
    someone.save()
    return visiting(someone)


@pytest.fixture
def analyst(db: None) -> Client:
    return browser("view_stats", "export_stats", "view_message", "view_refusal")


def get(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path if path.startswith("/") else f"/admin/stats/{path}", status=status)
    return str(response.content.decode())


def part(client: Client, path: str) -> str:
    return get(client, path + ("&" if "?" in path else "?") + "part=1")


def figures(shown: str) -> dict[str, str]:
    """The cards: what each figure says."""
    cards = re.findall(r'data-figure="(\w+)".*?class="st-value">(.*?)</span>', shown, re.S)
    return {name: re.sub("<[^>]+>", "", value) for name, value in cards}


def table(shown: str, name: str) -> list[list[str]]:
    """The cells of a table, notes among them."""
    found = re.search(rf'data-table="{re.escape(name)}">.*?<tbody>(.*?)</tbody>', shown, re.S)
    assert found, name
    rows = re.findall(r"<tr>(.*?)</tr>", found[1], re.S)
    return [
        [
            unescape(" ".join(re.sub("<[^>]+>", " ", cell).split()))
            for cell in re.findall(r"<t[dh].*?>(.*?)</t[dh]>", row, re.S)
        ]
        for row in rows
    ]


@pytest.fixture
def traffic(shop: Provider) -> None:
    """A day of campaign c1 with two variants, some of the day before, an answer of an agent."""
    for _ in range(4):
        accepted(shop, NOW - DAY - HOUR)
    for number in range(20):
        message = accepted(shop, NOW - HOUR, variant="A" if number < 10 else "B")
        submitted(message)
        if number < 4 or number >= 10:
            reported(message, "sent", "delivered", after=20)
            reported(message, "clicked", after=50, url="https://s.example/a?x=1")
        elif number < 7:
            reported(message, "failed", code=ReportCode.PHONE)
        if number in (0, 11):
            reported(message, "read", after=300)
            reported(message, "clicked", after=60, url="https://s.example/b")
            replied(message)
    submitted(accepted(shop, NOW - HOUR, campaign="c2"), outcome=Outcome.REJECTED, code=ReportCode.TEMPLATE)
    submitted(freeform(shop, NOW - HOUR))
    refused(shop, at=NOW - HOUR, variant="A")
    fold()


# Figures


@pytest.mark.usefixtures("traffic")
def test_every_figure_beside_the_range_before(analyst: Client) -> None:
    shown = get(analyst, "overview/?range=today")
    assert figures(shown) == {
        "accepted": "22", "submitted": "21", "sent": "14", "delivered": "14", "viewed": "2",
        "clicked_total": "16", "clicked_unique": "14", "replied": "2", "control_group": "0", "refused": "1",
        "not_sent": "1", "undelivered": "3", "delivery_rate": "63.6 %", "view_rate": "14.3 %",
        "click_rate": "100.0 %", "reply_rate": "14.3 %", "error_rate": "21.7 %",
    }  # fmt: skip
    assert "+450 %</b> <span>was 4</span>" in shown
    assert "As of <strong data-as-of>12:00:00 UTC</strong>" in shown
    assert "2026-03-18 until now; compared with 2026-03-17 to 2026-03-17 12:00" in shown
    for definition in DEFINITIONS:
        assert f'id="def-{definition.name}"' in shown
        assert shown.count(definition.text.replace("'", "&#x27;")) >= 2
    assert (
        "was" not in re.findall('class="st-change">(.*?)</li>', get(analyst, "overview/?range=all"), re.S)[0]
    )


@pytest.mark.usefixtures("traffic")
def test_a_campaign_with_its_variants(analyst: Client) -> None:
    Campaign.objects.filter(code="c1").update(name="Spring sale")
    shown = get(analyst, "campaigns/one/?campaign=c1&range=today")
    assert "Campaign Spring sale" in shown
    assert "Seen from 2026-03-17 11:00 to 2026-03-18 11:00" in shown
    assert "Rename it" not in shown
    assert figures(shown)["accepted"] == "20"
    versus = table(shown, "versus-B")
    assert versus[0][:4] == ["Delivery rate", "40.0 %", "100.0 %", "+60.0 points"]
    assert re.fullmatch(
        r"B is higher than A by \d+\.\d to \d+\.\d points; unlikely to be chance\.", versus[0][-1]
    )
    assert versus[3][-1].startswith("Not significant: B could be")
    assert [row[:2] for row in table(shown, "variants")] == [["A", "10 new"], ["B", "10 new"]]
    assert table(shown, "urls") == [
        ["https://s.example/a", "14 new", "14 new"], ["https://s.example/b", "2 new", "2 new"],
    ]  # fmt: skip
    assert [row[:2] for row in table(shown, "funnel")] == [
        ["Accepted", "20"], ["Submitted", "20"], ["Sent", "14"], ["Delivered", "14"], ["Viewed", "2"],
        ["Clicked", "14"], ["Replied", "2"],
    ]  # fmt: skip
    assert [row[:2] for row in table(shown, "times")] == [
        ["Sent", "14"],
        ["Delivered", "14"],
        ["Viewed", "2"],
    ]
    assert 20 <= float(table(shown, "times")[1][2].removesuffix(" s")) <= 30
    (error, refusal) = table(shown, "errors")
    assert error[:4] == ["Undelivered", "1002 Not a WhatsApp number", "3 new", "75.0 %"]
    assert "Correct or remove these numbers" in error[4]
    assert refusal[0] == "Refused"


def test_the_control_group_is_no_variant(analyst: Client, shop: Provider) -> None:
    for variant in "ABB":
        reported(accepted(shop, NOW, variant=variant), "delivered")
    held = Key(shop.pk, minute(NOW), "c1", "", "", StatCount.Metric.CONTROL_GROUP)
    add({held: 5})
    shown = get(analyst, "campaigns/one/?campaign=c1")
    assert figures(shown)["control_group"] == "5"
    assert [row[0] for row in table(shown, "variants")] == ["A", "B"]
    (export,) = re.findall(r'href="([^"]+/variants.csv[^"]+)"', shown)
    lines = b"".join(analyst.get(unescape(export)).streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert [line.partition(",")[0] for line in lines[1:]] == ["A", "B"], "the file has what the page has"
    assert 'data-table="versus-B"' in shown
    people = get(analyst, "messages/?figure=control_group&campaign=c1")
    assert "5 in the control group" in people
    assert "need a permission of their own" in people
    assert "broadcasts/recipient/?state=" in get(
        browser("view_stats", "view_recipient"), "messages/?figure=control_group&campaign=wp-7"
    )
    StatCount.objects.filter(metric=StatCount.Metric.CONTROL_GROUP).delete()  # no broadcast has them


@pytest.mark.usefixtures("traffic")
def test_the_trend_is_chart_data_and_a_table(analyst: Client) -> None:
    shown = get(analyst, "overview/?range=today")
    assert [row[:4] for row in table(shown, "trend")] == [
        ["2026-03-18 12:00", "0", "0", "0"],  # a failure, noticed just now
        ["2026-03-18 11:00", "22", "21", "14"],
    ]
    assert '"labels": ["03-18 00:00", "03-18 01:00"' in shown
    assert re.search(r'"label": "Accepted", "data": \[(0, ){11}22, 0\]', shown)
    assert table(get(analyst, "overview/?range=today&by=day"), "trend")[0][:2] == ["2026-03-18 00:00", "22"]
    tokyo = get(analyst, "overview/?range=7d&by=hour&tz=Asia/Tokyo")
    assert [row[:2] for row in table(tokyo, "trend")] == [
        ["2026-03-18 21:00", "0"],
        ["2026-03-18 20:00", "22"],
        ["2026-03-17 20:00", "4"],
    ]
    assert "12:00" in shown
    assert "21:00:00 Asia/Tokyo" in tokyo
    minutes = get(analyst, "overview/?from=2026-03-18T10:59&to=2026-03-18T11:02")
    assert [row[:2] for row in table(minutes, "trend")] == [
        ["2026-03-18 11:01", "0"],
        ["2026-03-18 11:00", "22"],
    ]


@pytest.mark.usefixtures("traffic")
def test_days_and_hours_are_those_of_the_reader(analyst: Client) -> None:
    analyst.cookies["zone"] = "Asia/Tokyo"
    shown = get(analyst, "overview/?range=7d&by=hour")
    assert table(shown, "trend")[0][0] == "2026-03-18 21:00"
    assert "21:00:00 Asia/Tokyo" in shown
    assert "Times are in Asia/Tokyo" in shown
    assert re.search(r"/export/\w+\.csv\?range=7d&amp;tz=Asia%2FTokyo", shown), "a file keeps to the page"
    utc = get(analyst, "overview/?range=7d&by=hour&tz=UTC")
    assert table(utc, "trend")[0][0] == "2026-03-18 12:00"
    assert "Times are in UTC" in utc
    assert "range=7d&amp;tz=UTC" in utc, "so do the links to other pages"


def test_the_hour_that_a_clock_change_repeats_is_told_apart(analyst: Client, shop: Provider) -> None:
    for hour in (5, 6):
        accepted(shop, datetime(2025, 11, 2, hour, 30, tzinfo=UTC))  # 01:30 in New York, both times
    fold()
    day = "from=2025-11-02&to=2025-11-02&tz=America/New_York"
    shown = get(analyst, f"overview/?{day}&by=hour")
    hours = ["2025-11-02 01:00-0500", "2025-11-02 01:00-0400"]
    assert [row[0] for row in table(shown, "trend")] == hours
    assert all(f'"{hour[5:]}"' in shown for hour in hours), "in the chart too"
    rows = table(get(analyst, f"messages/?figure=accepted&{day}"), "messages")
    assert [row[0] for row in rows] == ["2025-11-02 01:30:00-0500", "2025-11-02 01:30:00-0400"]


@pytest.mark.usefixtures("traffic")
def test_a_range_too_long_for_a_trend_has_all_else(analyst: Client, shop: Provider) -> None:
    """One report of a BSP whose clock was years behind is enough for all time to be one."""
    reported(accepted(shop, NOW - HOUR), "delivered", after=-6 * 365 * 86400)
    for path in ("overview/?range=all", "errors/?range=all", "campaigns/one/?campaign=c1&from=2015-01-01"):
        shown = get(analyst, path)
        assert figures(shown)["undelivered"] == "3"
        assert "more than 1,500 of these steps" in shown
        assert "data-chart" not in shown
        assert "trend.csv" not in shown
    assert "more than 1,500 of these steps" in get(analyst, "overview/?range=all&by=day", 400)


@pytest.mark.usefixtures("traffic")
def test_errors_and_conversations(analyst: Client) -> None:
    shown = get(analyst, "errors/?range=today")
    assert figures(shown) == {"refused": "1", "not_sent": "1", "undelivered": "3", "error_rate": "21.7 %"}
    assert sorted(row[0] for row in table(shown, "errors")) == ["Not sent", "Refused", "Undelivered"]
    assert '"kind": "bars"' in shown
    assert table(shown, "templates")[0][0] == "welcome"
    apart = get(analyst, "conversations/")
    assert figures(apart)["accepted"] == "1"
    assert 'id="f-campaign"' not in apart


@pytest.mark.usefixtures("traffic")
def test_filters_combine_and_stay_in_every_link(analyst: Client) -> None:
    shown = get(analyst, "overview/?campaign=c1&variant=A&provider=Shop&range=30d&tz=Asia/Kolkata")
    assert figures(shown)["accepted"] == "10"
    links = {unescape(link) for link in re.findall(r'href="(/admin/stats/messages/[^"]+)"', shown)}
    assert links
    for link in links:
        for given in ("campaign=c1", "variant=A", "provider=Shop", "tz=Asia%2FKolkata"):
            assert given in link
    assert '<option value="30d" selected>' in shown
    assert re.search(r'name="campaign" value="c1"', shown)
    # A range by name is meant even where the other fields are still filled in.
    assert figures(get(analyst, "overview/?range=today&from=2020-01-01&to=2020-01-02"))["accepted"] == "22"


def submitted_form(shown: str, **changes: str) -> str:
    """The address that the filter bar leads to, some of its fields changed."""
    form = re.findall(r"<form[^>]* data-filters[^>]*>.*?</form>", shown, re.S)[0]
    values = dict(re.findall(r'<input [^>]*name="(\w+)" value="([^"]*)"', form))
    for name, options in re.findall(r'<select [^>]*name="(\w+)".*?>(.*?)</select>', form, re.S):
        values[name] = "".join(re.findall(r'value="([^"]*)" selected', options))
    return urlencode({name: unescape(value) for name, value in (values | changes).items() if value})


@pytest.mark.usefixtures("traffic")
def test_other_filters_leave_a_list_what_it_is(analyst: Client) -> None:
    behind_code = "messages/?figure=undelivered&code=1002&range=today"
    asked = submitted_form(get(analyst, behind_code), campaign="c1", variant="A")
    assert "Undelivered, code 1002" in (shown := get(analyst, f"messages/?{asked}"))
    assert "<span data-count>3</span>" in shown
    asked = submitted_form(get(analyst, "messages/?figure=clicked_total&url=https://s.example/b"))
    assert "<span data-count>2</span>" in get(analyst, f"messages/?{asked}")
    asked = submitted_form(get(analyst, "campaigns/?range=today&order=accepted"), tz="Asia/Kolkata")
    assert [row[0] for row in table(get(analyst, f"campaigns/?{asked}"), "campaigns")] == ["c2", "c1"]
    # What made no sense is not asked for again.
    asked = submitted_form(get(analyst, "campaigns/?range=today&order=phone", 400))
    get(analyst, f"campaigns/?{asked}")


# What is behind


@pytest.fixture
def months(shop: Provider) -> None:
    chance = random.Random(3)
    other = make_provider(nickname="Other & Söhne")
    for number in range(70):
        at = NOW - timedelta(minutes=chance.choice([0, 1, 25, 90, 60 * 24 * 3, 60 * 24 * 20, 60 * 24 * 26]))
        provider = chance.choice([shop, shop, other])
        message = freeform(provider, at) if number % 9 == 0 else accepted(
            provider, at, campaign=chance.choice(["c1", "c2", "50% & more", ""]),
            variant=chance.choice("AB"), template=chance.choice(["welcome", "goodbye", "a+b c"]),
        )  # fmt: skip
        if number % 8 == 0:
            submitted(
                message, outcome=Outcome.REJECTED, code=chance.choice([ReportCode.OTHER, ReportCode.PHONE])
            )
            continue
        submitted(message)
        for kind in ("sent", "delivered", "read"):
            if chance.random() < 0.7:
                reported(message, kind, after=chance.choice([0, 3, 4000, 90_000]))
        for _ in range(chance.choice([0, 0, 1, 3])):
            url = chance.choice(["https://s.example/a?x=1", "https://s.example/ü?y"])
            reported(message, "clicked", after=chance.choice([5, 6, 50_000]), url=url)
        if number % 5 == 0:
            replied(message, after=chance.choice([60, 3600]))
        if number % 6 == 0:
            reported(message, "failed", after=9, code=chance.choice([None, ReportCode.PHONE]))
        if number % 7 == 0:
            refused(provider, chance.choice([2001, 2002]), at)
    fold()


def numbers(shown: str) -> Iterator[tuple[str, int]]:
    """The links on numbers, with the number."""
    for link, text in re.findall(r'<a [^>]*?href="(/admin/stats/messages/[^"]+)"[^>]*>([\d,]+)</a>', shown):
        yield unescape(link), int(text.replace(",", ""))


@pytest.mark.usefixtures("months")
def test_every_number_leads_to_as_many_messages(analyst: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stats.pages.messages.SIZE", 15)
    counted: dict[str, int] = {}
    for path in (
        *PAGES,
        "overview/?range=all&tz=Asia/Kathmandu",
        "overview/?range=30d",
        "errors/?range=all",
        "overview/?from=2026-03-18T11:30",
    ):
        for link, number in numbers(part(analyst, path)):
            assert counted.setdefault(link, number) == number, (path, link)
    assert len(counted) > 250
    figures_met = {
        figure for figure in messages_behind.FIGURES if any(f"figure={figure}&" in link for link in counted)
    }
    assert figures_met == set(messages_behind.FIGURES)
    sample = random.Random(1).sample(sorted(counted), 70)
    for link in sample:
        shown, rows = part(analyst, link), 0
        assert f"<span data-count>{counted[link]:,}</span>" in shown, link
        while True:
            rows += len(table(shown, "messages"))
            following = re.search(r'href="([^"]+)" rel="next"', shown)
            if not following:
                break
            shown = part(analyst, unescape(following[1]))
        assert rows == counted[link], link


@pytest.mark.usefixtures("traffic")
def test_rows_lead_to_their_messages_and_numbers_are_masked(analyst: Client) -> None:
    shown = get(analyst, "messages/?figure=undelivered&code=1002&range=today&campaign=c1")
    assert "Undelivered, code 1002: Not a WhatsApp number: <span data-count>3</span>" in shown
    assert "Campaign: <strong>c1</strong>" in shown
    (row, *_) = table(shown, "messages")
    assert (row[1][:4], row[2], row[5], row[6]) == ("91••", "c1", "Shop", "Failed")
    (link, *_) = re.findall(r'href="(/admin/campaigns/message/\d+/change/)"', shown)
    assert get(analyst, link)
    refusals = get(analyst, "messages/?figure=refused")
    assert re.search("/admin/campaigns/refusal/\\d+/change/", refusals)
    plain = get(browser("view_stats", "view_phone_numbers"), "messages/?figure=undelivered")
    assert re.search(r"<td>91981\d+</td>", plain)
    assert "/admin/campaigns/message/" not in plain.split('id="stats-live"')[1]


# Lists


@pytest.mark.usefixtures("months")
def test_errors_and_clicks_sort_by_their_headings(analyst: Client) -> None:
    path = "campaigns/one/?campaign=c1&range=all&by=day"
    shown = get(analyst, path)
    assert shown.count('aria-sort="descending"') == 2, "the most frequent first"
    links = [
        unescape(link)
        for link in re.findall(r'<th [^>]*><a href="(/admin/stats/campaigns/one/[^"]+)"', shown)
    ]
    assert [re.findall(r"[?&]order=([-\w]+)", link)[0] for link in links] == [
        "kind", "code", "count", "url", "total", "-unique",
    ]  # fmt: skip
    for link, name, column in zip(links, ["errors"] * 3 + ["urls"] * 3, [0, 1, 2, 0, 1, 2], strict=True):
        shown = get(analyst, link)
        assert "range=all&campaign=c1&" in link
        assert link.endswith(f"&by=day#{name}-title")
        cells = [row[column].split()[0] for row in table(shown, name)]
        if name == "urls" or column:
            values = [int(cell) if cell.isdigit() else cell for cell in cells]
            assert values == sorted(values, reverse="order=-" in link), link
        assert len(set(cells)) > 1
        assert 'type="hidden" name="order"' in shown, "other filters leave it as it is"
    assert table(get(analyst, "errors/?range=all&order=kind"), "errors")[0][0] == "Not sent"
    assert "cannot be sorted by phone" in unescape(get(analyst, "overview/?order=-phone", 400))


@pytest.mark.usefixtures("months")
def test_lists_sort_by_every_column_page_and_search(analyst: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    Campaign.objects.filter(code="c2").update(name="Diwali 100%")
    for name, searched, found in (
        ("campaigns", "iwali 100%", ["c2", "c2"]), ("campaigns", "50% ", ["50% & more"] * 2),
        ("templates", "OOD", ["goodbye"] * 2), ("providers", "söhne", ["Other & Söhne"]),
    ):  # fmt: skip
        shown = part(analyst, f"{name}/?range=all&q={searched.replace('%', '%25').replace('&', '%26')}")
        assert sorted(row[0] for row in table(shown, name)) == found, searched
        heads = re.findall(r'<th scope="col".*?</th>', shown, re.S)
        assert all("?" in head and "order=" in head for head in heads), heads
    assert "No name contains this text." in part(analyst, "campaigns/?q=_")
    heads = re.findall(r'<th scope="col"[^>]*><a href="([^"]+)"', part(analyst, "campaigns/?range=all"))
    assert len(heads) == 22
    for link in heads:
        shown = part(analyst, unescape(link))
        assert len(table(shown, "campaigns")) == 8
        assert "aria-sort" in shown
    by_name = table(part(analyst, "campaigns/?range=all&order=-campaign_name"), "campaigns")
    assert by_name[0][1] == "Diwali 100%"
    delivered = [
        int(row[13].split()[0])
        for row in table(part(analyst, "campaigns/?range=all&order=delivered"), "campaigns")
    ]
    assert delivered == sorted(delivered)
    monkeypatch.setattr("stats.pages.views.SIZE", 3)
    path, rows = "campaigns/?range=all&order=campaign", []
    while path:
        shown = part(analyst, path)
        rows += [tuple(row[:3]) for row in table(shown, "campaigns")]
        following = re.search(r'href="([^"]+)" rel="next"', shown)
        path = unescape(following[1]) if following else ""
    assert len(rows) == len(set(rows)) == 8


# Who may, what is wrong, nothing there


def test_who_may_see_and_export(db: None) -> None:
    nobody, other = Client(), browser("view_message")
    for path in PAGES:
        assert nobody.get(f"/admin/stats/{path}").status_code == 302
        assert "needs the permission" in get(other, path, 403)
    paths = {
        reverse(f"stats:{pattern.name}")
        for pattern in urlpatterns
        if "<" not in str(pattern.pattern) and pattern.name
    }
    assert {f"/admin/stats/{path.split('?')[0]}" for path in PAGES} <= paths
    only_see = browser("view_stats")
    assert "/api/stats/export/" not in get(only_see, "overview/")
    assert 'href="/admin/stats/errors/"' in get(only_see, "/admin/")
    assert "/admin/stats/" not in get(other, "/admin/")


@pytest.mark.usefixtures("traffic")
def test_every_table_can_be_exported_as_it_is_shown(analyst: Client) -> None:
    links: set[str] = set()
    for path in (*PAGES, "campaigns/?q=c1&order=delivered"):
        links |= {
            unescape(each) for each in re.findall(r'href="(/api/stats/export/[^"]+)"', get(analyst, path))
        }
    assert {link.split("/")[4].split("?")[0] for link in links} >= {
        f"{name}.{form}" for form in ("csv", "xlsx") for name in (
            "summary", "trend", "errors", "urls", "times", "campaigns", "templates", "providers", "variants",
            "messages",
        )
    }  # fmt: skip
    for link in links:
        response = analyst.get(link)
        assert response.status_code == 200, link
        content = b"".join(response.streaming_content)  # type: ignore[attr-defined]
        if "/campaigns.csv" in link and "q=c1" in link:
            assert content.decode().splitlines()[1].startswith("c1,")
            assert len(content.decode().splitlines()) == 2


@pytest.mark.usefixtures("traffic")
@pytest.mark.parametrize("table", ["campaigns", "urls", "times", "trend", "messages"])
def test_pages_and_files_call_columns_the_same(analyst: Client, table: str) -> None:
    paths = {"campaigns": "campaigns/", "messages": "messages/?figure=delivered"}
    shown = get(analyst, paths.get(table, "campaigns/one/?campaign=c1"))
    own = shown.partition(f'data-table="{table}"')[2].partition("</table>")[0]
    heads = re.findall(r'<th scope="col"[^>]*>(?:<a [^>]*>)?([^<]+)', own)
    response = analyst.get(f"/api/stats/export/{table}.csv", {"campaign": "c1", "figure": "delivered"})
    content = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    labels = {label.removesuffix(" (UTC)") for label in content.splitlines()[0].split(",")}
    assert heads
    assert set(heads) <= labels


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("overview/?tz=Mars/Base", "No such time zone"),
        ("overview/?range=week", "Expected one of today"),
        ("overview/?from=yesterday", "Expected a day as"),
        ("overview/?from=2026-03-02&to=2026-03-01", "ends before it begins"),
        ("overview/?provider=nobody", "No provider has this nickname"),
        ("overview/?variant=A", "Choose the campaign too"),
        ("overview/?traffic=conversations&campaign=c1", "Conversations have no campaign"),
        ("overview/?campaign=%00", "null character"),
        ("overview/?by=year", "Expected one of minute"),
        ("overview/?range=90d&by=minute", "Minutes are kept for"),
        ("campaigns/?order=phone", "cannot be sorted by phone"),
        ("campaigns/?offset=-1", "Expected a whole number"),
        (f"campaigns/?offset={'9' * 5000}", "Expected a whole number"),
        ("campaigns/?q=%00", "null character"),
        ("campaigns/one/", "Choose the campaign to look at"),
        ("messages/", "Expected one of accepted"),
        ("messages/?figure=sent&code=1002", "have codes"),
        ("messages/?figure=sent&url=x", "have pages"),
        ("messages/?figure=refused&code=%D9%A1", "error codes"),
        ("messages/?figure=sent&after=x", "Begin with the first"),
        ("messages/?figure=sent&after=99999999999999999999-1", "Begin with the first"),
    ],
)
def test_what_makes_no_sense_is_said_beside_the_field(
    analyst: Client, shop: Provider, path: str, words: str
) -> None:
    shown = get(analyst, path, 400)
    assert words in unescape(shown)
    assert "There are no figures, because a filter in the page’s URL" in shown
    assert re.search(r"<li>[A-Z][\w ]+: [A-Z]", shown)
    for name in re.findall(r'aria-describedby="e-(\w+)"', shown):
        assert f'id="f-{name}"' in shown
        assert f'id="e-{name}"' in shown
    assert 'class="st-field st-wrong"' in shown or "aria-describedby" not in shown
    # The ways out: the tabs, and the page without filters; that of one thing leads to their list.
    assert 'aria-current="page"' in shown or path.startswith("messages/")
    anew = re.search(r'href="([^"]+)">Clear all filters', shown)
    assert anew
    analyst.get(anew[1])


@pytest.mark.parametrize("path", PAGES)
def test_an_empty_page_says_so(analyst: Client, shop: Provider, path: str) -> None:
    shown = get(analyst, path)
    assert re.search("Nothing (was counted|failed)|No message is behind", shown)
    if "data-figure" in shown and "errors" not in path:
        assert {figures(shown)[name] for name in NAMES} == {"0"}


@pytest.mark.usefixtures("traffic")
def test_a_page_asks_the_counts_little(analyst: Client, django_assert_max_num_queries: Any) -> None:
    get(analyst, "overview/?range=7d")
    for path, most in (
        ("overview/", 24),
        ("campaigns/", 12),
        ("campaigns/one/?campaign=c1", 26),
        ("errors/", 18),
    ):
        with django_assert_max_num_queries(most):
            part(analyst, path)


# Names


def test_a_campaigns_page_knows_it_of_the_provider_asked_for(
    analyst: Client, shop: Provider, other_shop: Provider
) -> None:
    for provider, name in ((shop, "Spring"), (other_shop, "Autumn")):
        accepted(provider)
        Campaign.objects.filter(provider=provider).update(name=name)

    def known(path: str) -> list[str]:
        context = analyst.get(f"/admin/stats/campaigns/one/{path}").context
        return [each["name"] for each, _, _ in context["known"]]

    assert known("?campaign=c1&provider=Shop") == ["Spring"]
    assert sorted(known("?campaign=c1")) == ["Autumn", "Spring"]


@pytest.mark.usefixtures("traffic")
def test_an_operator_names_a_campaign(analyst: Client) -> None:
    campaign = Campaign.objects.get(code="c1")
    form = f"/admin/campaigns/campaign/{campaign.pk}/change/"
    analyst.post(form, {"name": "No"}, status=403)
    operator = browser("view_stats", "view_campaign", "change_campaign")
    assert form in get(operator, "campaigns/one/?campaign=c1")
    response = operator.post(form, {"name": "Diwali", "code": "changed"})
    assert response.status_code == 302
    assert "Campaign Diwali" in get(operator, response["Location"])
    campaign.refresh_from_db()
    assert (campaign.name, campaign.code) == ("Diwali", "c1")
    assert "Diwali" in get(operator, "/admin/campaigns/campaign/?q=diw")
    too_long = operator.post(form, {"name": "x" * 121})
    assert "at most 120 characters" in too_long.content.decode()
