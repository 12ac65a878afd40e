"""Who is in the control group and who gets which variant: by a hash, so that it never changes. Pure."""

import hashlib
from collections.abc import Sequence

_STEPS = 10_000


def share(identity: str, salt: str) -> float:
    """A number from 0 to below 100, the same for an identity and salt at any time and on any machine."""
    digest = hashlib.sha256(f"{salt}\n{identity}".encode()).digest()
    return int.from_bytes(digest[:8]) % _STEPS / (_STEPS / 100)


def is_control(identity: str, broadcast: int, percent: int) -> bool:
    return share(identity, f"control {broadcast}") < percent


def variant(identity: str, broadcast: int, percents: Sequence[int]) -> int:
    """The position of the contact's variant; the percents sum to 100."""
    place = share(identity, f"variant {broadcast}")
    for position, percent in enumerate(percents):
        place -= percent
        if place < 0:
            return position
    return len(percents) - 1
