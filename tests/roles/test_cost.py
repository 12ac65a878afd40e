"""What a page costs: its queries and its bytes, among a hundred providers and a thousand templates."""

import gzip
import posixpath
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from templates_app.models import Template
from tests.factories import make_provider
from tests.roles.table import PAGES, admin
from tests.roles.test_pages import address, text
from tests.roles.world import World

pytestmark = pytest.mark.django_db

QUERIES = 15
BYTES = 20_000  # as they are sent, compressed
SHOWN = [
    *(page for page in PAGES if "s" in page.see and page.ok == 200 and page.anonymous == 302),
    admin("templates_app_health"),  # which leads on where there is one provider only
]


@pytest.fixture(scope="module")
def crowd(world: World) -> World:
    return crowded(world)


def crowded(world: World) -> World:
    """The world with a hundred providers and a thousand templates more."""
    providers = [make_provider(nickname=f"Store {n:03}") for n in range(100)]
    body = [{"type": "BODY", "text": "Hello {{1}}, your order {{2}} is on its way."}]
    Template.objects.bulk_create(
        Template(provider=providers[n % 100], name=f"order_{n:04}", language="en", components=body)
        for n in range(1000)
    )
    return world


def asked(statements: list[dict[str, str]]) -> int:
    """How many are questions: marks within a transaction are not."""
    return sum(not each["sql"].startswith(("SAVEPOINT", "RELEASE")) for each in statements)


def test_pages_ask_little_and_weigh_little(crowd: World, people: dict[str, Client]) -> None:
    costs: dict[str, tuple[int, int]] = {}
    for page in SHOWN:
        with transaction.atomic(), CaptureQueriesContext(connection) as captured:
            answer = people["superuser"].get(address(page, crowd), headers={"Accept-Encoding": "gzip"})
            transaction.set_rollback(True)
        if answer.streaming:
            text(answer)  # to its end: a download keeps its seat until then
        elif "text/html" in answer["Content-Type"]:
            costs[page.label] = asked(captured.captured_queries), len(answer.content)
    assert len(costs) > 150
    too_much = {label: cost for label, cost in costs.items() if cost[0] > QUERIES or cost[1] > BYTES}
    assert too_much == {}


def test_a_row_of_a_list_renders_few_templates(crowd: World, people: dict[str, Client]) -> None:
    """What a list needs once, as its headers, is not made again for each row."""
    few, many = (
        people["superuser"].get("/admin/templates_app/template/", {"q": name})
        for name in ("order_000", "order_")
    )
    rows = [len(shown.context["cl"].result_list) for shown in (few, many)]
    assert rows == [10, 50]
    more = len(many.templates) - len(few.templates)
    assert more < 10


FIRST_VISIT = 700_000


def test_a_first_visit_is_small(world: World, people: dict[str, Client]) -> None:
    """The home page with its style sheets, scripts and fonts, none of which a browser has yet."""
    html = people["superuser"].get("/admin/").content
    sheets = {}
    for name in re.findall(r'(?:href|src)="/static/([^"]+\.(?:css|js|svg))"', html.decode()):
        path = Path(str(finders.find(name)))
        sheets[path] = path.read_bytes()
        for font in re.findall(rb'url\("?([^")]+\.woff2)"?\)', sheets[path]):
            found = Path(str(finders.find(_static_name(name, font.decode()))))
            sheets[found] = found.read_bytes()
    assert sum(path.suffix == ".woff2" for path in sheets) == 3
    assert sum(len(gzip.compress(each)) for each in (html, *sheets.values())) < FIRST_VISIT


def _static_name(sheet: str, relative: str) -> str:
    """What a style sheet calls by a relative name, which may be another app's."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(sheet), relative))
