"""Erasures in a file outside the database, so that a database restored from an older backup learns of them.

ERASURES_FILE has a line of JSON for each: the person's keyed hash, when the erasure was asked for and done,
and a fingerprint of the key. It has no numbers. Each machine of one Waypost has its own file; a restore needs
all of them.
"""

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.db.models import QuerySet

from audience.models import Contact, OptChange, PhoneChoice, Subscription
from broadcasts.models import Recipient
from callbacks.models import Reply
from campaigns.models import Message
from identities import pseudonyms
from identities.models import Alias
from privacy.models import Erasure


class Line(msgspec.Struct, omit_defaults=True):
    person: str
    key: str
    asked_at: str
    others: list[str] = []
    asked_by: str = ""
    finished_at: str = ""


def keep(erasure: Erasure) -> None:
    """Adds a line: once when it is asked for, once when it is done."""
    path = Path(settings.ERASURES_FILE)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    done = erasure.finished_at.isoformat() if erasure.finished_at else ""
    line = Line(
        person=erasure.person,
        others=erasure.others.split(),
        key=pseudonyms.fingerprint(),
        asked_at=erasure.asked_at.isoformat(),
        # The text of the request may name the person until it is done.
        asked_by=erasure.asked_by if done else "",
        finished_at=done,
    )
    with path.open("ab") as file:
        file.write(msgspec.json.encode(line) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def kept(paths: Iterable[Path]) -> dict[str, Line]:
    """The latest line of each person. Raises OSError, or ValueError for a file of another kind."""
    lines: dict[str, Line] = {}
    for path in paths:
        if path.exists():
            for text in path.read_bytes().splitlines():
                line = msgspec.json.decode(text, type=Line)
                lines[line.person] = max(lines.get(line.person, line), line, key=_latest)
    return lines


def _latest(line: Line) -> tuple[str, str]:
    return line.asked_at, line.finished_at


def to_apply(lines: dict[str, Line], made_at: datetime) -> dict[str, Line]:
    """Erasures that a database from a backup of that moment lacks. A person who was erased earlier, and has
    come back since, is not erased again."""
    done = set(Erasure.objects.filter(state=Erasure.State.DONE).values_list("person", flat=True))
    return {
        person: line
        for person, line in lines.items()
        if person not in done or not line.finished_at or datetime.fromisoformat(line.finished_at) > made_at
    }


def known_here(lines: dict[str, Line]) -> dict[str, str]:
    """Which of these people the database knows: keyed hash → number or user id."""
    people = {each: person for person, line in lines.items() for each in (person, *line.others)}
    found: dict[str, str] = {}
    for name in _names():
        if person := people.get(pseudonyms.of(name)):
            found[person] = name
    return found


def of_another_key(lines: dict[str, Line]) -> int:
    """How many lines this database cannot apply: it is from before its key was made."""
    mine = pseudonyms.fingerprint()
    return sum(line.key != mine for line in lines.values())


def _names() -> Iterator[str]:
    """Every number and user id that a column of its own holds."""
    columns: tuple[tuple[type[Any], str], ...] = (
        (Message, "person"), (Contact, "phone"), (Reply, "sender"), (Reply, "user_id"), (Alias, "name"),
        (OptChange, "phone"), (OptChange, "user_id"), (PhoneChoice, "phone"), (Subscription, "phone"),
        (Recipient, "phone"),
    )  # fmt: skip
    for model, column in columns:
        rows: QuerySet[Any, Any] = model._base_manager.exclude(**{column: ""}).order_by()
        for name in rows.values_list(column, flat=True).distinct().iterator():
            if not pseudonyms.is_one(name):
                yield name
