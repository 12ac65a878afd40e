"""Tokens of machines, and the cache that all processes share."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from lib.display import to_second


class Token(models.Model):
    """Lets a program in, for some scopes and at most as far as its owner may go. Only a digest is kept."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=64, blank=True, help_text="What the token is for.")
    scopes = models.CharField(max_length=200, help_text="Separated by spaces.")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField("expires")
    last_used_at = models.DateTimeField("last used", null=True, help_text="Rounded to the minute.")
    revoked_at = models.DateTimeField("revoked", null=True)

    class Meta:
        default_permissions = ("view", "change")  # change: revoke those of others
        constraints = [
            models.CheckConstraint(condition=~Q(scopes=""), name="a_token_has_scopes"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="a_token_expires_later"),
        ]

    def __str__(self) -> str:
        return f"{self.name or 'token'} ({self.pk})"

    def state(self, now: datetime) -> str:
        """`valid`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "valid" if now < self.expires_at else "expired"


class Cached(models.Model):
    """The table of Django's database cache, where attempts are counted: all processes see the same counts.

    A model, so that `migrate` makes it. Only the cache reads and writes it.
    """

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "accounts_cache"
        default_permissions = ()


class Entry(models.Model):
    """Something that somebody did or saw: a line of the trail.

    Entries are added, and deleted when they are old; a trigger of the database refuses every change. So no
    column refers to another table: what an entry tells of a person stays when the person is deleted.
    """

    class What(models.TextChoices):
        SIGNED_IN = "signed-in", "signed in"
        NOT_SIGNED_IN = "not-signed-in", "failed to sign in"
        SIGNED_OUT = "signed-out", "signed out"
        LOOKED = "looked", "looked at phone numbers"
        EXPORTED = "exported", "exported"
        CREDENTIALS = "credentials", "saw new credentials"
        ADDED = "added", "added"
        CHANGED = "changed", "changed"
        DELETED = "deleted", "deleted"
        PAUSED = "paused", "paused"
        RESUMED = "resumed", "resumed"
        SENT = "sent", "sent"
        RESENT = "resent", "sent again"
        ERASED = "erased", "erased a person"
        STARTED = "started", "started"
        STOPPED = "stopped", "stopped"
        PASSWORD = "password", "changed a password"
        FACTOR = "factor", "changed a second factor"
        TOKEN = "token", "made a token"
        REVOKED = "revoked", "revoked a token"

    at = models.DateTimeField(db_index=True)  # finds what is too old to be kept
    who_id = models.BigIntegerField(null=True, help_text="The user's number; empty for the command line.")
    who = models.CharField(max_length=150, blank=True)
    by = models.CharField(max_length=100, blank=True, help_text="How it was done, if not in a browser.")
    address = models.CharField(max_length=45, blank=True)
    what = models.CharField(max_length=16, choices=What.choices)
    kind = models.CharField(
        "about", max_length=64, blank=True, help_text="A model, such as providers.provider."
    )
    key = models.CharField(max_length=64, blank=True)
    name = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        verbose_name = "trail entry"
        verbose_name_plural = "trail"
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=~Q(what=""), name="an_entry_says_what"),
        ]
        indexes = [
            # The page's filters, and what somebody looked at a moment ago
            models.Index(fields=["who", "-id"], name="entry_who"),
            models.Index(fields=["what", "-id"], name="entry_what"),
            models.Index(fields=["kind", "key", "-id"], name="entry_about"),
        ]

    def __str__(self) -> str:
        return f"{to_second(self.at)} {self.who or self.by} {self.get_what_display()}"
