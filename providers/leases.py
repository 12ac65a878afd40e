"""One worker a queue: a lease in the database, renewed while held, taken over when it has run out.

Leases run by the database's clock, so that machines whose clocks differ agree. `work` is the loop of
every queue that has a lease.
"""

import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from time import monotonic, sleep
from typing import Any, NamedTuple, Self, TypeVar

from django.db import Error as DatabaseError
from django.db import connection

from lib import clock
from lib.crypto import token
from lib.logs import bound
from lib.outages import give_back, patiently, renew_connection
from providers.models import Lease

logger = logging.getLogger(__name__)

LENGTH = 4.0  # seconds; the queue of a worker that was killed stands still for as long
RENEWAL = 1.0  # seconds between renewals
SETTLING = 0.02  # seconds between looks whether all is settled, when a worker is to end
WRONG = 120.0  # seconds; a lease that ends later was written before the database's clock was set back
STAY = 5.0  # seconds that a worker keeps a queue which a limit holds up; one that is held up longer rests
REST = 60.0  # seconds at most: the limit may be changed

T = TypeVar("T")
_TABLE = Lease._meta.db_table


class Lost(Exception):
    """Another worker has taken the queue over; stop working it."""


class Wake(threading.Event):
    """Ends the pause of a queue's worker. `ask` also says that there may be rows that it has not seen."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = True

    def ask(self) -> None:
        self.asked = True
        self.set()


class Hold:
    """A held lease. `state` is a note for the next holder, saved with `save`. `woken` ends its worker's
    pause."""

    def __init__(self, name: str, holder: str, state: Any, woken: threading.Event | None = None) -> None:
        self.name = name
        self.holder = holder
        self.state = state
        self.woken = woken or threading.Event()
        self.lost = False
        self.renewed = monotonic()

    def renew(self) -> None:
        """Keeps the lease; call it often, it writes only every second. Raises Lost."""
        if not self.lost and monotonic() - self.renewed > RENEWAL:
            _renew([self])
        if self.lost:
            raise Lost(self.name)

    def awaited(self, future: "Future[T]") -> T:
        """What the future brings; until then the lease is kept. Raises Lost."""
        while not wait([future], RENEWAL).done:
            patiently(self.renew)
        return future.result()

    def save(self, state: Any) -> None:
        """Renews the lease with a note. Raises Lost, and then nothing was noted."""
        asked = monotonic()
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {_TABLE} SET state = %s, expires_at = {clock.now(LENGTH)} "
                "WHERE name = %s AND holder = %s",
                [json.dumps(state), self.name, self.holder],
            )
            if not cursor.rowcount:
                self.lost = True
                raise Lost(self.name)
        self.renewed = asked

    def release(self, rest: float = 0.0) -> None:
        """Releases the lease. For `rest` seconds nobody needs to look at the queue."""
        _held.pop(self.name, None)
        _let_go(self.holder, [self.name], rest)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _let_go(holder: str, names: Sequence[str], rest: float) -> None:
    """Releases on a fresh connection when this one broke, or the queues would stand still."""

    def release() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {_TABLE} SET holder = '', expires_at = {clock.now(rest)} "
                f"WHERE holder = %s AND name IN ({', '.join(['%s'] * len(names))})",
                [holder, *names],
            )

    patiently(release)


_held: dict[str, Hold] = {}  # what this process holds


def renew_all() -> None:
    """Renews everything that this process holds, in one statement. Workers that lost a lease are woken."""
    _renew(list(_held.values()))


def _renew(holds: Sequence[Hold]) -> None:
    if not holds:
        return
    asked = monotonic()
    # In the order of their names, as in `take_all`, so that no two statements wait for each other.
    pairs = sorted((hold.name, hold.holder) for hold in holds)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {_TABLE} SET expires_at = {clock.now(LENGTH)}
            WHERE (name, holder) IN ({", ".join(["(%s, %s)"] * len(pairs))}) RETURNING name, holder""",
            [value for pair in pairs for value in pair],
        )
        kept = set(cursor.fetchall())
    for hold in holds:
        if (hold.name, hold.holder) in kept:
            hold.renewed = asked
        else:
            hold.lost = True
            hold.woken.set()


def beat(stop: threading.Event) -> None:
    """Renews what this process holds, until `stop`: however long a step takes, its worker is alive."""
    while not stop.wait(RENEWAL):
        _renew_or_say()
    while _held:  # requests under way must still be settled
        _renew_or_say()
        end = monotonic() + RENEWAL
        while _held and monotonic() < end:
            sleep(SETTLING)
    connection.close()


def _renew_or_say() -> None:
    try:
        renew_all()
    except DatabaseError as error:
        logger.warning("Leases cannot be renewed (%s)", str(error).strip())
        renew_connection()
    finally:
        give_back()


