"""Figures of a range, by dimension, by code, by page; how long it took."""

from datetime import timedelta

import pytest

from campaigns.models import Campaign, StatCount
from campaigns.stats import queries
from campaigns.stats.figures import Figures
from campaigns.stats.queries import ErrorCount, UrlCount
from providers.messages import Outcome, ReportCode
from providers.models import Provider
from tests.factories import make_provider
from tests.stats.conftest import NOW, accepted, asked, fold, freeform, refused, replied, reported, submitted

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def test_nothing_yet(db: None) -> None:
    found = queries.totals(asked(range="7d"))
    assert found == Figures()
    assert found.empty
    assert queries.groups(asked(), "campaign") == []
    assert queries.first_at() is None


def test_every_figure(shop: Provider, folded: bool) -> None:
    read, failed, dead, old = (accepted(shop, NOW - HOUR) for _ in range(4))
    for message in (read, dead):
        submitted(message)
    submitted(failed, outcome=Outcome.REJECTED, code=ReportCode.TEMPLATE)
    reported(read, "sent", "delivered", "read")
    for url in ("https://s.example/a?for=mira", "https://s.example/a?for=asha", "https://s.example/b"):
        reported(read, "clicked", url=url)
    replied(read)
    reported(dead, "failed", code=ReportCode.PHONE)
    reported(old, "failed", code=ReportCode.PHONE)
    refused(shop, 2002)
    refused(shop, 2001)
    fold(folded)
    found = queries.totals(asked())
    assert found == Figures(
        accepted=4, submitted=2, sent=1, delivered=1, viewed=1, clicked_total=3, clicked_unique=1, replied=1,
        refused=2, not_sent=1, undelivered=2,
        errors_by_code={"1001": 1, "1002": 2, "2001": 1, "2002": 1},
    )  # fmt: skip
    assert (found.errors, found.empty) == (5, False)
    assert queries.errors(asked()) == [
        ErrorCount("undelivered", 1002, 2),
        ErrorCount("not_sent", 1001, 1),
        ErrorCount("refused", 2001, 1),
        ErrorCount("refused", 2002, 1),
    ]
    assert queries.urls(asked()) == [
        UrlCount("https://s.example/a", 2, 1),
        UrlCount("https://s.example/b", 1, 1),
    ]


def test_what_is_not_tracked_is_not_counted(shop: Provider) -> None:
    """0|0|0|0 comes from CleverTap's tests, and so do its refusals."""
    test = accepted(shop, msg_id="0|0|0|0", untracked=True, campaign="", variant="")
    submitted(test)
    refused(shop, campaign="", variant="", untracked=True)
    replied(test)
    assert not StatCount.objects.exists()


def test_a_range(shop: Provider, folded: bool) -> None:
    for hours in (0, 1, 30, 24 * 20, 24 * 100):
        accepted(shop, NOW - hours * HOUR)
    fold(folded)
    expected = {"today": 2, "yesterday": 1, "7d": 3, "30d": 4, "90d": 4, "all": 5}
    assert {name: queries.totals(asked(range=name)).accepted for name in expected} == expected
    assert queries.totals(asked(**{"from": "2026-03-18T11:00", "to": "2026-03-18T12:00"})).accepted == 1
    assert queries.totals(asked(**{"from": "2026-03-18T11:01", "to": "2026-03-18T12:01"})).accepted == 1


def test_a_report_that_comes_weeks_late_lands_on_the_right_day(shop: Provider, folded: bool) -> None:
    message = accepted(shop, NOW - 40 * DAY)
    fold(folded)
    reported(message, "delivered", after=2 * 86400)
    fold(folded)
    day = (NOW - 38 * DAY).date().isoformat()
    assert queries.totals(asked(**{"from": day, "to": day})).delivered == 1
    assert queries.totals(asked(range="30d")).delivered == 0
    assert queries.times(asked())["delivered"].p50 == pytest.approx(2 * 86400, rel=0.25)


def test_a_day_is_the_time_zones(shop: Provider, folded: bool) -> None:
    accepted(shop, NOW.replace(hour=18, minute=29) - DAY)  # 23:59 in India
    accepted(shop, NOW.replace(hour=18, minute=30) - DAY)  # midnight
    fold(folded)
    assert queries.totals(asked(range="today", tz="Asia/Kolkata")).accepted == 1
    assert queries.totals(asked(range="yesterday", tz="Asia/Kolkata")).accepted == 1
    assert queries.totals(asked(range="yesterday", tz="Asia/Kathmandu")).accepted == 0


