"""Signing in: throttled, logged, reported by mail, with a second factor if one is required."""

import json
import logging
import time
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone

from accounts import devices
from accounts.models import Entry
from lib import keys
from providers.models import Provider
from tests.visitor import visiting

pytestmark = pytest.mark.django_db
PASSWORD = "four unrelated words here"
What = Entry.What


@pytest.fixture
def asha() -> User:
    return User.objects.create_superuser("asha", password=PASSWORD, email="asha@example.com")


def sign_in(client: Client, password: str = PASSWORD, name: str = "asha") -> Any:
    return client.post("/admin/login/", {"login": name, "password": password})


def code_of(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def with_app(user: User) -> str:
    """Gives the user an authenticator app; its secret."""
    secret = "JBSWY3DPEHPK3PXP"
    TOTP.activate(user, secret)
    return secret


# Passwords


def test_a_password_leads_in(asha: User) -> None:
    client = Client()
    assert sign_in(client)["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def browser_of(number: int, **about: Any) -> Client:
    return Client(REMOTE_ADDR=f"192.0.2.{number}", **about)


def refused(client: Client) -> bool:
    return "Too many failed login attempts" in sign_in(client).content.decode()


def guess(client: Client, times: int) -> None:
    for _ in range(times):
        assert "Too many" not in sign_in(client, "guess").content.decode()


def test_tries_are_counted_before_anything_is_hashed(asha: User, monkeypatch: pytest.MonkeyPatch) -> None:
    guess(browser_of(7), 5)
    hashed: list[str] = []
    monkeypatch.setattr(User, "check_password", lambda self, raw: hashed.append(raw))
    assert refused(browser_of(7))
    assert hashed == []


def test_whoever_guesses_locks_out_nobody_elsewhere(asha: User) -> None:
    guess(browser_of(7), 5)
    assert refused(browser_of(7))
    assert sign_in(browser_of(8)).status_code == 302


def test_many_addresses_together_have_no_end_of_tries(asha: User, settings: Any) -> None:
    settings.SIGN_IN_NAME_LIMIT = "12/h/key"
    for number in range(3):
        guess(browser_of(number), 4)
    assert refused(browser_of(77))


def test_a_browser_that_is_known_gets_in_all_the_same(asha: User, settings: Any) -> None:
    """Also where others guess from the same address, as behind a proxy that is not named."""
    mine = browser_of(7)
    sign_in(mine)
    mine.post("/admin/logout/")
    settings.SIGN_IN_NAME_LIMIT = "5/h/key"
    guess(browser_of(7), 5)
    assert refused(browser_of(7))
    assert refused(browser_of(8))
    assert sign_in(mine).status_code == 302


def test_a_browser_that_is_known_has_few_tries_too(asha: User) -> None:
    mine = browser_of(7)
    sign_in(mine)
    mine.post("/admin/logout/")
    guess(mine, 5)
    assert refused(mine)
    assert sign_in(browser_of(7)).status_code == 302


def test_nobody_is_known_by_the_cookie_of_another_or_by_a_forged_one(asha: User) -> None:
    otto = User.objects.create_superuser("otto", password=PASSWORD)
    theirs = browser_of(7)
    sign_in(theirs, name="otto")
    (cookie,) = (each for name, each in theirs.cookies.items() if name.startswith("known_"))
    assert (cookie["httponly"], cookie["path"], cookie["samesite"]) == (True, "/admin/", "Lax")
    asking = HttpRequest()
    asking.COOKIES = {each.key: each.value for each in theirs.cookies.values()}
    assert devices.known(asking, otto.username)
    assert not devices.known(asking, "asha")
    asking.COOKIES = {devices._cookie("asha"): cookie.value}
    assert not devices.known(asking, "asha")
    asking.COOKIES = {cookie.key: "x" + cookie.value}
    assert not devices.known(asking, otto.username)


def test_another_host_header_gives_no_more_tries(asha: User) -> None:
    for port in range(5):
        guess(browser_of(7, HTTP_HOST=f"localhost:{1000 + port}"), 1)
    assert refused(browser_of(7, HTTP_HOST="localhost:1005"))


def test_a_proxy_on_a_unix_socket_has_no_address(asha: User) -> None:
    client = Client(REMOTE_ADDR="")
    assert sign_in(client).status_code == 302
    assert client.get("/admin/account/").status_code == 200


def test_tries_are_counted_by_address(asha: User) -> None:
    for number in range(10):
        sign_in(Client(REMOTE_ADDR="192.0.2.7"), "guess", f"name-{number}")
    assert "Too many" in sign_in(Client(REMOTE_ADDR="192.0.2.7")).content.decode()
    assert sign_in(Client(REMOTE_ADDR="192.0.2.8")).status_code == 302


def test_whoever_has_a_network_of_ipv6_has_no_more_tries(asha: User) -> None:
    """A /64 is what one customer gets, and it has more addresses than all of IPv4."""
    for number in range(10):
        sign_in(Client(REMOTE_ADDR=f"2001:db8:0:7::{number:x}"), "guess", f"name-{number}")
    assert "Too many" in sign_in(Client(REMOTE_ADDR="2001:db8:0:7:ffff::1")).content.decode()
    assert sign_in(Client(REMOTE_ADDR="2001:db8:0:8::1")).status_code == 302


def test_basic_passwords_are_counted_with_them(asha: User, settings: Any) -> None:
    from base64 import b64encode

    settings.API_PASSWORDS = True

    def call(password: str) -> int:
        login = b64encode(f"asha:{password}".encode()).decode()
        return Client().get("/api/stats", headers={"Authorization": f"Basic {login}"}).status_code

    assert call(PASSWORD) == 200
    assert [call("guess") for _ in range(5)] == [401] * 5
    assert call(PASSWORD) == 429


def test_failures_have_a_line_for_fail2ban(asha: User, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "waypost.sign_in"):
        sign_in(Client(REMOTE_ADDR="192.0.2.7"), "guess", "asha\nFailed sign-in from 203.0.113.1 as x")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "waypost.sign_in"]
    assert line.startswith('Failed sign-in from 192.0.2.7 as "asha\\nFailed')
    assert "\n" not in line


@pytest.mark.parametrize(
    "password", ["password123", "P@ssw0rd2026", "qwertyuiop12", "waypost-asha", "aaaaaaaaaaaa"]
)
def test_guessable_passwords_are_refused(asha: User, password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password, asha)
    validate_password(PASSWORD, asha)


# Sessions


def test_a_session_ends_when_it_was_idle(asha: User) -> None:
    """Twelve hours after the last page; a page that refreshes itself keeps no session alive."""
    client, start = Client(), timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        sign_in(client)
        for hours in (11, 22):
            clock.move_to(start + timedelta(hours=hours))
            assert client.get("/admin/account/").status_code == 200
        clock.move_to(start + timedelta(hours=33))
        assert client.get("/admin/stats/overview/?part=1").status_code == 200
        clock.move_to(start + timedelta(hours=34, minutes=1))
        assert client.get("/admin/account/").status_code == 302


def test_ones_own_session_stays_on_the_page_after_a_new_password(asha: User) -> None:
    client = Client()
    sign_in(client)
    new = "entirely other words now"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/admin/password_change/", form).status_code == 302
    assert "(this one)" in client.get("/admin/account/").content.decode()
    assert Entry.objects.get(what=What.PASSWORD).who == "asha"


def test_the_old_password_cannot_be_guessed(asha: User, caplog: pytest.LogCaptureFixture) -> None:
    """A session that somebody left open is no way to the password."""
    client, new = Client(), "entirely other words now"
    sign_in(client)

    def change(old: str) -> str:
        form = {"old_password": old, "new_password1": new, "new_password2": new}
        return str(client.post("/admin/password_change/", form).content.decode())

    with caplog.at_level(logging.WARNING, "waypost.sign_in"):
        assert all("Your old password was entered incorrectly" in change("guess") for _ in range(5))
    assert [record.getMessage() for record in caplog.records if record.name == "waypost.sign_in"] == [
        'Failed sign-in from 127.0.0.1 as "asha"'
    ] * 5
    assert Entry.objects.filter(what=What.NOT_SIGNED_IN, name="asha").count() == 5
    assert "Too many failed login attempts" in change(PASSWORD)
    asha.refresh_from_db()
    assert asha.check_password(PASSWORD)


def test_sessions_are_unreadable_in_the_database(asha: User) -> None:
    from django.contrib.sessions.models import Session
    from django.core import signing

    client = Client()
    sign_in(client)
    stored = Session.objects.get(pk=client.session.session_key).session_data
    kept = signing.loads(stored, salt="django.contrib.sessions.SessionStore", serializer=_AsItIs)
    assert b"_auth_user_id" not in kept


class _AsItIs:
    def loads(self, data: bytes) -> bytes:
        return data


def test_a_new_device_is_told_by_mail(asha: User, settings: Any) -> None:
    """It is the browser itself that is known, and not what it says that it is."""
    settings.EMAIL_HOST = "mail.example.com"
    first, second = Client(HTTP_USER_AGENT="Firefox"), Client(HTTP_USER_AGENT="Firefox")
    for client, mails in ((first, 0), (first, 0), (second, 1), (second, 1), (first, 1)):
        sign_in(client)
        client.post("/admin/logout/")
        assert len(mail.outbox) == mails
    assert mail.outbox[0].to == ["asha@example.com"]
    assert "Firefox" in mail.outbox[0].body


def test_people_end_their_own_sessions(asha: User) -> None:
    here, elsewhere = Client(), Client()
    sign_in(here)
    sign_in(elsewhere)
    other = elsewhere.session.session_key
    page = here.get("/admin/account/").content.decode()
    assert other not in page
    from allauth.usersessions.models import UserSession

    row = UserSession.objects.get(session_key=other)
    here.post(f"/admin/account/sessions/{row.pk}/end/")
    assert elsewhere.get("/admin/").status_code == 302
    assert here.get("/admin/").status_code == 200
    theirs = visiting(User.objects.create_superuser("otto"))
    mine = UserSession.objects.get(session_key=here.session.session_key)
    theirs.post(f"/admin/account/sessions/{mine.pk}/end/", status=404)


def test_a_new_secret_key_ends_no_session(asha: User, settings: Any) -> None:
    """Nor does it make a browser unknown, as long as the former one is named."""
    former, asking = settings.SECRET_KEY, HttpRequest()
    client, late = Client(), Client()
    sign_in(client)
    sign_in(late)
    asking.COOKIES = {each.key: each.value for each in client.cookies.values()}
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [former]
    assert client.get("/admin/").status_code == 200
    assert devices.known(asking, "asha")
    settings.SECRET_KEY_FALLBACKS = []
    assert late.get("/admin/").status_code == 302
    assert not devices.known(asking, "asha")


def test_no_session_is_looked_for_by_a_null_character() -> None:
    for path in ("/admin/", "/admin/login/", "/api/stats"):
        answer = Client(headers={"cookie": r'sessionid="\000aaaaaaaa"'}).get(path)
        assert (answer.status_code, answer.content) == (400, b"There is a null character in a cookie."), path


# Second factors


@pytest.mark.parametrize(
    "credential", ["9" * 5000, "[" * 100_000, "{}", "[]", '"x"', "\0", '{"id": 1, "response": {}}']
)
def test_what_is_no_passkey_opens_nothing(asha: User, credential: str) -> None:
    answer = Client().post("/admin/account/factors/webauthn/login/", {"credential": credential})
    assert answer.status_code == 302
    mine = visiting(asha)
    mine.post("/admin/account/factors/webauthn/add/", {"credential": credential})
    assert not Authenticator.objects.exists()


def test_an_authenticator_app_is_asked_for(asha: User) -> None:
    secret = with_app(asha)
    client = Client()
    assert sign_in(client)["Location"] == "/admin/account/factors/authenticate/"
    assert client.get("/admin/").status_code == 302
    assert client.get("/admin/account/factors/authenticate/").status_code == 200
    client.post("/admin/account/factors/authenticate/", {"code": "000000"})
    assert client.get("/admin/").status_code == 302
    assert (
        client.post("/admin/account/factors/authenticate/", {"code": code_of(secret)})["Location"]
        == "/admin/"
    )
    assert client.get("/admin/").status_code == 200


def test_a_recovery_code_leads_in_once(asha: User) -> None:
    with_app(asha)
    code = RecoveryCodes.activate(asha).get_unused_codes()[0]
    for status in (302, 200):
        client = Client()
        sign_in(client)
        answer = client.post("/admin/account/factors/authenticate/", {"code": code})
        assert answer.status_code == status


def test_secrets_of_factors_are_encrypted(asha: User) -> None:
    secret = with_app(asha)
    assert secret not in str(Authenticator.objects.values_list("data", flat=True))
    assert TOTP(Authenticator.objects.get()).validate_code(code_of(secret))


@pytest.mark.parametrize(
    ("wanted", "group", "led"),
    [
        (["1"], "", True),
        (["operators"], "operators", True),
        (["operators"], "analysts", False),
        ([], "", False),
    ],
)
def test_a_second_factor_can_be_required(settings: Any, wanted: list[str], group: str, led: bool) -> None:
    settings.REQUIRE_SECOND_FACTOR = wanted
    user = User.objects.create_user("mira", is_staff=True)
    if group:
        user.groups.add(Group.objects.get_or_create(name=group)[0])
    client = visiting(user)
    for path in ("/admin/", "/admin/account/"):
        answer = client.get(path, status=302 if led else 200)
        assert not led or answer["Location"] == "/admin/account/factors/"
    if led:
        client.get("/api/stats", status=302)
        client.get("/admin/account/factors/")
    with_app(user)
    client.get("/admin/")


def test_an_administrator_resets_a_factor(asha: User, admin_client: Client) -> None:
    with_app(asha)
    url = f"/admin/auth/user/{asha.pk}/reset-factors/"
    assert Authenticator.objects.filter(user=asha).exists()
    admin_client.get(url)
    admin_client.post(url)
    assert not Authenticator.objects.filter(user=asha).exists()
    assert Entry.objects.get(what=What.FACTOR).name == "asha"


def test_so_does_the_command_line(asha: User) -> None:
    with_app(asha)
    out = StringIO()
    call_command("second_factor", "reset", "--user", "asha", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {"user": "asha", "removed": 1}
    assert Entry.objects.get(what=What.FACTOR).by.startswith("command line")


def test_keys_can_be_rotated(asha: User, settings: Any) -> None:
    from cryptography.fernet import Fernet

    secret, new = with_app(asha), Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [new, *keys.keys()]
    call_command("rotate_keys", stdout=StringIO())
    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert TOTP(Authenticator.objects.get()).validate_code(code_of(secret))


# Proving it again


@pytest.fixture
def signed_in(asha: User, settings: Any) -> Client:
    settings.PROOF_MINUTES = 15
    client = Client()
    sign_in(client)
    return client


def aged(client: Client, minutes: int) -> None:
    """As if the last proof were so old."""
    session = client.session
    records = session["account_authentication_methods"]
    session["account_authentication_methods"] = [each | {"at": each["at"] - minutes * 60} for each in records]
    session.save()


def sensitive(provider: Provider, asha: User) -> list[str]:
    return [
        f"/admin/providers/provider/{provider.pk}/new-credentials/",
        f"/admin/providers/provider/{provider.pk}/rotate/webhook/",
        "/admin/providers/provider/add/",
        f"/admin/auth/user/{asha.pk}/password/",
        "/admin/auth/user/add/",
        "/admin/auth/group/add/",
        "/admin/audience/optsetting/add/",
        "/admin/operations/channel/add/",
        "/admin/campaigns/message/export/",
        "/api/stats/export/messages.csv?figure=accepted",
    ]


def test_sensitive_steps_want_a_fresh_proof(signed_in: Client, provider: Provider, asha: User) -> None:
    for path in sensitive(provider, asha):
        assert signed_in.get(path).status_code == 200, path
    aged(signed_in, 16)
    for path in sensitive(provider, asha):
        answer = signed_in.get(path)
        assert answer.status_code == 302, path
        assert answer["Location"].startswith("/admin/account/reauthenticate/?next="), path
    assert signed_in.get("/admin/campaigns/message/").status_code == 200
    answer = signed_in.post(
        "/admin/account/reauthenticate/", {"password": PASSWORD, "next": sensitive(provider, asha)[0]}
    )
    assert answer["Location"] == sensitive(provider, asha)[0]
    assert signed_in.get(sensitive(provider, asha)[0]).status_code == 200


def test_what_was_posted_goes_on_after_the_proof(signed_in: Client, provider: Provider) -> None:
    from tests.roles.filling import filled

    url = f"/admin/providers/provider/{provider.pk}/change/"
    shown = filled(signed_in.get(url).content.decode(), nickname="Renamed")
    aged(signed_in, 16)
    assert signed_in.post(url, shown)["Location"].startswith("/admin/account/reauthenticate/")
    provider.refresh_from_db()
    assert provider.nickname != "Renamed"
    signed_in.post("/admin/account/reauthenticate/", {"password": PASSWORD, "next": url})
    provider.refresh_from_db()
    assert provider.nickname == "Renamed"


def test_a_wrong_password_proves_nothing(signed_in: Client, provider: Provider, asha: User) -> None:
    aged(signed_in, 16)
    signed_in.post("/admin/account/reauthenticate/", {"password": "guess"})
    assert signed_in.get(sensitive(provider, asha)[0]).status_code == 302
