"""Runs through all data, in the background and in steps: one run at a time, by the worker that takes it.

The row of a run is its queue, its progress and its report. When a worker dies, another goes on.
"""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import IntegrityError, models, transaction

from lib.crypto import token

SILENCE = timedelta(minutes=2)  # longer than a step takes


class Lost(Exception):
    """Another worker has the run."""


class Run(models.Model):
    """A constraint of each kind allows one that is open."""

    class State(models.TextChoices):
        OPEN = "open", "under way"
        DONE = "done"

    state = models.CharField(max_length=4, choices=State.choices, default=State.OPEN)
    started_at = models.DateTimeField()
    next_step_at = models.DateTimeField()
    worker = models.CharField(max_length=32, blank=True)
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict, help_text="How many rows of which kind.")

    # What else a step changes.
    REPORT: ClassVar[tuple[str, ...]] = ()

    class Meta:
        abstract = True
        ordering = ["-id"]

    @classmethod
    def begin(cls, now: datetime, every: timedelta = timedelta()) -> Self | None:
        """A new run if the last one began so long ago, or an open run that no worker has. None if there is
        nothing to do."""
        open_one = cls._default_manager.filter(state=cls.State.OPEN).first()
        if open_one is None:
            last = cls._default_manager.order_by("pk").last()
            return None if last and last.started_at > now - every else cls.start(now)
        mine = token(12)
        free = cls._default_manager.filter(pk=open_one.pk, next_step_at__lte=now, state=cls.State.OPEN)
        if not free.update(worker=mine, next_step_at=now + SILENCE):
            return None
        open_one.refresh_from_db()
        return open_one

    @classmethod
    def start(cls, now: datetime) -> Self | None:
        """A run of the caller's own; None while another is under way."""
        try:
            with transaction.atomic():
                return cls._default_manager.create(
                    started_at=now, next_step_at=now + SILENCE, worker=token(12)
                )
        except IntegrityError:
            return None

    @classmethod
    def ask(cls, now: datetime) -> Self:
        """A run that a worker begins with within a minute, or the one that is under way."""
        if (run := cls.start(now)) is not None:
            cls._default_manager.filter(pk=run.pk).update(next_step_at=now, worker="")
            return run
        return cls._default_manager.filter(state=cls.State.OPEN).latest("pk")

    def note(self, next_step_at: datetime) -> None:
        """Stores how far it is. Raises Lost."""
        names = ("state", "finished_at", "counts", *self.REPORT)
        mine = type(self)._default_manager.filter(pk=self.pk, worker=self.worker)
        if not mine.update(next_step_at=next_step_at, **{name: getattr(self, name) for name in names}):
            raise Lost
