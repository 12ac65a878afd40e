"""A model field for secrets: JSON in Python, encrypted text in the database.

A secret that no key can decrypt reads as an empty value that is `Sealed`. Only work that needs this secret
stops.
"""

from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.db import models

from lib import keys
from lib.crypto import NO_KEY, Undecryptable


class Sealed:
    """A secret that none of our keys can decrypt. It looks empty, and is stored again unchanged."""

    stored: str


def require_key() -> None:
    """Raises ValidationError if there is no key to encrypt new secrets with."""
    if not keys.keys():
        raise ValidationError(f"This cannot be stored. {NO_KEY}")


class _SealedMapping(Sealed, dict[str, Any]):
    """For fields that hold a mapping."""


class _SealedText(Sealed, str):
    """For fields that hold a text."""


class EncryptedJSONField(models.TextField):  # type: ignore[type-arg]
    """Any JSON value, encrypted with the newest of our keys; `Sealed` if none can decrypt it."""

    is_secret = True  # for the trail

    def from_db_value(self, value: str | None, expression: object, connection: object) -> Any:
        if value is None:
            return None
        try:
            return msgspec.json.decode(keys.ring().decrypt(value))
        except Undecryptable:
            sealed = _SealedMapping() if self.default is dict else _SealedText()
            sealed.stored = value
            return sealed

    def get_prep_value(self, value: Any) -> str | None:
        if isinstance(value, Sealed):
            return value.stored
        return None if value is None else keys.ring().encrypt(msgspec.json.encode(value).decode())

    def to_python(self, value: Any) -> Any:
        return value

    def value_to_string(self, obj: models.Model) -> str:
        raise TypeError("An encrypted field is not serialised.")
