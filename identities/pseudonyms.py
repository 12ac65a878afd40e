"""Pseudonyms: a keyed hash in place of a number that was deleted, the same for every spelling of it.

Rows of one person still have something in common. So counts by person stay, and a stop still holds for a
person who comes back. Without the key nobody can try all numbers. The key lies in the database, encrypted
with FIELD_ENCRYPTION_KEYS; a new key among those leaves it as it is.
"""

import hmac
import secrets
from collections.abc import Iterable
from hashlib import blake2b
from time import monotonic

from django.conf import settings

from identities.models import PseudonymKey
from lib import phone
from lib.phone_masking import Eyes
from lib.user_ids import is_user_id
from providers.encrypted_fields import Sealed

MARK = "~"  # begins no number and no user id
LETTERS = 14  # of 5 bits each; with the mark as long as the longest number
_BASE_32 = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [one + other for one in _BASE_32 for other in _BASE_32]
_SHIFTS = range(5 * LETTERS - 10, -1, -10)

_known: tuple[float, str] = (0.0, "")  # when it was loaded, and the key


class NoKey(Exception):
    """The key is not readable. The text says what to do."""


def of(name: str) -> str:
    """The pseudonym of a number, in any spelling, or of a user id: `~` and 14 letters. Raises NoKey."""
    return _hashed(_key() or _made(), name)


def of_all(names: Iterable[str]) -> list[str]:
    """The pseudonyms of many user ids, or numbers in their first spelling. An empty text and a pseudonym stay
    unchanged. Raises NoKey."""
    key = (_key() or _made()).encode()
    return [each if not each or each.startswith(MARK) else _letters(key, each) for each in names]


def hashes(texts: Iterable[str]) -> set[int]:
    """Keyed hashes of 64 bits, of any texts. Raises NoKey."""
    key = (_key() or _made()).encode()
    return {int.from_bytes(blake2b(text.encode(), digest_size=8, key=key).digest()) for text in texts}


def standing_for(name: str) -> str:
    """The pseudonym, unless it is one already. An empty text stays unchanged."""
    return of(name) if name and not is_one(name) else name


def names_of(name: str) -> tuple[str, ...]:
    """The names by which rows may know the person: the first spelling of the number, or the user id, and its
    pseudonym."""
    first = name if is_user_id(name) else phone.person(name)
    try:
        key = _key()
    except NoKey:
        return (first,)  # pseudonyms made with a lost key cannot be found any more
    return (first, _hashed(key, first)) if key and first else (first,)


def is_one(name: str) -> bool:
    return name.startswith(MARK)


def fingerprint() -> str:
    """Tells whether two databases have the same key. Raises NoKey."""
    return of("the key itself")


def _hashed(key: str, name: str) -> str:
    first = name if is_user_id(name) else phone.person(name)
    return _letters(key.encode(), first)


def _letters(key: bytes, first: str) -> str:
    """The beginning of the hash in base 32, two letters at a time: Python's own takes thrice as long."""
    bits = int.from_bytes(hmac.digest(key, first.encode(), "sha256")) >> (256 - 5 * LETTERS)
    return MARK + "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])


def _key() -> str:
    """Empty where there is none yet. Not `lib.ttl_cache`, which gives the caller's connection back: erasing
    has set it up, and reads from it meanwhile. Raises NoKey."""
    global _known
    at, key = _known
    if not key or monotonic() - at >= settings.PROVIDER_CACHE_SECONDS:
        key = _loaded()
        _known = (monotonic(), key)
    return key


def _loaded() -> str:
    row = PseudonymKey.objects.filter(pk=1).first()
    if row is not None and isinstance(row.key, Sealed):
        raise NoKey(
            "None of FIELD_ENCRYPTION_KEYS can decrypt the key of the pseudonyms. Put the key that it was "
            "stored with back at the end of that setting."
        )
    return str(row.key) if row else ""


def new_key() -> str:
    return secrets.token_urlsafe(32)


def _made() -> str:
    row, _ = PseudonymKey.objects.get_or_create(pk=1, defaults={"key": new_key()})
    return str(row.key)


def written(number: str, eyes: Eyes) -> str:
    """A number as pages and files show it, with its plus sign; a pseudonym has none."""
    return f"{'' if number.startswith(MARK) or not number else '+'}{eyes.number(number)}"
