"""Addresses that no page of ours links to: each is refused, and none is an error of ours."""

from contextlib import suppress
from typing import Any

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse

from tests.roles.table import PAGES, Page
from tests.roles.test_pages import address, text, undone, undrawn
from tests.roles.world import World

pytestmark = pytest.mark.django_db

NAMES = ("x", "\0", "9" * 20, "_5F00", "a" * 300)
QUERIES = (
    "nowhere=1", "nowhere__in=1", "p=-1", "p=" + "9" * 20, "o=99.-99", "q=%FF", "q=%00", "state=%00",
    "all=&e=1", "provider=" + "9" * 20, "provider__id__exact=x", "campaign=x&range=x", "after=" + "9" * 20,
    "at_from_0=2020-99-99",
)  # fmt: skip


def status(client: Client, where: str) -> int:
    with undone(client), undrawn():
        answer: Any = client.get(where)
        text(answer)
    return int(answer.status_code)


def test_rows_that_there_cannot_be(world: World, root: Client) -> None:
    wrong = {}
    for page in PAGES:
        if not page.args or page.name.startswith("admin/"):
            continue
        for name in NAMES:
            with suppress(NoReverseMatch):  # not every name may stand everywhere
                where = reverse(page.name, args=[arg[1:] if arg[0] == ":" else name for arg in page.args])
                if (got := status(root, where)) >= 500:
                    wrong[where[:100]] = got
    assert wrong == {}


def test_filters_that_there_are_not(world: World, root: Client) -> None:
    wrong = {}
    for page in PAGES:
        if _is_a_list(page):
            for query in QUERIES:
                where = address(page, world).partition("?")[0] + "?" + query
                if (got := status(root, where)) >= 500:
                    wrong[where] = got
    assert wrong == {}
    assert status(root, "/admin/campaigns/message/?q=%00") == 400
    assert status(root, "/admin/campaigns/message/export/?nowhere=1") == 400


def _is_a_list(page: Page) -> bool:
    return any(word in page.name for word in ("changelist", "export", "stats", "reconciliation:page"))
