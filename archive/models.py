"""How far each data set is written, the runs, and the people whom readers must leave out."""

from django.db import models
from django.db.models import Q

from lib import runs


class Cursor(models.Model):
    """How far a data set is written. `upto` is the end of a batch that is begun: until it is in the manifest,
    the next worker writes the same rows into files of the same names."""

    dataset = models.CharField(max_length=20, unique=True)
    life = models.CharField(max_length=12, blank=True, help_text="Of the database, as it was last written.")
    number = models.IntegerField(default=0, help_text="Of the last batch.")
    after = models.BigIntegerField(default=0)
    upto = models.BigIntegerField(null=True)
    day = models.DateField(null=True, help_text="For data sets that are written whole once a day.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.dataset} after {self.after}"


class Run(runs.Run):
    """One run through all data sets: what it wrote, or why it could not."""

    files = models.IntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    corrections = models.IntegerField(default=0, help_text="New files for days that were complete before.")
    error = models.CharField(max_length=500, blank=True)

    REPORT = ("files", "bytes", "corrections", "error")

    class Meta(runs.Run.Meta):
        verbose_name = "archive run"
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=Q(state="open"), name="one_open_archive_run")
        ]

    def __str__(self) -> str:
        return f"archive run {self.pk}"


class Erased(models.Model):
    """The keyed hash of a number or user id of an erased person. Files stay unchanged: their readers leave
    out older rows of this person."""

    person = models.CharField(max_length=15, unique=True)
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.person