def test_filters_combine(shop: Provider, folded: bool) -> None:
    other = make_provider(nickname="Other")
    for provider in (shop, other):
        for campaign, variant, template in (
            ("c1", "0", "welcome"), ("c1", "1", "welcome"), ("c2", "0", "welcome"), ("c2", "0", "goodbye"),
            ("", "", "loose"),
        ):  # fmt: skip
            accepted(provider, campaign=campaign, variant=variant, template=template)
        freeform(provider)
    refused(shop, campaign="", variant="", template="")
    fold(folded)

    def count(**parameters: str) -> tuple[int, int]:
        found = queries.totals(asked(**parameters))
        return found.accepted, found.refused

    assert count() == (12, 1)
    assert count(provider="Shop") == (6, 1)
    assert count(campaign="c1") == (4, 0)
    assert count(campaign="c1", variant="1", provider="Other") == (1, 0)
    assert count(template="welcome") == (6, 0)
    assert count(template="welcome", campaign="c2", provider="Shop") == (1, 0)
    assert count(campaign="(none)") == (2, 0)
    assert count(campaign="(none)", template="loose") == (2, 0)
    assert count(template="(none)") == (0, 0)
    assert count(traffic="campaigns") == (10, 0)
    assert count(traffic="conversations") == (2, 1)
    assert count(traffic="conversations", provider="Other") == (1, 0)
    assert count(campaign="nobody's") == (0, 0)


def test_by_campaign(shop: Provider, folded: bool) -> None:
    for hours in (30, 3, 2):
        accepted(shop, NOW - hours * HOUR)
    accepted(shop, campaign="c2")
    freeform(shop)
    Campaign.objects.filter(code="c1").update(name="Spring")
    fold(folded)
    spring, other = queries.groups(asked(), "campaign")
    assert (spring.campaign, spring.campaign_name, spring.provider, spring.figures.accepted) == (
        "c1", "Spring", "Shop", 3,
    )  # fmt: skip
    assert (spring.first_seen_at, spring.last_seen_at) == (NOW - 30 * HOUR, NOW - 2 * HOUR)
    assert spring.campaign_pk == Campaign.objects.get(code="c1").pk
    assert (other.campaign, other.campaign_name, other.figures.accepted) == ("c2", "", 1)
    today = queries.groups(asked(range="today"), "campaign")
    assert [(group.campaign, group.figures.accepted) for group in today] == [("c1", 2), ("c2", 1)]


def test_by_the_other_dimensions(shop: Provider, folded: bool) -> None:
    other = make_provider(nickname="Other")
    accepted(shop, variant="1")
    accepted(shop, template="goodbye")
    accepted(other)
    freeform(other)
    fold(folded)

    def found(dimension: queries.Dimension, **parameters: str) -> dict[tuple[str, str], int]:
        rows = queries.groups(asked(**parameters), dimension)
        return {(getattr(group, dimension), group.provider): group.figures.accepted for group in rows}

    assert found("provider") == {("Shop", "Shop"): 2, ("Other", "Other"): 2}
    assert found("template") == {
        ("welcome", "Shop"): 1, ("goodbye", "Shop"): 1, ("welcome", "Other"): 1,
    }  # fmt: skip
    assert found("variant", campaign="c1") == {("0", ""): 2, ("1", ""): 1}
    assert found("template", campaign="c1", variant="1") == {("welcome", "Shop"): 1}


def test_order_and_paging(shop: Provider) -> None:
    for number, count in enumerate((1, 3, 2)):
        for _ in range(count):
            message = accepted(shop, campaign=f"c{number}")
        if number != 1:
            reported(message, "delivered")
    fold()

    def codes(order: str, **values: int) -> list[str]:
        return [group.campaign for group in queries.groups(asked(), "campaign", order=order, **values)]

    assert codes("-accepted") == ["c1", "c2", "c0"]
    assert codes("accepted") == ["c0", "c2", "c1"]
    assert codes("campaign") == ["c0", "c1", "c2"]
    assert codes("-delivery_rate") == ["c0", "c2", "c1"]
    assert codes("-accepted", limit=1, offset=1) == ["c2"]
    with pytest.raises(ValueError, match="cannot order by id; DROP"):
        codes("id; DROP TABLE")


def test_times(shop: Provider, folded: bool) -> None:
    for seconds in range(100):
        message = accepted(shop, NOW - HOUR)
        reported(message, "sent", after=2)
        reported(message, "delivered", after=seconds)
    reported(message, "read", after=-3)  # the BSP's clock is behind ours
    fold(folded)
    found = queries.times(asked())
    assert found["sent"].count == 100
    assert found["sent"].p50 == pytest.approx(2.5)
    assert found["delivered"].p50 == pytest.approx(50, rel=0.1)
    assert found["delivered"].p95 == pytest.approx(95, rel=0.15)
    assert (found["viewed"].count, found["viewed"].p50) == (1, 0.5)


def test_the_last_minute_of_each(shop: Provider) -> None:
    accepted(shop, NOW - 2 * HOUR, template="goodbye")
    fold()
    accepted(shop, NOW - HOUR)
    found = queries.last_accepted(asked(range="7d"), "template")
    assert found == {"goodbye": NOW - 2 * HOUR, "welcome": NOW - HOUR}
    assert queries.last_accepted(asked(range="7d"), "provider_id") == {shop.pk: NOW - HOUR}
    assert queries.first_at() == NOW - 2 * HOUR
