"""The keys that stored secrets are encrypted with: FIELD_ENCRYPTION_KEYS, or one that is kept in DATA_DIR.

The stored key is made with a new database and never later: a second one could decrypt nothing that is there.
"""

import contextlib
import secrets
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet
from django.conf import settings

from lib.crypto import KeyRing

_kept: tuple[str, ...] = ()


def keys() -> tuple[str, ...]:
    """Newest first; none where the kept one is gone."""
    global _kept
    if settings.FIELD_ENCRYPTION_KEYS:
        return tuple(settings.FIELD_ENCRYPTION_KEYS)
    if not _kept:
        with contextlib.suppress(FileNotFoundError):
            _kept = tuple(settings.FIELD_ENCRYPTION_KEY_FILE.read_text().strip().split(","))
    return _kept


def ring() -> KeyRing:
    """Opens what any key opens, and encrypts with the newest."""
    return _ring(keys())


def make() -> None:
    """Makes the key of a database that was made just now, unless there is one already."""
    if not settings.FIELD_ENCRYPTION_KEYS:
        keep(settings.FIELD_ENCRYPTION_KEY_FILE, lambda: Fernet.generate_key().decode())


def keep(path: Path, value: Callable[[], str]) -> str:
    """What the file holds; a new value, where there is no file yet. Raises OSError."""
    if not path.exists():
        draft = path.with_suffix(f".{secrets.token_hex(4)}")
        draft.touch(0o600)
        draft.write_text(value())
        # A hard link appears whole, and only once: processes that start together agree on one value.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text().strip()


@lru_cache(maxsize=8)
def _ring(each: tuple[str, ...]) -> KeyRing:
    return KeyRing(each)
