"""Signing in by a real OpenID Connect provider, started here."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from oidc_provider_mock import run_server_in_thread

from accounts.models import Entry
from tests.accounts.test_sign_in import aged
from tests.waiting import PATIENCE

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture(autouse=True)
def _settings(settings: Any, issuer: str) -> None:
    settings.OIDC_ISSUER = issuer
    settings.OIDC_GROUPS = {"wa-ops": "operators", "wa-audit": "auditors"}
    app = {
        "provider_id": "oidc",
        "name": "the company",
        "client_id": "waypost",
        "secret": "s3cret",
        "settings": {"server_url": issuer},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
    for name in ("operators", "auditors", "analysts"):
        Group.objects.get_or_create(name=name)


def told(issuer: str, sub: str, **claims: Any) -> None:
    """What the provider says of a person."""
    requests.put(f"{issuer}/users/{sub}", json=claims, timeout=PATIENCE).raise_for_status()


def signed_in(sub: str) -> Client:
    """Somebody who comes back from the provider's page, where they signed in as `sub`."""
    client = Client()
    client.get(at_the_provider(client.post("/admin/account/oidc/login/"), sub), follow=True)
    return client


def at_the_provider(away: Any, sub: str) -> str:
    """Signs in on the provider's page, to which `away` leads; the way back."""
    assert away.status_code == 302
    back = requests.post(away["Location"], data={"sub": sub}, allow_redirects=False, timeout=PATIENCE)
    assert back.status_code == 302, back.text
    return back.headers["Location"].replace("http://testserver", "")


def groups(name: str) -> list[str]:
    return sorted(User.objects.get(username=name).groups.values_list("name", flat=True))


def test_groups_become_ours_and_follow_the_provider(issuer: str) -> None:
    told(issuer, "7", preferred_username="mira", email="mira@example.com", groups=["wa-ops", "others"])
    client = signed_in("7")
    assert client.get("/admin/").status_code == 200
    assert groups("mira") == ["operators"]
    assert Entry.objects.filter(what=Entry.What.SIGNED_IN, who="mira").count() == 1
    User.objects.get(username="mira").groups.add(Group.objects.get(name="analysts"))
    told(issuer, "7", preferred_username="mira", email="mira@example.com", groups=["wa-audit"])
    signed_in("7")
    assert groups("mira") == ["analysts", "auditors"]
    assert User.objects.count() == 1
    roles = Entry.objects.filter(what=Entry.What.CHANGED, name="mira").order_by("pk")
    assert [entry.details["changes"]["groups"] for entry in roles] == [
        [[], ["operators"]],
        [["analysts", "operators"], ["analysts", "auditors"]],
    ]


def test_who_has_no_group_of_ours_stays_outside(issuer: str) -> None:
    told(issuer, "8", preferred_username="otto", groups=["others"])
    assert signed_in("8").get("/admin/").status_code == 302
    assert not User.objects.exists()


def test_a_local_user_of_the_same_name_is_not_taken_over(issuer: str) -> None:
    User.objects.create_superuser("root", email="root@example.com")
    told(issuer, "9", preferred_username="root", email="root@example.com", groups=["wa-ops"])
    signed_in("9")
    assert User.objects.get(username="root").socialaccount_set.count() == 0


def test_a_user_who_may_not_sign_in_does_not(issuer: str) -> None:
    told(issuer, "10", preferred_username="nina", groups=["wa-ops"])
    signed_in("10")
    User.objects.update(is_active=False)
    assert signed_in("10").get("/admin/").status_code == 302


def test_passwords_can_be_off(settings: Any) -> None:
    User.objects.create_superuser("asha", password="a-long-one-1")
    settings.PASSWORD_SIGN_IN = False
    client = Client()
    page = client.get("/admin/login/").content.decode()
    assert "/admin/account/oidc/login/" in page
    assert 'name="password"' not in page
    answer = client.post("/admin/login/", {"login": "asha", "password": "a-long-one-1"})
    assert answer.status_code == 200
    assert client.get("/admin/").status_code == 302


def test_a_fresh_proof_comes_from_the_provider_too(issuer: str, settings: Any) -> None:
    settings.PROOF_MINUTES = 15
    told(issuer, "11", preferred_username="asha", groups=["wa-ops"])
    client = signed_in("11")
    add = "/admin/providers/provider/add/"
    Group.objects.get(name="operators").permissions.add(Permission.objects.get(codename="add_provider"))
    assert client.get(add).status_code == 200
    aged(client, 16)
    led = client.get(add)
    assert unquote(led["Location"]) == f"/admin/account/oidc/login/?next={add}"
    assert client.get(led["Location"]).status_code == 200
    back = at_the_provider(client.post(led["Location"]), "11")
    assert client.get(back)["Location"] == add
    assert client.get(add).status_code == 200
