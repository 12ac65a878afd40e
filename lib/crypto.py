"""Secrets. Those that others send to us are kept as digests; those that we send to others are encrypted."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


def token(bytes_of_entropy: int = 24) -> str:
    """An unguessable URL-safe string."""
    return secrets.token_urlsafe(bytes_of_entropy)


def digest(value: str) -> str:
    """SHA-256 in hex. It is fast, and safe for generated values, which nobody can guess."""
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()


def matches(value: str, expected_digest: str) -> bool:
    return hmac.compare_digest(digest(value), expected_digest)


class Undecryptable(Exception):
    """None of our keys can decrypt a stored value."""


class NoKey(Exception):
    """There is no key to encrypt with."""


NO_KEY = (
    "The key that secrets were stored with is gone. Put its file back into DATA_DIR, or, if it is lost for "
    "good, set FIELD_ENCRYPTION_KEYS to a new one and restart."
)


class KeyRing:
    """Encrypts with the first key, decrypts with any."""

    def __init__(self, keys: Sequence[str]) -> None:
        each = [Fernet(key.strip().encode()) for key in keys]
        self._fernet = MultiFernet(each) if each else None

    def encrypt(self, text: str) -> str:
        """Raises NoKey."""
        if self._fernet is None:
            raise NoKey(NO_KEY)
        return self._fernet.encrypt(text.encode()).decode()

    def opens(self, stored: str) -> bool:
        try:
            self.decrypt(stored)
        except Undecryptable:
            return False
        return True

    def decrypt(self, stored: str) -> str:
        """Raises Undecryptable."""
        try:
            if self._fernet is None:
                raise InvalidToken
            return self._fernet.decrypt(stored.encode()).decode()
        except InvalidToken as error:
            raise Undecryptable(
                "None of FIELD_ENCRYPTION_KEYS can decrypt a stored secret. Put the key it was "
                "stored with back at the end of that setting, then run `manage.py rotate_keys`."
            ) from error
