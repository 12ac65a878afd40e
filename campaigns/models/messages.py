"""Messages, the attempts to send them, and requests that were refused."""

from django.db import models
from django.db.models import Q

from lib import phone
from lib.phone_hiding import hidden
from lib.phone_sql import Person
from providers.models import Provider


class Status(models.IntegerChoices):
    """Where a message is. A status only rises, by these numbers; a resend starts anew."""

    QUEUED = 10
    SENDING = 20
    UNKNOWN = 30
    ACCEPTED = 40, "Submitted"  # the BSP accepted it; the figure Accepted is what Waypost accepted
    SENT = 50
    FAILED = 60
    DELIVERED = 70
    READ = 80, "Viewed"


class Message(models.Model):
    """One message CleverTap asked us to send. A row here is what "success" promised."""

    class Kind(models.IntegerChoices):
        """Lower goes first: an answer to a person is not kept waiting by a campaign."""

        FREEFORM = 0
        TEMPLATE = 1

    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, db_index=False)
    msg_id = models.CharField(max_length=255)
    untracked = models.BooleanField(
        default=False,
        help_text="Without an id of CleverTap's: never deduplicated, counted or reported to it.",
    )
    reported = models.BooleanField(
        default=True, help_text="Whether its reports go to CleverTap. Most of those of broadcasts do not."
    )
    to = models.CharField(max_length=160, help_text="A phone number, or a user id.")
    person = models.GeneratedField(
        expression=Person("to"),
        output_field=models.CharField(max_length=160),
        db_persist=True,
        help_text="`to` in the spelling that all spellings of a number are compared by.",
    )
    to_raw = models.CharField(max_length=160)
    kind = models.SmallIntegerField(choices=Kind.choices)
    template = models.CharField(max_length=512, blank=True)
    language = models.CharField(max_length=16, blank=True)
    campaign = models.CharField(max_length=64, blank=True)
    batch = models.CharField(max_length=8, blank=True)
    variant = models.CharField(max_length=32, blank=True)
    payload = models.TextField()
    content = models.TextField(help_text="The parsed content, as providers.messages.Content in JSON.")
    custom_props = models.JSONField(default=dict)
    notes = models.JSONField(default=list, help_text="Oddities of the payload that were tolerated.")
    status = models.SmallIntegerField(choices=Status.choices, default=Status.QUEUED)
    accepted_at = models.DateTimeField()
    queued_at = models.DateTimeField(help_text="What the validity period counts from: accepted or resent.")
    answer_ms = models.IntegerField(help_text="Milliseconds until it was stored, with a slow commit.")
    attempt = models.SmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    bsp_id = models.CharField(max_length=255, blank=True)
    error_code = models.SmallIntegerField(null=True)
    bsp_code = models.CharField(max_length=64, blank=True)
    error_text = models.CharField(max_length=500, blank=True)

    class Meta:
        permissions = [("view_phone_numbers", "Can see whole phone numbers")]
        constraints = [
            # What makes a repeated request harmless; led by msg_id, it also serves the search by it.
            models.UniqueConstraint(
                fields=["msg_id", "to", "provider"], condition=Q(untracked=False), name="message_once"
            )
        ]
        indexes = [
            models.Index(fields=["person", "id"], name="message_person"),
            # stats.query.messages_behind: what was accepted in a span of time, newest first.
            models.Index(fields=["accepted_at", "id"], name="message_accepted"),
            # ledger.claims.claim: the next messages to send, freeform first, oldest first.
            models.Index(
                fields=["provider", "kind", "next_attempt_at"],
                condition=Q(status=Status.QUEUED),
                name="message_queue",
            ),
            # ledger.claims.recover and audit: claims whose worker died.
            models.Index(
                fields=["provider", "claimed_at"], condition=Q(status=Status.SENDING), name="message_claimed"
            ),
            # ledger.matching: a report that carries only the BSP's id.
            models.Index(fields=["provider", "bsp_id"], condition=~Q(bsp_id=""), name="message_bsp_id"),
            # The message log's filters in any combination, newest first (lib.listing).
            models.Index(fields=["status", "provider", "untracked", "kind", "id"], name="message_by_status"),
            models.Index(fields=["provider", "untracked", "kind", "id"], name="message_by_provider"),
            models.Index(
                fields=["error_code", "status", "provider", "untracked", "kind", "id"],
                condition=Q(error_code__isnull=False),
                name="message_by_code",
            ),
            models.Index(
                fields=["bsp_code", "status", "provider", "untracked", "kind", "id"],
                condition=~Q(bsp_code=""),
                name="message_by_bsp_code",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.msg_id} to {phone.masked(self.to)}"


class Attempt(models.Model):
    """One send call and what came of it, redacted."""

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="attempts", db_index=False, db_constraint=False
    )
    number = models.SmallIntegerField()
    started_at = models.DateTimeField()
    milliseconds = models.IntegerField(null=True)
    outcome = models.CharField(max_length=10)
    bsp_id = models.CharField(max_length=255, blank=True)
    bsp_code = models.CharField(max_length=64, blank=True)
    text = models.CharField(max_length=500, blank=True)
    request = models.TextField(blank=True, help_text="Method, URL, headers and body as JSON.")
    response_status = models.SmallIntegerField(null=True)
    response_body = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "number"], name="attempt_once")]
        indexes = [
            # stats.query.messages_behind: what was submitted in a span of time, newest first.
            models.Index(fields=["started_at", "id"], name="attempt_started"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of message {self.message_id}"


class Refusal(models.Model):
    """A request we answered with a failure: nothing was queued, but an operator can see why."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE)
    received_at = models.DateTimeField()
    code = models.SmallIntegerField()
    text = models.CharField(max_length=500)
    msg_id = models.CharField(max_length=255, blank=True)
    to_raw = models.CharField(max_length=64, blank=True)
    campaign = models.CharField(max_length=64, blank=True)
    variant = models.CharField(max_length=32, blank=True)
    template = models.CharField(max_length=512, blank=True)
    untracked = models.BooleanField(default=False, help_text="A test's, and not counted.")
    payload = models.TextField(blank=True)

    class Meta:
        verbose_name = "refused request"
        indexes = [
            models.Index(fields=["received_at", "id"], name="refusal_received"),
            # The list's filters, newest first (lib.listing).
            models.Index(fields=["provider", "code", "id"], name="refusal_by_provider"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {hidden(self.text)}"