def held(name: str) -> bool:
    """Whether somebody works the queue now."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM {_TABLE} WHERE name = %s AND holder <> '' AND expires_at > {clock.now()}", [name]
        )
        return cursor.fetchone() is not None


def free(alias: str) -> str:
    """The condition, as SQL, that a row of leases is held by nobody."""
    ran_out = f"{alias}.expires_at <= {clock.now()} OR {alias}.expires_at > {clock.now(WRONG)}"
    return f"({alias}.holder = '' OR {ran_out})"


def take(name: str, woken: threading.Event | None = None) -> Hold | None:
    """The lease, or None while another worker holds it."""
    return next(iter(take_all([name], woken)), None)


def take_all(names: Iterable[str], woken: threading.Event | None = None) -> list[Hold]:
    """Those of the leases that nobody holds, in one statement."""
    if not (wanted := sorted(names)):
        return []
    holder = f"{socket.gethostname()[:30]}:{os.getpid()}:{token(6)}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO {_TABLE} (name, holder, expires_at, state)
            VALUES {", ".join([f"(%s, %s, {clock.now(LENGTH)}, '')"] * len(wanted))}
            ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
            WHERE {free(_TABLE)} RETURNING name, state""",
            [value for name in wanted for value in (name, holder)],
        )
        taken = cursor.fetchall()
    holds = [Hold(name, holder, json.loads(state) if state else None, woken) for name, state in taken]
    _held.update({hold.name: hold for hold in holds})
    return holds


@contextmanager
def together(names: Iterable[str]) -> Iterator[list[Hold]]:
    """Several leases for one piece of work; those that others hold are left out."""
    holds = take_all(names)
    try:
        yield holds
    finally:
        for hold in holds:
            _held.pop(hold.name, None)
        if holds:
            _let_go(holds[0].holder, [hold.name for hold in holds], 0.0)


class Progress(NamedTuple):
    """What one step of a queue's work came to."""

    done: int  # added up for the caller of `work`
    moved: int  # rows that changed; when none did, nothing can be done now
    under_way: bool = False  # later steps must still settle what has begun
    pause: float | None = None  # seconds until there is more to do; None: when somebody is woken


def work(
    name: str,
    step: Callable[[Hold], Progress],
    due: Callable[[], bool],
    *,
    linger: float = 0.0,
    gather: float = 0.0,
    woken: threading.Event | None = None,
    stop: threading.Event | None = None,
    while_held: Callable[[Hold], AbstractContextManager[object]] = nullcontext,
) -> int:
    """Works the queue `name` until it is empty. Returns the sum of what was `done`.

    `step` does the next piece of work and returns its `Progress`. When nothing moves, the worker asks
    nothing more: it waits until `woken`, for `linger` seconds or for as long as something is under way,
    and then leaves. It leaves at `stop`, too, but never with something under way. `gather` lets more rows
    come together after a step that moved several. `while_held` is entered with the lease and left before
    its release. A step that fails since the database does not answer is tried again for some seconds.

    Rows that are queued between the last step and the release find the lease taken and nobody at work. So it
    asks `due` afterwards. If another worker has the queue, this only wakes that one, if it is in the same
    process. Raises Lost.
    """
    woken, stop = woken or threading.Event(), stop or threading.Event()
    done = 0
    while (hold := patiently(partial(take, name, woken))) is not None:
        rest = 0.0
        try:
            with bound(queue=name), while_held(hold):
                active_at, under_way = monotonic(), False
                while under_way or not stop.is_set():
                    woken.clear()
                    progress = patiently(partial(_step, hold, step))
                    done += progress.done
                    under_way, pause = progress.under_way, progress.pause
                    if progress.moved:
                        active_at = monotonic()
                        if progress.moved > 1:
                            sleep(gather)
                        continue
                    if stop.is_set() and not under_way:
                        break
                    if pause is not None and pause > STAY and not under_way:
                        rest = min(pause, REST)
                        break
                    if pause is None:
                        left = linger - (monotonic() - active_at)
                        if left <= 0 and not under_way:
                            break
                        pause = max(left, LENGTH) if under_way else left
                    if not _wait(hold, pause) and progress.pause is None and not under_way:
                        break
        finally:
            hold.release(rest)
        if stop.is_set() or not due():
            return done
    if (mine := _held.get(name)) is not None:
        mine.woken.ask() if isinstance(mine.woken, Wake) else mine.woken.set()
    return done


def _step(hold: Hold, step: Callable[[Hold], Progress]) -> Progress:
    hold.renew()
    return step(hold)


def _wait(hold: Hold, seconds: float) -> bool:
    """Waits until the worker is woken, keeping the lease. Returns whether it was."""
    give_back()
    end = monotonic() + seconds
    while not hold.woken.wait(min(RENEWAL, max(0.0, end - monotonic()))):
        if monotonic() >= end:
            return False
        if monotonic() - hold.renewed > RENEWAL * 1.5:  # usually `renew_all` has done it
            patiently(hold.renew)
    return True
