"""The files that contacts came in, and who may call the upload API."""

from django.db import models
from django.db.models import Q


class UploadAccount(models.Model):
    """Who may call the upload API. The passcode itself is kept nowhere."""

    account_id = models.CharField("account id", max_length=64, unique=True)
    label = models.CharField(max_length=200, blank=True)
    country = models.CharField(
        max_length=3,
        blank=True,
        help_text="ISO code of the country of numbers without a country code. Empty: they are refused.",
    )
    passcode = models.CharField(max_length=64, editable=False, help_text="SHA-256 digest.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "upload API account"

    def __str__(self) -> str:
        return self.account_id


class Upload(models.Model):
    """One CSV file, from its choice to its result. `mapping` has an entry a column: see csv_reading."""

    class State(models.TextChoices):
        READING = "reading", "being looked through"
        DRAFT = "draft", "not started"
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    OPEN = (State.QUEUED, State.RUNNING)

    name = models.CharField("file", max_length=255)
    file = models.FileField(upload_to="audience/%Y/%m/%d", blank=True)
    size = models.BigIntegerField(default=0, help_text="Bytes.")
    rows = models.PositiveIntegerField(default=0)
    encoding = models.CharField(max_length=12)
    delimiter = models.CharField(max_length=1)
    header = models.JSONField(default=list)
    mapping = models.JSONField(default=list)
    country = models.CharField(
        max_length=3,
        blank=True,
        help_text="ISO code, for numbers without a country code; + when these only lack the plus sign.",
    )
    survey = models.JSONField(default=dict, help_text="What audience.survey found in the whole file.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    by = models.CharField(max_length=150, blank=True)
    cancel = models.BooleanField(default=False)
    worker = models.CharField(max_length=32, blank=True, help_text="The worker that works on it now.")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True, help_text="The last sign of life.")
    finished_at = models.DateTimeField(null=True)
    done = models.PositiveIntegerField(default=0, help_text="Rows.")
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    warned = models.PositiveIntegerField(default=0, help_text="Rows imported without some of their values.")
    consent = models.JSONField(default=dict, help_text="How many changes of consent of each kind.")
    error = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["id"],
                condition=Q(state__in=("reading", "queued", "running")),
                name="upload_queue",
            )
        ]

    def __str__(self) -> str:
        return f"upload {self.pk}: {self.name}"


class UploadError(models.Model):
    """A row that was refused, or that was taken over without some of its values, and why."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="errors")
    line = models.PositiveIntegerField()
    refused = models.BooleanField()
    reason = models.CharField(max_length=500)
    cells = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"
