"""Erasing a person: first the rows that are theirs, then every table and file that may still name them.

An Erasure is the queue, the progress and the receipt. Each step is a commit or a few, and may be repeated, so
another worker can continue after a crash. It waits for rows that something still works on: a message that is
being sent, a webhook that nobody has read, a report that CleverTap is owed. That work may have written more
about the person, so after the wait it goes through everything once more.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from archive import ahead
from identities import pseudonyms
from lib.crypto import token
from lib.wakeup import wake
from privacy import files, holding, mentions, own_rows, receipts, register
from privacy.finding import Person
from privacy.models import Erasure, Hold

TASK = "privacy.erase"
SILENCE = timedelta(minutes=2)  # longer than a step takes
AGAIN = timedelta(seconds=30)  # until what was left is looked at once more
FILES = "files"  # stands for a table, as the last of all

State = Erasure.State


class Held(Exception):
    """A hold keeps the person's rows. The text says why."""

    def __init__(self, hold: Hold) -> None:
        super().__init__(f"{hold}. End the hold first.")
        self.hold = hold


class Lost(Exception):
    """Another worker has the erasure."""


def start(who: Person, by: str, asked_by: str, now: datetime, *, again: bool = False) -> Erasure:
    """Enters a request, or finds the one that is under way. Raises Held or pseudonyms.NoKey. One that was
    entered before a backup was restored waits for the end of a hold."""
    stands_for, *others = map(pseudonyms.of, who.names)
    under_way = Erasure.of([stands_for, *others]).filter(state=State.OPEN)
    if not again:
        _heed(holding.over(who))
    if found := under_way.first():
        return found
    about: Any = {"names": who.names, "identities": who.identities}
    try:
        with transaction.atomic():
            entered = Erasure.objects.create(
                person=stands_for,
                others=" ".join(others),
                about=about,
                by=by[:150],
                asked_by=asked_by[:200],
                asked_at=now,
                deadline=now + timedelta(days=settings.ERASURE_DEADLINE_DAYS),
                again=again,
                next_step_at=now,
            )
    except IntegrityError:
        return under_way.get()
    receipts.keep(entered)
    wake(TASK)
    return entered


def _heed(hold: Hold | None) -> None:
    if hold is not None:
        raise Held(hold)


def held_by(hold: Hold) -> list[Erasure]:
    """Those under way that wait until the hold is ended."""
    under_way = Erasure.objects.filter(state=State.OPEN)
    # The other erasures cannot be read: no key can decrypt the names.
    known = [each for each in under_way if isinstance(each.about, dict) and each.about]
    return [each for each in known if holding.is_over(hold, _who(each))]


def _who(erasure: Erasure) -> Person:
    return Person(tuple(erasure.about["names"]), tuple(erasure.about["identities"]))


def drain(*, woken: threading.Event | None = None, stop: threading.Event | None = None) -> int:
    """Works on every due erasure that no other worker has. Returns how many."""
    done = 0
    while not (stop and stop.is_set()) and (erasure := _take(Q())):
        work(erasure, stop)
        done += 1
    return done


def take(erasure: Erasure) -> Erasure | None:
    """This erasure for whoever calls; None where another worker has it."""
    return _take(Q(pk=erasure.pk))


def _take(which: Q) -> Erasure | None:
    now = timezone.now()
    due = Erasure.objects.filter(which, next_step_at__lte=now).order_by("next_step_at", "pk").first()
    if due is None:
        return None
    mine = token(12)
    free = Erasure.objects.filter(pk=due.pk, next_step_at=due.next_step_at)
    if not free.update(worker=mine, next_step_at=now + SILENCE):
        return None
    due.refresh_from_db()
    return due


def is_worked(erasure: Erasure, now: datetime) -> bool:
    """Whether a worker works on it, as far as its row shows. If not, it waits for something else."""
    at = erasure.next_step_at
    return erasure.state == State.OPEN and not erasure.error and at is not None and at - now > AGAIN


def work(erasure: Erasure, stop: threading.Event | None = None) -> None:
    """Works until it is done, or must wait for others or for the end of a hold."""
    who = _who(erasure)
    try:
        with _overwritten():
            for counted in _steps(erasure, who):
                erasure.counts = dict(Counter(erasure.counts) + Counter(counted))
                _save(erasure, timezone.now() + SILENCE)
                if stop and stop.is_set():
                    _save(erasure, timezone.now())
                    return
            _rest(erasure)
    except Lost:
        return
    except Held as held:
        erasure.error = f"for {held.hold}; it goes on once the hold is ended"[:500]
        _save(erasure, timezone.now() + AGAIN)
    except pseudonyms.NoKey as error:
        erasure.error = str(error)[:500]
        _save(erasure, timezone.now() + timedelta(hours=1))


