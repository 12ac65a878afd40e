"""After a backup was restored: the people who were erased since are erased again."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from lib.user_ids import is_user_id
from privacy import erasing, finding, receipts
from privacy.models import Erasure


class Again(NamedTuple):
    """`entered` are the erasures that begin anew; `impossible` is how many lines another key made."""

    entered: list[Erasure]
    impossible: int


def erase_again(also: Sequence[Path], made_at: datetime, now: datetime) -> Again:
    """By ERASURES_FILE, and those that other machines kept. `made_at` is the backup's moment. An erasure that
    a hold of the backup forbids waits for its end. Raises OSError or ValueError."""
    lines = receipts.to_apply(receipts.kept([Path(settings.ERASURES_FILE), *also]), made_at)
    entered = []
    for stands_for, name in receipts.known_here(lines).items() if lines else ():
        who = finding.person(name if is_user_id(name) else f"+{name}")
        asked_by = lines[stands_for].asked_by or "an earlier request"
        entered.append(erasing.start(who, "restore", asked_by, now, again=True))
    return Again(entered, receipts.of_another_key(lines) if lines else 0)
