"""Secrets: digests for what others prove to us, encryption for what we prove to others."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


def token(bytes_of_entropy: int = 24) -> str:
    """An unguessable URL-safe string."""
    return secrets.token_urlsafe(bytes_of_entropy)


def digest(value: str) -> str:
    """SHA-256 in hex. Enough for generated values of high entropy, and fast at the door."""
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()


def matches(value: str, expected_digest: str) -> bool:
    return hmac.compare_digest(digest(value), expected_digest)


class Undecryptable(Exception):
    """None of the keys in FIELD_ENCRYPTION_KEYS opens a stored value."""


class KeyRing:
    """Encrypts with the first key, decrypts with any."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key.strip().encode()) for key in keys])

    def encrypt(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, stored: str) -> str:
        try:
            return self._fernet.decrypt(stored.encode()).decode()
        except InvalidToken as error:
            raise Undecryptable(
                "A stored secret opens with none of FIELD_ENCRYPTION_KEYS. Put the key it was "
                "stored with back at the end of that setting, then run `manage.py rotate_keys`."
            ) from error
