"""Tokens: how they are made, what they let in, and what ends them."""

import json
from base64 import b64encode
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts import tokens
from accounts.models import Entry, Token
from lib import crypto
from tests.factories import make_provider
from tests.stats.conftest import accepted
from tests.visitor import Visitor, visiting

pytestmark = pytest.mark.django_db


def person(name: str, *codenames: str) -> User:
    user = User.objects.create_user(name, password="a-long-one-1", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return user


@pytest.fixture
def mira() -> User:
    return person("mira", "view_stats", "view_message", "view_phone_numbers")


def secret_of(owner: User, *scopes: str, days: int = 1) -> str:
    return tokens.add(owner, scopes, timezone.now(), days=days).secret


def status(secret: str, path: str = "/api/stats") -> int:
    return Client().get(path, headers={"Authorization": f"Bearer {secret}"}).status_code


def run(*arguments: str) -> Any:
    out = StringIO()
    call_command("token", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_a_token_from_the_command_line_reads_the_stats(mira: User) -> None:
    made = run("add", "--user", "mira", "--scope", "stats:read", "--days", "30", "--name", "Grafana")
    assert (made["user"], made["scopes"], made["name"]) == ("mira", ["stats:read"], "Grafana")
    assert status(made["token"]) == 200
    (listed,) = run("list", "--user", "mira")
    assert listed["state"] == "valid"
    assert listed["last_used_at"] is not None
    assert "token" not in listed
    assert run("revoke", str(made["id"]))["state"] == "revoked"
    assert status(made["token"]) == 401


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "--user", "nobody", "--scope", "stats:read"), "There is no user 'nobody'."),
        (("add", "--user", "mira", "--scope", "messages:send"), "do not allow messages:send"),
        (("add", "--user", "mira", "--scope", "stats:read", "--days", "0"), "from 1 to 366 days"),
        (("revoke", "0"), "There is no token 0."),
    ],
)
def test_the_command_says_what_is_wrong(mira: User, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run(*arguments)


def test_who_may_not_sign_in_gets_no_token(mira: User) -> None:
    User.objects.update(is_staff=False)
    with pytest.raises(CommandError, match="mira may not sign in"):
        run("add", "--user", "mira", "--scope", "stats:read")


def test_only_a_digest_is_kept(mira: User) -> None:
    secret = secret_of(mira, "stats:read")
    row = Token.objects.values().get()
    assert row["digest"] == crypto.digest(secret)
    assert secret not in str(row)


def test_what_ends_a_token(mira: User) -> None:
    secret = secret_of(mira, "stats:read")
    for change in ({"expires_at": timezone.now()}, {"revoked_at": timezone.now()}):
        Token.objects.update(created_at=timezone.now() - timedelta(days=2))
        before = Token.objects.values(*change).get()
        assert status(secret) == 200
        Token.objects.update(**change)
        assert status(secret) == 401, change
        Token.objects.update(**before)
    for may_not in ({"is_active": False}, {"is_staff": False}):
        User.objects.update(is_active=True, is_staff=True)
        assert status(secret) == 200
        User.objects.update(**may_not)
        assert status(secret) == 401, may_not


def test_the_owners_roles_bound_it(mira: User) -> None:
    secret = secret_of(mira, "stats:read")
    assert status(secret, "/api/stats/export/campaigns.csv") == 403
    mira.user_permissions.clear()
    assert status(secret) == 403


def test_the_scopes_bound_it(mira: User) -> None:
    response = Client().get(
        "/api/stats", headers={"Authorization": f"Bearer {secret_of(mira, 'messages:read')}"}
    )
    assert response.status_code == 403
    assert response.json()["detail"] == "This needs a token with the scope stats:read."


def test_whole_numbers_need_their_scope_too(mira: User) -> None:
    message = accepted(make_provider(), timezone.now(), to="919812345601")
    seen = {}
    for scopes in (("stats:read",), ("stats:read", "messages:read")):
        headers = {"Authorization": f"Bearer {secret_of(mira, *scopes)}"}
        answer = Client().get("/api/stats/messages", {"figure": "accepted"}, headers=headers)
        assert answer.status_code == 200
        seen[scopes[-1]] = message.to in answer.content.decode()
    assert seen == {"stats:read": False, "messages:read": True}
    (entry,) = Entry.objects.filter(what=Entry.What.LOOKED)
    assert (entry.who, entry.by) == ("mira", f"token {Token.objects.latest('pk').pk}")


@pytest.mark.parametrize("given", ["", "wpt_", "guess", "wpt_" + "x" * 40, "\udcff", "a b c"])
def test_guesses_let_nobody_in(mira: User, given: str) -> None:
    secret_of(mira, "stats:read")
    answer = Client().get("/api/stats", headers={"Authorization": f"Bearer {given}"})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="Waypost"'


def test_one_token_may_call_only_so_often(mira: User, settings: Any) -> None:
    settings.API_RATE = "3/min"
    busy, other = secret_of(mira, "stats:read"), secret_of(mira, "stats:read")
    assert [status(busy) for _ in range(5)] == [200, 200, 200, 429, 429]
    assert status(other) == 200


def test_passwords_are_taken_only_by_setting(mira: User, settings: Any) -> None:
    login = b64encode(b"mira:a-long-one-1").decode()
    for taken, expected in ((False, 401), (True, 200)):
        settings.API_PASSWORDS = taken
        answer = Client().get("/api/stats", headers={"Authorization": f"Basic {login}"})
        assert answer.status_code == expected


def test_a_password_is_no_way_round_a_second_factor(mira: User, settings: Any) -> None:
    settings.API_PASSWORDS = True
    login = b64encode(b"mira:a-long-one-1").decode()

    def ask() -> Any:
        return Client().get("/api/stats", headers={"Authorization": f"Basic {login}"})

    assert ask().status_code == 200
    settings.REQUIRE_SECOND_FACTOR = ["1"]
    assert ask().status_code == 401, "she lacks the one that she must have"
    settings.REQUIRE_SECOND_FACTOR = ["operators"]
    assert ask().status_code == 200
    TOTP.activate(mira, "JBSWY3DPEHPK3PXP")
    refused = ask()
    assert refused.status_code == 401
    assert "second factor" in refused.json()["detail"]
    assert status(secret_of(mira, "stats:read")) == 200


def test_a_password_of_who_may_not_sign_in_opens_nothing(mira: User, settings: Any) -> None:
    settings.API_PASSWORDS = True
    login = b64encode(b"mira:a-long-one-1").decode()
    User.objects.update(is_staff=False)
    assert Client().get("/api/stats", headers={"Authorization": f"Basic {login}"}).status_code == 401


# The pages


@pytest.fixture
def at_the_browser(mira: User) -> Visitor:
    return visiting(mira)


def test_a_person_makes_a_token_and_sees_it_once(at_the_browser: Visitor) -> None:
    page = at_the_browser.get("/admin/account/").content.decode()
    assert "stats:read" in page
    assert "messages:send" not in page  # her roles do not allow it
    form = {"name": "Grafana", "scopes": ["stats:read"], "days": 30}
    made = at_the_browser.post("/admin/account/tokens/", form)
    secret = made.context["secret"]
    assert secret in made.content.decode()
    assert status(secret) == 200
    page = at_the_browser.get("/admin/account/").content.decode()
    assert "Grafana" in page
    assert secret not in page


def test_nobody_gets_a_scope_beyond_their_roles(at_the_browser: Visitor) -> None:
    form = {"name": "Grafana", "scopes": ["messages:send"], "days": 30}
    assert "not one of the available choices" in (
        at_the_browser.post("/admin/account/tokens/", form).content.decode()
    )
    assert not Token.objects.exists()


def test_people_revoke_their_own_and_administrators_any(at_the_browser: Visitor, admin_user: User) -> None:
    mine = tokens.add(User.objects.get(username="mira"), ["stats:read"], timezone.now())
    theirs = tokens.add(admin_user, ["stats:read"], timezone.now())
    at_the_browser.post(f"/admin/account/tokens/{theirs.token.pk}/revoke/", status=404)
    at_the_browser.post(f"/admin/account/tokens/{mine.token.pk}/revoke/")
    assert (status(mine.secret), status(theirs.secret)) == (401, 200)
    chosen = {"action": "revoke_selected", "_selected_action": [theirs.token.pk]}
    visiting(admin_user).post("/admin/accounts/token/", chosen)
    assert status(theirs.secret) == 401


def test_unknown_tokens_are_counted_by_address(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.WRONG_TOKENS_LIMIT = "3/m/ip"

    def call(address: str) -> int:
        wrong = {"Authorization": "Bearer wpt_nobodys"}
        return Client(REMOTE_ADDR=address).get("/api/stats", headers=wrong).status_code

    assert [call("192.0.2.7") for _ in range(4)] == [401, 401, 401, 429]
    assert call("192.0.2.8") == 401
    assert "Failed sign-in from 192.0.2.7 as a token" in caplog.text
    neighbours = [call(f"2001:db8:0:7::{number}") for number in range(4)]
    assert neighbours == [401, 401, 401, 429], "an IPv6 network is one caller"
