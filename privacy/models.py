"""Requests to erase a person, what is held back from retention, and what retention did."""

from collections.abc import Iterable

from django.db import models
from django.db.models import Q

from lib import runs
from providers.encrypted_fields import EncryptedJSONField
from providers.models import Provider


class Erasure(models.Model):
    """One person's erasure: the request, the progress, and the receipt. Its row is the queue.

    The person's names are kept, encrypted, only until the erasure is done. After that only the person's
    pseudonym remains, as a receipt.
    """

    class State(models.TextChoices):
        OPEN = "open", "under way"
        DONE = "done"
        FAILED = "failed", "not finished"

    person = models.CharField(max_length=15, help_text="A keyed hash in place of the number.")
    others = models.TextField(
        blank=True,
        editable=False,
        help_text="Keyed hashes in place of the other numbers and user ids, separated by spaces.",
    )
    about = EncryptedJSONField(
        default=dict,
        editable=False,
        help_text="The numbers, user ids and identities; kept until the erasure is done.",
    )
    state = models.CharField(max_length=6, choices=State.choices, default=State.OPEN)
    by = models.CharField(max_length=150, blank=True, help_text="Who entered the request.")
    asked_by = models.CharField(
        "asked for by", max_length=200, blank=True, help_text="Who asked for it, as the request says."
    )
    asked_at = models.DateTimeField()
    deadline = models.DateTimeField()
    again = models.BooleanField(
        default=False, help_text="Whether it repeats an erasure after a backup was restored."
    )
    next_step_at = models.DateTimeField(
        null=True, help_text="When the worker takes its next step; empty: never."
    )
    worker = models.CharField(max_length=32, blank=True)
    rows_done_at = models.DateTimeField(null=True, help_text="When the person's own rows were deleted.")
    table = models.CharField(max_length=100, blank=True, help_text="The table that the worker searches now.")
    after = models.BigIntegerField(default=0, help_text="The last row of that table that was searched.")
    left = models.JSONField(
        default=list, help_text="Rows that must wait, because something still works on them."
    )
    counts = models.JSONField(default=dict, help_text="How many rows of each table were erased or changed.")
    finished_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]
        permissions = [("export_person", "Can look up and export everything about a person")]
        constraints = [
            models.UniqueConstraint(fields=["person"], condition=Q(state="open"), name="one_open_erasure"),
            models.CheckConstraint(
                condition=Q(state="open") | Q(next_step_at=None), name="a_closed_erasure_waits_for_nothing"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_step_at"], condition=Q(next_step_at__isnull=False), name="erasure_queue"
            )
        ]

    def __str__(self) -> str:
        return f"erasure {self.pk} of {self.person}"

    @classmethod
    def of(cls, hashes: Iterable[str]) -> models.QuerySet["Erasure"]:
        """The erasures of the person with any of these keyed hashes."""
        which = Q(pk__in=())
        for each in hashes:
            which |= Q(person=each) | Q(others__contains=each)
        return cls.objects.filter(which)

    @property
    def hashes(self) -> list[str]:
        """The keyed hashes of all the person's numbers and user ids."""
        return [self.person, *self.others.split()]


class Hold(models.Model):
    """What retention leaves alone: a provider's, a campaign's or a person's rows, until the hold is ended."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, blank=True)
    campaign = models.CharField("campaign id", max_length=64, blank=True)
    number = models.CharField("phone number", max_length=160, blank=True, help_text="Or a user id.")
    reason = models.CharField(max_length=300)
    by = models.CharField(max_length=150, blank=True, editable=False)
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(provider__isnull=False) | ~Q(campaign="") | ~Q(number=""),
                name="a_hold_names_something",
                violation_error_message="Name a provider, a campaign or a number.",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="a_hold_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"hold {self.pk}: {self.reason}"


class RetentionSetting(models.Model):
    """A provider's own numbers of days. Without one, `privacy.retention.ages` has the setting."""

    provider = models.OneToOneField(Provider, on_delete=models.CASCADE, related_name="retention")
    webhooks = models.PositiveIntegerField(
        "raw webhooks", null=True, blank=True, help_text="Days. Empty: as for other providers; 0: for ever."
    )
    bodies = models.PositiveIntegerField(
        "payloads, requests and answers",
        null=True,
        blank=True,
        help_text="Days until the contents of messages are deleted.",
    )
    numbers = models.PositiveIntegerField(
        "phone numbers", null=True, blank=True, help_text="Days until a keyed hash replaces each number."
    )
    messages = models.PositiveIntegerField(
        "whole messages",
        null=True,
        blank=True,
        help_text="Days until messages are deleted, with attempts and reports. Figures stay.",
    )

    def __str__(self) -> str:
        return f"retention of {self.provider}"


class Cursor(models.Model):
    """The last row of a provider's kind of data that retention has looked at."""

    kind = models.CharField(max_length=60)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, db_index=False)
    after = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["provider", "kind"], name="one_cursor_a_kind")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.provider_id} after {self.after}"


class Gist(models.Model):
    """A stretch of a table: what its rows say of people whom they are not about, as a Bloom filter of keyed
    hashes. See `privacy.gists`."""

    table = models.CharField(max_length=60)
    after = models.BigIntegerField(help_text="The stretch begins after this row.")
    upto = models.BigIntegerField()
    grams = models.BinaryField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["table", "upto"], name="one_gist_a_stretch")]

    def __str__(self) -> str:
        return f"gist of {self.table} up to {self.upto}"


class RetentionRun(runs.Run):
    """One run of retention, and its report."""

    held = models.JSONField(default=dict, help_text="How many rows a hold kept.")
    longest_ms = models.PositiveIntegerField(default=0, help_text="How long the longest step took.")

    REPORT = ("held", "longest_ms")

    class Meta(runs.Run.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="open"), name="one_open_retention_run"
            )
        ]

    def __str__(self) -> str:
        return f"retention run {self.pk}"
