"""Hashing a password takes a third of a second of a processor. Meanwhile it holds no database connection, and
few are hashed at once. So sign-ins, also wrong ones, leave processors and connections to CleverTap's
messages."""

import threading

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from lib import outages

AT_ONCE = 2  # in each process
_places = threading.BoundedSemaphore(AT_ONCE)


class Hasher(PBKDF2PasswordHasher):
    """Django's own, and its format. Verifying a password comes through here as well."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        outages.give_back()
        with _places:
            return super().encode(password, salt, iterations)
