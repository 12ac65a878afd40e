"""A model field for secrets: JSON in Python, encrypted text in the database."""

from functools import lru_cache
from typing import Any

import msgspec
from django.conf import settings
from django.db import models

from lib.crypto import KeyRing


@lru_cache(maxsize=4)
def _ring(keys: tuple[str, ...]) -> KeyRing:
    return KeyRing(keys)


def key_ring() -> KeyRing:
    return _ring(tuple(settings.FIELD_ENCRYPTION_KEYS))


class EncryptedJSONField(models.TextField):  # type: ignore[type-arg]
    """Any JSON value, encrypted with the newest of FIELD_ENCRYPTION_KEYS."""

    def from_db_value(self, value: str | None, expression: object, connection: object) -> Any:
        return None if value is None else msgspec.json.decode(key_ring().decrypt(value))

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else key_ring().encrypt(msgspec.json.encode(value).decode())

    def to_python(self, value: Any) -> Any:
        return value

    def value_to_string(self, obj: models.Model) -> str:
        raise TypeError("An encrypted field is not serialised.")
