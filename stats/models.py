"""CleverTap's campaign reports, uploaded to be compared with our own figures; views that people saved."""

from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import Q

from providers.models import Provider


class Report(models.Model):
    """One uploaded file: the request to read it, the progress, and the notes. Its lines hold the figures."""

    class State(models.TextChoices):
        DRAFT = "draft", "columns to be chosen"
        QUEUED = "queued", "waiting to be read"
        RUNNING = "running", "being read"
        DONE = "done", "read"
        FAILED = "failed", "cannot be used"
        CANCELLED = "cancelled"

    OPEN = (State.QUEUED, State.RUNNING)
    UNREAD = (State.DRAFT, State.FAILED, State.CANCELLED)

    name = models.CharField("file", max_length=255)
    file = models.FileField(
        upload_to="reports/%Y/%m/%d", blank=True, help_text="The uploaded file; deleted once it is read."
    )
    rows = models.PositiveIntegerField(default=0, help_text="Rows below the headings.")
    encoding = models.CharField(max_length=12)
    delimiter = models.CharField(max_length=1)
    header = models.JSONField(default=list)
    header_row = models.PositiveSmallIntegerField(default=0, help_text="Rows above the headings.")
    mapping = models.JSONField(
        default=dict, help_text="The position of each column, by what the column is for."
    )
    zone = models.CharField("time zone", max_length=64)
    month_first = models.BooleanField(
        null=True, help_text="Whether 03/04/2026 has the day or the month first; empty: as the file shows."
    )
    day = models.DateField(null=True, blank=True, help_text="The day of a file without dates.")
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, blank=True)
    exported_at = models.DateTimeField(help_text="When CleverTap exported the report.")
    complete = models.BooleanField(default=True, help_text="Whether it has all campaigns of its days.")
    people = models.JSONField(default=list, help_text="Figures that count people, not messages.")
    missing_days = models.JSONField(
        default=list, help_text="Days between the first and the last that have no line."
    )
    notes = models.JSONField(default=list, help_text="What was noticed while it was read.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    done = models.PositiveIntegerField(default=0, help_text="Rows.")
    cancel = models.BooleanField(default=False)
    worker = models.CharField(max_length=32, blank=True, help_text="The worker that reads it now.")
    seen_at = models.DateTimeField(null=True, help_text="The last sign of life.")
    error = models.CharField(max_length=1000, blank=True)
    by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "CleverTap report"
        indexes = [
            models.Index(fields=["id"], condition=Q(state__in=("queued", "running")), name="report_queue")
        ]

    def __str__(self) -> str:
        return self.name


class ReportLine(models.Model):
    """CleverTap's figures of a campaign on a day; empty where the report has none."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="lines")
    day = models.DateField()
    campaign = models.CharField(max_length=120, help_text="Its id, or its name where the report has no id.")
    named = models.BooleanField(default=False, help_text="Whether `campaign` is a name.")
    title = models.CharField(max_length=200, blank=True)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True)
    sent = models.IntegerField(null=True)
    delivered = models.IntegerField(null=True)
    viewed = models.IntegerField(null=True)
    errors = models.IntegerField(null=True)
    internal = models.IntegerField(
        default=0, help_text="How many of the errors were never sent to a provider."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "campaign", "named"], condition=Q(provider=None), name="report_line_once"
            ),
            models.UniqueConstraint(
                fields=["day", "campaign", "named", "provider"],
                condition=Q(provider__isnull=False),
                name="report_line_once_a_provider",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} on {self.day}"


class SavedView(models.Model):
    """A stats page with its filters, under a name. Everybody who sees stats sees it."""

    name = models.CharField(max_length=120, unique=True)
    page = models.CharField(max_length=20, help_text="As stats.pages.urls names it.")
    query = models.CharField(max_length=2000, blank=True, help_text="The filters, as in the page's URL.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class MondayMail(models.Model):
    """A view that a person gets by mail every Monday."""

    view = models.ForeignKey(SavedView, on_delete=models.CASCADE, related_name="mails", db_index=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="monday_mails"
    )
    zone = models.CharField("time zone", max_length=64)
    due_at = models.DateTimeField(
        db_index=True,
        help_text="Moved to the next Monday before the mail is sent, so that no mail is sent twice.",
    )
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True, help_text="Why the last mail was not sent.")

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["view", "person"], name="monday_mail_once")]

    def __str__(self) -> str:
        return f"{self.view} for {self.person}"

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)
