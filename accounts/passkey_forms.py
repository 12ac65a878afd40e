"""The library's forms for passkeys, one of which stands before the sign-in. They get JSON from outside, and
the library raises an error if it is not a passkey."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn import forms as webauthn
from django import forms

# What the library raises for JSON of another form.
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise get_adapter().validation_error("incorrect_code") from error


class _Decoder(json.JSONDecoder):
    """Python raises something else for numbers of thousands of digits, and for lists in lists in lists."""

    def decode(self, s: str, *args: Any) -> Any:
        try:
            return super().decode(s, *args)
        except (ValueError, RecursionError) as error:
            raise json.JSONDecodeError(str(error), "", 0) from error


def _json() -> forms.JSONField:
    return forms.JSONField(widget=forms.HiddenInput, decoder=_Decoder)


class Add(webauthn.AddWebAuthnForm):  # type: ignore[misc]
    credential = _json()

    def clean(self) -> Any:
        with _refused():
            return super().clean()


class Authenticate(webauthn.AuthenticateWebAuthnForm):  # type: ignore[misc]
    credential = _json()

    def clean_credential(self) -> Any:
        with _refused():
            return super().clean_credential()


class Login(Authenticate, webauthn.LoginWebAuthnForm):  # type: ignore[misc]
    """Without a password or a name before it."""


class Reauthenticate(Authenticate, webauthn.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """For a step that asks for a fresh proof."""
