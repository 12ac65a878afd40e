"""What is over is forgotten, and nothing else: sessions, tries, tokens."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts import tasks, tokens
from accounts.models import Cached, Token

pytestmark = pytest.mark.django_db
PASSWORD = "four unrelated words here"


@pytest.fixture
def asha() -> User:
    return User.objects.create_superuser("asha", password=PASSWORD)


def sign_in(client: Client, name: str = "asha", password: str = PASSWORD) -> Any:
    return client.post("/admin/login/", {"login": name, "password": password})


def test_sessions_and_tries_that_are_over_are_forgotten(asha: User) -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        sign_in(Client())
        sign_in(Client(), password="guess")
        clock.move_to(start + timedelta(hours=13))
        fresh = Client()
        sign_in(fresh)
        sign_in(Client(REMOTE_ADDR="192.0.2.9"), password="guess")
        counted = Cached.objects.filter(expires__gt=timezone.now()).count()
        tasks.upkeep()
        assert Session.objects.filter(expire_date__lt=timezone.now()).count() == 0
        assert UserSession.objects.get(user=asha).session_key == fresh.session.session_key
        assert fresh.get("/admin/account/").status_code == 200
        assert Cached.objects.count() == counted > 0


def test_a_session_that_was_signed_out_leaves_nothing(asha: User) -> None:
    client = Client()
    sign_in(client)
    client.post("/admin/logout/")
    tasks.upkeep()
    assert not UserSession.objects.filter(user=asha).exists()


def test_tokens_that_open_nothing_are_listed_for_a_while(asha: User, settings: Any) -> None:
    settings.TOKEN_RETENTION_DAYS = 30
    now = timezone.now()
    expired, revoked, recent, valid = (
        tokens.add(asha, ["stats:read"], now, name=name).token for name in ("a", "b", "c", "d")
    )
    long_ago = now - timedelta(days=31)
    Token.objects.filter(pk=expired.pk).update(created_at=now - timedelta(days=99), expires_at=long_ago)
    Token.objects.filter(pk=revoked.pk).update(revoked_at=long_ago)
    Token.objects.filter(pk=recent.pk).update(revoked_at=now - timedelta(days=29))
    settings.TOKEN_RETENTION_DAYS = 0
    tasks.upkeep()
    assert Token.objects.count() == 4
    settings.TOKEN_RETENTION_DAYS = 30
    tasks.upkeep()
    assert set(Token.objects.all()) == {recent, valid}


def test_no_count_is_pushed_out_by_others(asha: User) -> None:
    """The cache throws a third of its rows away when it is full."""
    for _ in range(5):
        sign_in(Client(), password="guess")
    for number in range(400):
        cache.set(f"somebody-{number}", 1, 300)
    answer = sign_in(Client())
    assert "Too many failed login attempts" in answer.content.decode()
