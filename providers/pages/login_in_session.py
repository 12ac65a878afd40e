"""Generated credentials, kept in the session from the page that makes them to the page that shows them."""

import msgspec
from django.http import HttpRequest

from lib import keys
from providers.lifecycle import Login
from providers.models import Provider


def keep(request: HttpRequest, provider: Provider, login: Login) -> None:
    """Puts the login into the session, encrypted: sessions lie in the database."""
    request.session[_key(provider)] = keys.ring().encrypt(msgspec.json.encode(login).decode())


def take(request: HttpRequest, provider: Provider) -> Login | None:
    """The login, which is removed from the session."""
    stored = request.session.pop(_key(provider), None)
    return None if stored is None else msgspec.json.decode(keys.ring().decrypt(stored), type=Login)


def _key(provider: Provider) -> str:
    return f"login:{provider.pk}"
