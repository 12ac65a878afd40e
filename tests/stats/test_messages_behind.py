"""The messages behind a figure: as many as it says, whatever is filtered, however they are paged."""

import random
from datetime import timedelta

import pytest

from lib.phone_masking import WHOLE
from providers.messages import Outcome, ReportCode
from providers.models import Provider
from stats.query import breakdowns, details, messages_behind, series
from stats.query.filters import Filters
from stats.query.messages_behind import ALL, Only
from stats.tables import contents
from tests.factories import make_provider
from tests.stats.conftest import NOW, accepted, asked, fold, freeform, refused, replied, reported, submitted

HOUR = timedelta(hours=1)


def paged(filters: Filters, figure: str, size: int, only: Only = ALL) -> list[messages_behind.Row]:
    found, after = [], ""
    while True:
        page = messages_behind.page(filters, figure, only, after=after, size=size)
        assert len(page.rows) <= size
        found += page.rows
        if not page.after:
            return found
        after = page.after


@pytest.fixture
def traffic(shop: Provider) -> None:
    """Three months of several campaigns at two providers, each message with a story of its own."""
    chance = random.Random(7)
    other = make_provider(nickname="Other")
    for number in range(60):
        at = NOW - timedelta(minutes=chance.choice([0, 1, 20, 90, 60 * 24 * 3, 60 * 24 * 30, 60 * 24 * 80]))
        provider = chance.choice([shop, shop, other])
        message = (
            freeform(provider, at)
            if chance.random() < 0.1
            else accepted(
                provider, at, campaign=chance.choice(["c1", "c2", ""]), variant=chance.choice(["0", "1"]),
                template=chance.choice(["welcome", "goodbye"]),
            )
        )  # fmt: skip
        if chance.random() < 0.1:
            submitted(
                message, outcome=Outcome.REJECTED, code=chance.choice([ReportCode.OTHER, ReportCode.PHONE])
            )
            continue
        submitted(message)
        for kind, likely in (("sent", 0.9), ("delivered", 0.8), ("read", 0.5)):
            if chance.random() < likely:
                reported(message, kind, after=chance.choice([0, 3, 4000, 90_000]))
        for _ in range(chance.choice([0, 0, 1, 3])):
            url = chance.choice(["https://s.example/a", "https://s.example/a?x=1", "https://s.example/ab"])
            reported(message, "clicked", after=chance.choice([5, 6, 50_000]), url=url)
        if chance.random() < 0.2:
            replied(message, after=chance.choice([60, 3600]))
        if chance.random() < 0.2:
            code = chance.choice([None, ReportCode.PHONE])
            reported(message, "failed", after=9, code=code)
        if number % 7 == 0:
            refused(provider, chance.choice([2001, 2002]), at)


WAYS: list[dict[str, str]] = [
    {},
    {"range": "today"},
    {"range": "7d", "tz": "Asia/Kolkata"},
    {"range": "90d", "provider": "Other"},
    {"campaign": "c1"},
    {"campaign": "c1", "variant": "1", "range": "30d"},
    {"campaign": "(none)"},
    {"template": "goodbye", "provider": "Shop"},
    {"traffic": "conversations"},
    {"traffic": "campaigns", "from": "2026-03-18T10:29", "to": "2026-03-18T12:01"},
    {"to": "2026-02-20"},
    {"campaign": "nobody's"},
]


@pytest.mark.usefixtures("traffic")
def test_as_many_as_the_figure_says(folded: bool) -> None:
    fold(folded)
    for parameters in WAYS:
        filters = asked(**parameters)
        figures = breakdowns.totals(filters)
        for figure in messages_behind.FIGURES:
            rows = list(messages_behind.rows(filters, figure))
            assert len(rows) == getattr(figures, figure), (parameters, figure)
            assert rows == sorted(rows, key=lambda row: row.at, reverse=True)
            assert paged(filters, figure, 4) == rows
            if figure == "clicked_unique":
                assert len({row.pk for row in rows}) == len(rows)
        for error in details.errors(filters):
            assert len(list(messages_behind.rows(filters, error.kind, Only(code=error.code)))) == error.count
        for url in details.urls(filters):
            assert len(paged(filters, "clicked_total", 3, Only(url=url.url))) == url.total
            assert len(paged(filters, "clicked_unique", 3, Only(url=url.url))) == url.unique


