"""Wide tables: their columns in the order that people read, and a dash for what a BSP cannot report."""

from providers.connectors import CONNECTORS
from providers.features import Feature
from stats.pages import html_tables
from stats.query.breakdowns import Group
from stats.query.figures import Figures
from stats.tables import contents


def test_rates_stand_right_after_what_was_accepted() -> None:
    names = [column.name for column in contents.FIGURES]
    assert names[:3] == ["accepted", "delivery_rate", "view_rate"]
    assert len(names) == len(set(names))


def test_what_a_bsp_cannot_report_is_a_dash() -> None:
    slug = next(slug for slug, each in CONNECTORS.items() if Feature.READ in each.lacks)
    untold = html_tables._untold(Group(Figures(accepted=9), provider="Shop", connector=slug))
    assert untold["viewed"].text == "–"
    assert "does not report it" in untold["viewed"].title
    seen = html_tables._untold(Group(Figures(accepted=9, viewed=1), provider="Shop", connector=slug))
    assert "viewed" not in seen, "what came all the same is shown"