def _save(erasure: Erasure, next_step_at: datetime | None) -> None:
    """Raises Lost."""
    names = (
        "state",
        "about",
        "asked_by",
        "rows_done_at",
        "table",
        "after",
        "left",
        "counts",
        "finished_at",
        "error",
    )
    mine = Erasure.objects.filter(pk=erasure.pk, worker=erasure.worker)
    if not mine.update(next_step_at=next_step_at, **{name: getattr(erasure, name) for name in names}):
        raise Lost


def _steps(erasure: Erasure, who: Person) -> Iterator[dict[str, int]]:
    """Each step's counts. The erasure says where it is."""
    erasure.error = ""
    while True:
        if erasure.table == FILES and erasure.left:
            erasure.left = [entry for entry in erasure.left if _in_use(*entry)]
            if erasure.left:
                return
            _begin_anew(erasure)
        yield from _own_rows(erasure, who)
        if erasure.rows_done_at is None:
            return  # others work on the rest
        yield from _tables(erasure, who)
        yield _files(erasure, who)
        if not erasure.left:
            if not own_rows.there(who):
                return
            _begin_anew(erasure)  # something wrote about the person meanwhile


def _begin_anew(erasure: Erasure) -> None:
    erasure.rows_done_at, erasure.table, erasure.after, erasure.left = None, "", 0, []


def _own_rows(erasure: Erasure, who: Person) -> Iterator[dict[str, int]]:
    more = erasure.rows_done_at is None
    while more:
        _heed(holding.over(who))
        counted, more = own_rows.take_out(who)
        if not more and not own_rows.there(who):
            erasure.rows_done_at = timezone.now()
        yield counted


def _tables(erasure: Erasure, who: Person) -> Iterator[dict[str, int]]:
    tables = [each._meta.label for each in register.tables() if each._meta.label in register.LOOKED_THROUGH]
    steps = mentions.Steps()
    while erasure.table != FILES:
        _heed(holding.over(who))
        erasure.table = erasure.table or tables[0]
        if not erasure.after:
            steps = mentions.Steps()  # rows of another table are longer or shorter
        with steps.timed() as rows:
            counted = _stretch(erasure, who, tables, rows)
        yield counted


def _stretch(erasure: Erasure, who: Person, tables: list[str], rows: int) -> dict[str, int]:
    """Looks through the next rows of a table. Rows that became the person's meanwhile are left to the next
    round."""
    model = apps.get_model(erasure.table)
    stretch = mentions.look(model, who.needles, erasure.after, rows)
    _heed(holding.over_rows(model, stretch.found))
    erasure.left += [[erasure.table, pk] for pk in stretch.left]
    theirs = own_rows.among(model, stretch.found, who)
    others = [pk for pk in stretch.found if pk not in theirs]
    taken = mentions.take_out(model, others, who.needles, erasure.person)
    if stretch.last is None:
        following = tables[tables.index(erasure.table) + 1 :]
        erasure.table, erasure.after = (following[0] if following else FILES), 0
    else:
        erasure.after = stretch.last
    goes = register.LOOKED_THROUGH[model._meta.label] == register.GO
    name = register.deleted if goes else register.altered
    return {name(model._meta.label): taken} if taken else {}


def _in_use(label: str, pk: int) -> bool:
    """Whether something still works on the row."""
    return bool(apps.get_model(label)._base_manager.filter(register.OPEN[label], pk=pk).exists())


def _files(erasure: Erasure, who: Person) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for holder in files.naming(who.needles):
        label = holder._meta.label
        if not _in_use(label, holder.pk):
            files.take_out(holder, who.needles)
            counted[register.altered(FILES)] += 1
        elif [label, holder.pk] not in erasure.left:
            erasure.left.append([label, holder.pk])
    return dict(counted)


def _rest(erasure: Erasure) -> None:
    """Closes the erasure, or says when it goes on."""
    if erasure.rows_done_at is None or erasure.left:
        _save(erasure, timezone.now() + AGAIN)
        return
    erasure.state, erasure.finished_at = State.DONE, timezone.now()
    erasure.asked_by = _who(erasure).needles.replaced(erasure.asked_by, erasure.person)[:200]
    erasure.about, erasure.table = {}, ""
    _save(erasure, None)
    receipts.keep(erasure)
    ahead.erase(erasure.hashes, erasure.finished_at)


@contextmanager
def _overwritten() -> Iterator[None]:
    """SQLite overwrites what is deleted meanwhile, and empties its log of changes at the end. On PostgreSQL
    both are up to its vacuum and its checkpoints."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        before = cursor.execute("PRAGMA secure_delete").fetchone()[0]
        cursor.execute("PRAGMA secure_delete = ON")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA secure_delete = {['OFF', 'ON', 'FAST'][before]}")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
