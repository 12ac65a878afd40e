"""The local worker: the same drain functions that Celery wakes, from one process of threads."""

import logging
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic

from django.db import Error as DatabaseError
from django.db import close_old_connections, connections

from audience import subscribing, upload
from audience import tasks as audience_tasks
from broadcasts import running
from callbacks import forward, ingest, media
from callbacks import tasks as callbacks_tasks
from campaigns import dispatch
from campaigns import tasks as campaigns_tasks
from lib.wake import Listener
from providers.models import Provider
from templates_app import importer
from templates_app import tasks as templates_tasks

logger = logging.getLogger(__name__)

LINGER = 5.0
LOOK = 0.5
UPKEEP = 60


class _Role:
    """One queue being worked by a thread that ends when the queue stays empty."""

    def __init__(self, name: str, work: Callable[..., object]) -> None:
        self.stirred = threading.Event()
        self._work = work
        self.thread = threading.Thread(target=self._run, name=name)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._work(stirred=self.stirred)
        except Exception:
            logger.exception("%s stopped; it is taken up again", self.thread.name)
        finally:
            connections.close_all()


class Worker:
    def __init__(self) -> None:
        self.stop = threading.Event()
        self._roles: dict[str, _Role] = {}
        self._ticks = 0

    def run(self) -> None:
        """Works until `stop` is set, then lets requests under way finish."""
        listener = Listener()
        looked = 0.0
        try:
            while not self.stop.is_set():
                woken = listener.wait(LOOK)
                working = {name: role for name, role in self._roles.items() if role.thread.is_alive()}
                for name in woken & working.keys():
                    working[name].stirred.set()
                # Looking costs a query a provider: not for those who are at work and have been told.
                if woken <= working.keys() and woken and monotonic() - looked < LOOK:
                    continue
                looked = monotonic()
                try:
                    self._look()
                except DatabaseError:
                    logger.exception("The database does not answer; looking again")
                    close_old_connections()
                    self.stop.wait(1.0)
        finally:
            listener.close()
            for role in self._roles.values():
                role.stirred.set()
            for role in self._roles.values():
                role.thread.join(timeout=dispatch.TIMEOUT + 10)

    def _look(self) -> None:
        """Starts a thread for every queue that has work and none yet."""
        self._roles = {name: role for name, role in self._roles.items() if role.thread.is_alive()}
        if "callbacks.ingest" not in self._roles and ingest.due():
            self._begin("callbacks.ingest", partial(ingest.drain, linger=LINGER, stop=self.stop))
        if "templates.import" not in self._roles and importer.due():
            self._begin("templates.import", partial(importer.drain, stop=self.stop))
        if "audience.upload" not in self._roles and upload.due():
            self._begin("audience.upload", partial(upload.drain, stop=self.stop))
        if "audience.subscribe" not in self._roles and subscribing.due():
            self._begin("audience.subscribe", partial(subscribing.drain, stop=self.stop))
        if "callbacks.media" not in self._roles and media.due():
            self._begin("callbacks.media", partial(media.drain, linger=LINGER, stop=self.stop))
        if "broadcasts.run" not in self._roles and running.due():
            self._begin("broadcasts.run", partial(running.drain, linger=LINGER, stop=self.stop))
        for provider in Provider.objects.all():
            pk = provider.pk
            name = f"campaigns.send:{pk}"
            if name not in self._roles and (dispatch.due(pk) or dispatch.abandoned(pk)):
                self._begin(name, partial(dispatch.drain, pk, linger=LINGER, stop=self.stop))
            name = f"callbacks.forward:{pk}"
            if name not in self._roles and forward.due(provider):
                self._begin(name, partial(forward.drain, pk, linger=LINGER, stop=self.stop))
        self._ticks += 1
        if self._ticks % UPKEEP == 1 and "upkeep" not in self._roles:
            self._begin("upkeep", _upkeep)

    def _begin(self, name: str, work: Callable[..., object]) -> None:
        self._roles[name] = _Role(name, work)


def _upkeep(stirred: threading.Event) -> None:
    campaigns_tasks.upkeep()
    callbacks_tasks.upkeep()
    templates_tasks.upkeep()
    audience_tasks.upkeep()
