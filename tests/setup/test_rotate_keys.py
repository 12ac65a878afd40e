"""rotate_keys: every secret under the newest key, and what no key opens is named."""

from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection

from lib.crypto import KeyRing
from providers.models import Provider
from tests.factories import make_provider

OLD, NEW, FOREIGN = (Fernet.generate_key().decode() for _ in range(3))

pytestmark = pytest.mark.django_db


def stored(provider: Provider) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT credentials FROM providers_provider WHERE id = %s", [provider.pk])
        return str(cursor.fetchone()[0])


def rotate(*options: str) -> str:
    out = StringIO()
    call_command("rotate_keys", *options, stdout=out)
    return out.getvalue()


def test_the_old_key_is_not_needed_afterwards(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    providers = [make_provider(credentials={"username": "u", "password": f"p{n}"}) for n in range(5)]
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    said = rotate("--batch-size", "2")
    assert "providers.Provider.credentials: 5 encrypted anew, 0 already with the newest key, 0 unread" in said
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    for number, provider in enumerate(providers):
        assert Provider.objects.get(pk=provider.pk).credentials["password"] == f"p{number}"


def test_a_second_run_writes_nothing(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    provider = make_provider(credentials={"password": "p"})
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    rotate()
    before = stored(provider)
    assert "credentials: 0 encrypted anew, 1 already" in rotate()
    assert stored(provider) == before


def test_what_no_key_opens_is_named_and_the_rest_is_rotated(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [FOREIGN]
    make_provider(nickname="Of another installation", credentials={"password": "lost"})
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    good = make_provider(credentials={"password": "kept"})
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    with pytest.raises(
        CommandError, match=r"providers.Provider \d+ \(Of another installation\), credentials"
    ):
        rotate()
    assert KeyRing([NEW]).decrypt(stored(good)) == '{"password":"kept"}'
