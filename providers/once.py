"""Generated credentials between the page that made them and the one that shows them, once."""

import msgspec
from django.http import HttpRequest

from providers.fields import key_ring
from providers.models import Provider
from providers.setup import Login


def keep(request: HttpRequest, provider: Provider, login: Login) -> None:
    """Puts the login into the session, encrypted: sessions lie in the database."""
    request.session[_key(provider)] = key_ring().encrypt(msgspec.json.encode(login).decode())


def take(request: HttpRequest, provider: Provider) -> Login | None:
    """The login, and forgets it."""
    stored = request.session.pop(_key(provider), None)
    return None if stored is None else msgspec.json.decode(key_ring().decrypt(stored), type=Login)


def _key(provider: Provider) -> str:
    return f"login:{provider.pk}"
