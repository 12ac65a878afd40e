"""The frame around the pages: navigation, overview, permissions, people, nothing from elsewhere."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.staticfiles import finders
from django.test import Client

from providers import lifecycle
from providers.models import Provider
from templates_app.models import Template
from tests.admin.conftest import SECRETS, failing, inbound, parked, webhook
from tests.factories import MessageFactory

LISTS = [
    "/admin/campaigns/message/",
    "/admin/campaigns/refusal/",
    "/admin/callbacks/reply/",
    "/admin/providers/provider/",
    "/admin/templates_app/template/",
    "/admin/templates_app/templatechange/",
    "/admin/callbacks/webhook/",
    "/admin/callbacks/outlet/",
    "/admin/callbacks/forwardcall/",
    "/admin/campaigns/event/",
    "/admin/auth/user/",
    "/admin/auth/group/",
]


def text(response: Any) -> str:
    return str(response.content.decode())


def test_the_sidebar_leads_everywhere(operator: Client) -> None:
    shown = text(operator.get("/admin/"))
    for words in ("Waypost", "Conversations", "Delivery", "Settings", "Parked reports", *LISTS):
        assert words in shown
    assert "/admin/campaigns/event/?forward=3" in shown
    icon = re.search(r'rel="icon"\s+href="/static/([^"]+)"', shown)  # without one, browsers ask and log a 404
    assert icon
    assert finders.find(icon[1])


def test_the_sidebar_shows_what_the_user_may_see(signed_in: Callable[[Iterable[str]], Client]) -> None:
    shown = text(signed_in(["view_message"]).get("/admin/"))
    assert "/admin/campaigns/message/" in shown
    assert "/admin/providers/provider/" not in shown


@pytest.mark.parametrize("url", LISTS)
def test_every_list_asks_for_permission(signed_in: Callable[[Iterable[str]], Client], url: str) -> None:
    assert Client().get(url).status_code == 302
    signed_in([]).get(url, status=403)


@pytest.mark.parametrize("url", ["", *LISTS])
def test_nothing_is_loaded_from_elsewhere(operator: Client, bsp: Provider, url: str) -> None:
    webhook(bsp)
    shown = text(operator.get(url or "/admin/"))
    assert not re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', shown)
    assert "/static/waypost/admin.css" in shown
    assert "/static/waypost/admin.js" in shown


def test_the_overview_of_somebody_without_permissions(signed_in: Callable[[Iterable[str]], Client]) -> None:
    assert "Your account has no permissions yet" in text(signed_in([]).get("/admin/"))


def test_one_who_may_only_look_changes_no_provider(looker: Client, bsp: Provider) -> None:
    base = f"/admin/providers/provider/{bsp.pk}/"
    shown = text(looker.get(f"{base}change/"))
    for what in ("check/", "pause/", "resume/", "new-credentials/", "rotate/"):
        assert f"{base}{what}" not in shown
    assert "api_key; webhook_secret" in shown
    for what in ("check", "pause", "resume", "new-credentials", "login", "rotate/webhook", "delete"):
        looker.get(f"{base}{what}/", status=403)
        looker.post(f"{base}{what}/", {"reason": "x", "kind": "basic"}, status=403)
    looker.post(f"{base}change/", {"nickname": "x"}, status=403)
    looker.get("/admin/providers/provider/add/", status=403)
    looker.post("/admin/providers/provider/", {"action": "pause_selected", "_selected_action": [bsp.pk]})
    bsp.refresh_from_db()
    assert (bsp.state, bsp.api_credentials.count(), bsp.callback_tokens.count()) == ("active", 1, 3)


def test_no_secret_is_on_any_page(operator: Client, bsp: Provider) -> None:
    message = parked(MessageFactory(provider=bsp, status=50)).message
    pages = [
        *LISTS,
        "/admin/",
        f"/admin/campaigns/message/{message.pk}/change/",
        f"/admin/callbacks/reply/{inbound(bsp).pk}/change/",
        f"/admin/callbacks/webhook/{webhook(bsp).pk}/change/",
        f"/admin/callbacks/outlet/{failing(bsp).pk}/change/",
        f"/admin/providers/provider/{bsp.pk}/change/",
        f"/admin/providers/provider/{bsp.pk}/history/",
        f"/admin/providers/provider/{bsp.pk}/delete/",
    ]
    for purpose in ("delivery", "inbound", "webhook"):
        lifecycle.rotate_callback(bsp, purpose)
    former = bsp.callback_tokens.exclude(expires_at=None).values_list("token", flat=True)
    digests = [digest for login in bsp.api_credentials.all() for digest in login.headers.values()]
    hidden = [*SECRETS.values(), *digests, *former]
    for url in pages:
        shown = text(operator.get(url))
        assert not [secret for secret in hidden if secret in shown], url
        if "/provider/" not in url or not url.endswith("change/"):
            current = bsp.callback_tokens.filter(expires_at=None).values_list("token", flat=True)
            assert not [token for token in current if token in shown], url


def test_templates_are_listed(operator: Client, bsp: Provider) -> None:
    Template.objects.create(provider=bsp, name="order_ready", language="en")
    Template.objects.create(provider=bsp, name="late", language="en", status="REJECTED")
    url = "/admin/templates_app/template/"
    assert "order_ready" in text(operator.get(url))
    for query, name in (({"q": "order"}, "order_ready"), ({"status": "REJECTED"}, "late")):
        assert [row.name for row in operator.get(url, query).context["cl"].result_list] == [name]


def test_people_and_groups_can_be_added(operator: Client) -> None:
    form = {
        "username": "asha",
        "usable_password": "true",
        "password1": "a-long-one-1",
        "password2": "a-long-one-1",
    }
    operator.post("/admin/auth/user/add/", form, status=302)
    asha = User.objects.get(username="asha")
    operator.get(f"/admin/auth/user/{asha.pk}/change/")
    operator.post("/admin/auth/group/add/", {"name": "Operators"}, status=302)
    assert Group.objects.filter(name="Operators").count() == 1


def test_signing_in_leads_to_the_overview(db: None) -> None:
    User.objects.create_superuser("asha", password="a-long-one-1")
    response = Client().post("/admin/login/", {"login": "asha", "password": "a-long-one-1"})
    assert response["Location"] == "/admin/"
