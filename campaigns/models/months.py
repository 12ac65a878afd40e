"""When each part of the tables that grow with traffic began."""

from django.db import models


class Month(models.Model):
    """A part of `lib.postgres.parts`, by its number. No row before `began_at` has an id of it, and none after
    `moved_at` has one of an earlier part."""

    number = models.PositiveIntegerField(primary_key=True)
    began_at = models.DateTimeField()
    moved_at = models.DateTimeField(null=True)
    resting = models.BooleanField(default=False, help_text="None of its rows waits in a queue.")

    class Meta:
        default_permissions = ()
        ordering = ["number"]

    def __str__(self) -> str:
        return f"part {self.number}, from {self.began_at:%Y-%m-%d}"


class Once(models.Model):
    """Something that is taken once: a message by msgId, recipient and provider, an inbound message by its id.

    Only on PostgreSQL, where no constraint on a table in parts can say so. It is forgotten earlier than they.
    """

    digest = models.UUIDField(primary_key=True)
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["at"], name="once_at")]

    def __str__(self) -> str:
        return str(self.digest)
