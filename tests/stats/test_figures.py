"""The arithmetic: rates, changes, the funnel, and how far two variants differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.counting.buckets import BOUNDS, LONGEST, bucket, quantile, timing
from campaigns.counting.points import COLUMNS
from providers.messages import AnswerCode, ReportCode
from stats.query import errors, figures
from stats.query.figures import Change, Figures

SOME = Figures(
    accepted=200, submitted=201, sent=190, delivered=150, viewed=60, clicked_total=40, clicked_unique=30,
    replied=15, refused=50, not_sent=6, undelivered=4,
)  # fmt: skip


def test_a_point_has_the_figures_in_their_order() -> None:
    assert figures.NAMES == COLUMNS


def test_rates() -> None:
    assert figures.rates(SOME) == {
        "delivery_rate": 0.75,
        "view_rate": 0.4,
        "click_rate": 0.2,
        "reply_rate": 0.1,
        "error_rate": 60 / 250,
    }


def test_a_share_of_nothing_is_no_rate() -> None:
    assert set(figures.rates(Figures()).values()) == {None}
    assert figures.rates(Figures(delivered=3))["delivery_rate"] is None


def test_changes() -> None:
    changes = figures.changes(SOME, Figures(accepted=100, delivered=100))
    assert changes["accepted"] == Change(200, 100)
    assert (changes["accepted"].absolute, changes["accepted"].relative) == (100, 1.0)
    assert (changes["viewed"].absolute, changes["viewed"].relative) == (60, None), "from none"
    assert changes["delivery_rate"].absolute == pytest.approx(-0.25)
    assert changes["view_rate"] == Change(0.4, 0.0)
    assert figures.changes(SOME, Figures())["view_rate"].absolute is None


def test_the_funnel() -> None:
    steps = {step.name: step for step in figures.funnel(SOME)}
    assert [*steps] == ["accepted", "submitted", "sent", "delivered", "viewed", "clicked_unique", "replied"]
    assert (steps["viewed"].of_first, steps["viewed"].of_previous) == (0.3, 0.4)
    assert figures.funnel(Figures())[0].of_first is None


@pytest.mark.parametrize(
    ("a", "b", "value", "low", "high"),
    [
        # Newcombe's own examples, method 10 (1998, table II).
        ((48, 80), (56, 70), 0.2000, 0.0524, 0.3339),
        ((3, 10), (9, 10), 0.6000, 0.1705, 0.8090),
        ((0, 29), (5, 56), 0.0893, -0.0381, 0.1926),
        ((0, 10), (10, 10), 1.0000, 0.6075, 1.0000),
    ],
)
def test_the_difference_of_two_shares(
    a: tuple[int, int], b: tuple[int, int], value: float, low: float, high: float
) -> None:
    found = figures.difference(a, b)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=2e-4)
    assert found.certain == (low > 0)


def test_no_difference_from_nothing() -> None:
    assert figures.difference((0, 0), (1, 2)) is None
    assert figures.compared(Figures(), SOME)["delivery_rate"] is None


def test_no_difference_of_what_is_no_share() -> None:
    """Accepted before the range, delivered in it: 150 % and 120 % are not alike."""
    assert figures.difference((15, 10), (12, 10)) is None
    assert figures.difference((5, 10), (11, 10)) is None


shares = st.integers(1, 10**7).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole)))


@given(shares, shares)
def test_a_difference_lies_in_its_interval(a: tuple[int, int], b: tuple[int, int]) -> None:
    found, back = figures.difference(a, b), figures.difference(b, a)
    assert found is not None
    assert back is not None
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert (found.low, found.high) == pytest.approx((-back.high, -back.low))


def test_every_code_has_advice() -> None:
    for code in (*ReportCode, *AnswerCode):
        assert errors.advice(code) is not errors.advice(1)
    assert errors.advice(1).title == "Unknown code"


# Times


def test_buckets_begin_where_they_should() -> None:
    assert [bucket(second) for second in (-5, 0, 1, 4, 5, 6, 7)] == [0, 0, 1, 4, 5, 5, 6]
    assert (bucket(604_799), bucket(604_800), bucket(10**9)) == (len(BOUNDS) - 1, len(BOUNDS), len(BOUNDS))


def test_quantiles() -> None:
    assert timing({}).p50 is None
    assert timing({0: 10}).p50 == 0.5
    assert quantile({5: 4}, 0.5) == 6, "between five and seven seconds"
    assert quantile({0: 90, 20: 10}, 0.95) == pytest.approx((BOUNDS[19] + BOUNDS[20]) / 2)
    assert quantile({len(BOUNDS): 1}, 0.5) == LONGEST


@given(st.lists(st.integers(0, 700_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.95]))
def test_a_quantile_is_at_most_a_bucket_away(seconds: list[int], share: float) -> None:
    histogram: dict[int, int] = {}
    for each in seconds:
        histogram[bucket(each)] = histogram.get(bucket(each), 0) + 1
    found = quantile(histogram, share)
    assert found is not None
    exact = sorted(seconds)[max(int(-(-share * len(seconds) // 1)) - 1, 0)]
    assert abs(bucket(int(found)) - bucket(exact)) <= 1
