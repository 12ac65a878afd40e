"""Which life of the database a message belongs to."""

from django.db import models
from django.utils import timezone


class Installation(models.Model):
    """A life of the database: from its making, or from a restore of a backup, to the next restore.

    After a restore ids begin again where the backup ended, and BSPs still report on the messages of the hours
    that are lost. So what we give BSPs names the life too: a report of another one is about no message here.
    """

    nonce = models.CharField(max_length=12, unique=True)
    first_message = models.BigIntegerField(
        unique=True, help_text="Messages with this id and above were accepted in it."
    )
    began_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["first_message"]

    def __str__(self) -> str:
        return self.nonce
