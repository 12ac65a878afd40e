"""CleverTap's campaign reports, uploaded to be compared with our own figures."""

from django.db import models
from django.db.models import Q

from providers.models import Provider


class Report(models.Model):
    """One uploaded file. It stays a draft until its columns are known; then its lines are what counts."""

    name = models.CharField("file", max_length=255)
    file = models.FileField(upload_to="reports/%Y/%m/%d", blank=True, help_text="Only while it is a draft.")
    draft = models.BooleanField(default=True)
    encoding = models.CharField(max_length=12)
    delimiter = models.CharField(max_length=1)
    header = models.JSONField(default=list)
    header_row = models.PositiveSmallIntegerField(default=0, help_text="Rows above the headings.")
    mapping = models.JSONField(default=dict, help_text="What a column is for → its position.")
    zone = models.CharField("time zone", max_length=64)
    month_first = models.BooleanField(
        null=True, help_text="How 03/04/2026 is meant; empty: as the file shows."
    )
    day = models.DateField(null=True, blank=True, help_text="Of a file that has no dates.")
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, blank=True)
    exported_at = models.DateTimeField(help_text="Up to when CleverTap had counted.")
    complete = models.BooleanField(default=True, help_text="All campaigns of its days are in it.")
    people = models.JSONField(default=list, help_text="Figures that count people, not messages.")
    notes = models.JSONField(default=list, help_text="What was noticed while it was read.")
    by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "CleverTap report"

    def __str__(self) -> str:
        return self.name


class ReportLine(models.Model):
    """CleverTap's figures of a campaign on a day; empty where the report has none."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="lines")
    day = models.DateField()
    campaign = models.CharField(max_length=120, help_text="Its id, or its name where the report has no id.")
    named = models.BooleanField(default=False, help_text="Whether that is a name.")
    title = models.CharField(max_length=200, blank=True)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True)
    sent = models.IntegerField(null=True)
    delivered = models.IntegerField(null=True)
    viewed = models.IntegerField(null=True)
    errors = models.IntegerField(null=True)
    internal = models.IntegerField(default=0, help_text="Of the errors: never sent to a provider.")

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
