"""Figures of a range, by dimension, by code, by page; how long it took."""

from datetime import timedelta
from typing import Any

import pytest

from campaigns.models import Campaign, StatCount
from providers.messages import Outcome, ReportCode
from providers.models import Provider
from stats.query import breakdowns, details, errors
from stats.query.details import BspCode, ErrorCount, UrlCount
from stats.query.figures import Figures
from stats.tables import contents
from tests.factories import make_provider
from tests.stats.conftest import NOW, accepted, asked, fold, freeform, refused, replied, reported, submitted

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def test_nothing_yet(db: None) -> None:
    found = breakdowns.totals(asked(range="7d"))
    assert found == Figures()
    assert found.empty
    assert breakdowns.groups(asked(), "campaign") == []
    assert breakdowns.first_at() is None


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
    found = breakdowns.totals(asked())
    assert found == Figures(
        accepted=4, submitted=2, sent=1, delivered=1, viewed=1, clicked_total=3, clicked_unique=1, replied=1,
        refused=2, not_sent=1, undelivered=2,
        errors_by_code={"1001": 1, "1002": 2, "2001": 1, "2002": 1},
    )  # fmt: skip
    assert (found.errors, found.empty) == (5, False)
    assert details.errors(asked()) == [
        ErrorCount("undelivered", 1002, 2),
        ErrorCount("not_sent", 1001, 1),
        ErrorCount("refused", 2001, 1),
        ErrorCount("refused", 2002, 1),
    ]
    assert details.urls(asked()) == [
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
    assert {name: breakdowns.totals(asked(range=name)).accepted for name in expected} == expected
    assert breakdowns.totals(asked(**{"from": "2026-03-18T11:00", "to": "2026-03-18T12:00"})).accepted == 1
    assert breakdowns.totals(asked(**{"from": "2026-03-18T11:01", "to": "2026-03-18T12:01"})).accepted == 1


def test_a_report_that_comes_weeks_late_lands_on_the_right_day(shop: Provider, folded: bool) -> None:
    message = accepted(shop, NOW - 40 * DAY)
    fold(folded)
    reported(message, "delivered", after=2 * 86400)
    fold(folded)
    day = (NOW - 38 * DAY).date().isoformat()
    assert breakdowns.totals(asked(**{"from": day, "to": day})).delivered == 1
    assert breakdowns.totals(asked(range="30d")).delivered == 0
    assert details.times(asked())["delivered"].p50 == pytest.approx(2 * 86400, rel=0.25)


def test_a_day_is_the_time_zones(shop: Provider, folded: bool) -> None:
    accepted(shop, NOW.replace(hour=18, minute=29) - DAY)  # 23:59 in India
    accepted(shop, NOW.replace(hour=18, minute=30) - DAY)  # midnight
    fold(folded)
    assert breakdowns.totals(asked(range="today", tz="Asia/Kolkata")).accepted == 1
    assert breakdowns.totals(asked(range="yesterday", tz="Asia/Kolkata")).accepted == 1
    assert breakdowns.totals(asked(range="yesterday", tz="Asia/Kathmandu")).accepted == 0


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
        found = breakdowns.totals(asked(**parameters))
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
    spring, other = breakdowns.groups(asked(), "campaign")
    assert (spring.campaign, spring.campaign_name, spring.provider, spring.figures.accepted) == (
        "c1", "Spring", "Shop", 3,
    )  # fmt: skip
    assert (spring.first_seen_at, spring.last_seen_at) == (NOW - 30 * HOUR, NOW - 2 * HOUR)
    assert (other.campaign, other.campaign_name, other.figures.accepted) == ("c2", "", 1)
    today = breakdowns.groups(asked(range="today"), "campaign")
    assert [(group.campaign, group.figures.accepted) for group in today] == [("c1", 2), ("c2", 1)]


def test_by_the_other_dimensions(shop: Provider, folded: bool) -> None:
    other = make_provider(nickname="Other")
    accepted(shop, variant="1")
    accepted(shop, template="goodbye")
    accepted(other)
    freeform(other)
    fold(folded)

    def found(dimension: breakdowns.Dimension, **parameters: str) -> dict[tuple[str, str], int]:
        rows = breakdowns.groups(asked(**parameters), dimension)
        return {(getattr(group, dimension), group.provider): group.figures.accepted for group in rows}

    assert found("provider") == {("Shop", "Shop"): 2, ("Other", "Other"): 2}
    assert found("template") == {
        ("welcome", "Shop"): 1, ("goodbye", "Shop"): 1, ("welcome", "Other"): 1,
    }  # fmt: skip
    assert found("variant", campaign="c1") == {("0", ""): 2, ("1", ""): 1}
    assert found("template", campaign="c1", variant="1") == {("welcome", "Shop"): 1}


def test_a_campaign_has_its_name_at_each_provider(shop: Provider, other_shop: Provider, folded: bool) -> None:
    """Two may give the same id to campaigns that have nothing in common."""
    names = {shop.pk: "Spring", other_shop.pk: "Autumn"}
    for provider in (shop, other_shop):
        accepted(provider)
        Campaign.objects.filter(provider=provider).update(name=names[provider.pk])
    fold(folded)

    def named(**how: Any) -> list[str]:
        groups = breakdowns.groups(asked(), "campaign", **how)
        assert all(names[group.provider_id or 0] == group.campaign_name for group in groups)
        return [group.campaign_name for group in groups]

    assert named(order="campaign_name") == ["Autumn", "Spring"]
    assert named(order="-campaign_name") == ["Spring", "Autumn"]
    assert named(search="spr") == ["Spring"]
    assert named(search="autumn") == ["Autumn"]
    assert len(named(search="c1")) == 2


def test_order_and_paging(shop: Provider) -> None:
    for number, count in enumerate((1, 3, 2)):
        for _ in range(count):
            message = accepted(shop, campaign=f"c{number}")
        if number != 1:
            reported(message, "delivered")
    fold()

    def codes(order: str, **values: int) -> list[str]:
        return [group.campaign for group in breakdowns.groups(asked(), "campaign", order=order, **values)]

    assert codes("-accepted") == ["c1", "c2", "c0"]
    assert codes("accepted") == ["c0", "c2", "c1"]
    assert codes("campaign") == ["c0", "c1", "c2"]
    assert codes("-delivery_rate") == ["c0", "c2", "c1"]
    assert codes("-accepted", limit=1, offset=1) == ["c2"]
    with pytest.raises(ValueError, match="cannot be sorted by id; DROP"):
        codes("id; DROP TABLE")


def test_times(shop: Provider, folded: bool) -> None:
    for seconds in range(100):
        message = accepted(shop, NOW - HOUR)
        reported(message, "sent", after=2)
        reported(message, "delivered", after=seconds)
    reported(message, "read", after=-3)  # the BSP's clock is behind ours
    fold(folded)
    found = details.times(asked())
    assert found["sent"].count == 100
    assert found["sent"].p50 == pytest.approx(2.5)
    assert found["delivered"].p50 == pytest.approx(50, rel=0.1)
    assert found["delivered"].p95 == pytest.approx(95, rel=0.15)
    assert (found["viewed"].count, found["viewed"].p50) == (1, 0.5)


def test_the_last_minute_of_each(shop: Provider) -> None:
    accepted(shop, NOW - 2 * HOUR, template="goodbye")
    fold()
    accepted(shop, NOW - HOUR)
    found = breakdowns.last_accepted(asked(range="7d"), "template")
    assert found == {"goodbye": NOW - 2 * HOUR, "welcome": NOW - HOUR}
    assert breakdowns.last_accepted(asked(range="7d"), "provider_id") == {shop.pk: NOW - HOUR}
    assert breakdowns.first_at() == NOW - 2 * HOUR


def at(connector: str) -> Provider:
    provider = make_provider(nickname=connector)
    Provider.objects.filter(pk=provider.pk).update(connector_slug=connector)
    return provider


def test_what_to_do_goes_by_the_bsps_own_codes(db: None, folded: bool) -> None:
    """Each BSP's code counts for its own connector: 1300 says nothing of Meta's."""
    meta, vonage = at("meta"), at("vonage")
    for provider, bsp_code in ((meta, "131026"), (meta, "131026"), (vonage, "1300"), (meta, "1300")):
        failed = accepted(provider, NOW - HOUR)
        reported(failed, "failed", code=ReportCode.UNAVAILABLE, bsp_code=bsp_code)
    fold(folded)
    (error,) = details.errors(asked())
    assert error.bsp_codes == (
        BspCode("meta", "131026", 2),
        BspCode("meta", "1300", 1),
        BspCode("vonage", "1300", 1),
    )
    told = errors.what_to_do(error)
    assert told.startswith("131026 (2), 1300 (1): The number is not on WhatsApp")
    assert told.endswith(f"Otherwise: {errors.advice(ReportCode.UNAVAILABLE).advice}")
    (row,) = contents.errors([error]).rows
    assert (row["bsp_codes"], row["advice"]) == ("131026: 2, 1300: 1, 1300: 1", told)


def test_no_failure_that_the_bsp_explains_is_to_be_resent(db: None) -> None:
    reported(accepted(at("meta")), "failed", code=ReportCode.UNAVAILABLE, bsp_code="131026")
    (error,) = details.errors(asked())
    assert "esend" not in errors.what_to_do(error)
