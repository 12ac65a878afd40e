"""Sessions are in the database. They hold posted forms that wait for a proof, also with BSPs' credentials.

They are encrypted by SECRET_KEY, which signs them, so that people can sign in where the key of the stored
secrets is lost, and enter these again.
"""

from base64 import urlsafe_b64encode
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signing import JSONSerializer
from django.utils.crypto import salted_hmac

from lib.crypto import KeyRing


class Encrypted(JSONSerializer):
    def dumps(self, obj: Any) -> bytes:
        return _ring().encrypt(super().dumps(obj).decode()).encode()

    def loads(self, data: bytes) -> Any:
        return super().loads(_ring().decrypt(data.decode()).encode())


def _ring() -> KeyRing:
    return _derived(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@lru_cache(maxsize=4)
def _derived(*secrets: str) -> KeyRing:
    digests = [salted_hmac("sessions", "encrypt", secret, algorithm="sha256").digest() for secret in secrets]
    return KeyRing([urlsafe_b64encode(digest).decode() for digest in digests])
