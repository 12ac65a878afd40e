"""What Ctrl K finds, for each only what they may look at."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import RequestFactory

from config import navigation, palette
from tests.factories import make_provider
from tests.stats.test_pages import browser

pytestmark = pytest.mark.django_db


def found(user: User, term: str) -> list[tuple[str, str]]:
    request: Any = RequestFactory().get("/admin/")
    request.user = user
    return [(each.kind, each.title) for each in palette.found(request, term)]


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("mira")


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("look somebody", "Look somebody up: everything about one person"),
        ("one person", "Look somebody up: everything about one person"),
        ("saved", "Saved views"),
        ("calendar", "Calendar"),
        ("api of", "API of the stats"),
        ("add prov", "Add provider"),
    ],
)
def test_a_page_that_no_menu_has_is_found_by_its_title(root: User, typed: str, title: str) -> None:
    assert ("Page", title) in found(root, typed)


def test_nobody_finds_what_is_not_for_them() -> None:
    analyst = User.objects.get(pk=browser("view_stats").session["_auth_user_id"])
    make_provider(nickname="Saved by the bell")
    assert found(analyst, "saved") == [("Page", "Saved views")]
    assert found(analyst, "somebody") == []


def test_every_page_it_leads_to_is_there(root: User, client: Any) -> None:
    request: Any = RequestFactory().get("/admin/")
    request.user = root
    client.force_login(root)
    for title, link in navigation.beyond(request):
        assert client.get(link).status_code == 200, title