@pytest.mark.usefixtures("traffic")
def test_a_day_of_a_trend_opens_its_messages() -> None:
    fold()
    filters = asked(range="7d", tz="America/New_York")
    points = list(series.trend(filters, "day"))
    opened = [
        list(messages_behind.rows(filters.between(point.start, point.end), "delivered")) for point in points
    ]
    assert [len(rows) for rows in opened] == [point.figures.delivered for point in points]
    assert sum(map(bool, opened)) > 1, "several days have some"


def test_clicks_of_one_page(shop: Provider, folded: bool) -> None:
    """Its first click may be the message's second; and another page's name may differ by a capital."""
    message = accepted(shop, NOW - timedelta(hours=3))
    for after, page in ((60, "b"), (600, "a?x=1"), (6000, "a?x=2"), (6001, "A?x=1")):
        reported(message, "clicked", after=after, url=f"https://s.example/{page}")
    fold(folded)
    found = {url.url.removeprefix("https://s.example/"): url for url in details.urls(asked())}
    assert {name: (url.total, url.unique) for name, url in found.items()} == {
        "a": (2, 1), "b": (1, 1), "A": (1, 1),
    }  # fmt: skip
    for url in found.values():
        assert len(list(messages_behind.rows(asked(), "clicked_total", Only(url=url.url)))) == url.total
        assert len(list(messages_behind.rows(asked(), "clicked_unique", Only(url=url.url)))) == url.unique


def test_what_a_row_tells(shop: Provider) -> None:
    message = accepted(shop, NOW - HOUR)
    submitted(message)
    reported(message, "failed", code=ReportCode.PHONE, text="No WhatsApp")
    refused(shop)
    (row,) = messages_behind.rows(asked(), "undelivered")
    assert (row.pk, row.to, row.msg_id, row.campaign) == (message.pk, message.to, message.msg_id, "c1")
    message.refresh_from_db()
    assert (row.status, row.code, row.text) == (message.status, 1002, "No WhatsApp")
    assert row.at == NOW - HOUR + timedelta(seconds=5)
    (row,) = messages_behind.rows(asked(), "accepted")
    assert (row.code, row.text) == (1002, "No WhatsApp"), "how it ended"
    (row,) = messages_behind.rows(asked(), "refused")
    assert (row.status, row.code, row.text, row.to) == (None, 2001, "why", "9198")


def test_many_of_the_same_moment(shop: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a campaign's are, and more of them than a chunk."""
    monkeypatch.setattr(messages_behind, "CHUNK", 3)
    for _ in range(10):
        accepted(shop)
    assert len({row.pk for row in messages_behind.rows(asked(), "accepted")}) == 10
    assert len(paged(asked(), "accepted", 3)) == 10


def test_what_comes_in_meanwhile_is_not_shown_twice(shop: Provider) -> None:
    first = [accepted(shop, NOW - timedelta(minutes=n)) for n in range(4)]
    page = messages_behind.page(asked(), "accepted", size=2)
    accepted(shop)
    after = messages_behind.page(asked(), "accepted", size=2, after=page.after)
    assert [row.pk for row in (*page.rows, *after.rows)] == [message.pk for message in first]


def test_a_clock_ahead_of_ours(shop: Provider) -> None:
    message = accepted(shop)
    reported(message, "delivered", after=3600)
    assert message.events.get().at > NOW
    assert len(list(messages_behind.rows(asked(range="today"), "delivered"))) == 1
    assert breakdowns.totals(asked(range="today")).delivered == 1


@pytest.mark.parametrize("after", ["x", "1-", "-5", "9" * 40 + "-1", "1-x"])
def test_a_cursor_that_is_none(db: None, after: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        messages_behind.page(asked(), "accepted", after=after)


@pytest.mark.django_db
def test_nothing_at_all() -> None:
    assert messages_behind.page(asked(), "delivered") == messages_behind.Page([], "")


def test_each_message_has_how_whatsapp_charges_it(shop: Provider) -> None:
    priced, failed = accepted(shop), accepted(shop)
    reported(priced, "delivered")
    reported(failed, "failed", code=ReportCode.PHONE, pricing=None)
    refused(shop, 2001)
    rows = [row for figure in ("accepted", "refused") for row in messages_behind.rows(asked(), figure)]
    told = [(row["pricing_category"], row["pricing_type"]) for row in contents.messages(rows, {}, WHOLE).rows]
    assert sorted(told) == [("", ""), ("", ""), ("marketing", "regular")]
