"""Messages, every attempt and report of theirs, and the counts that stats read."""

from django.db import models
from django.db.models import Q

from campaigns.report_models import Report as Report
from campaigns.report_models import ReportLine as ReportLine
from campaigns.stat_models import Campaign as Campaign
from campaigns.stat_models import StatCount as StatCount
from campaigns.stat_models import StatDetail as StatDetail
from campaigns.stat_models import StatPoint as StatPoint
from campaigns.stat_models import StatScope as StatScope
from lib import phone
from providers.models import Provider


class Status(models.IntegerChoices):
    """Where a message is. A status only rises, by these numbers; a resend starts anew."""

    QUEUED = 10
    SENDING = 20
    UNKNOWN = 30
    ACCEPTED = 40
    SENT = 50
    FAILED = 60
    DELIVERED = 70
    READ = 80


class Forward(models.IntegerChoices):
    """How far a report or an inbound message got on its way to CleverTap."""

    NONE = 0, "not forwarded"
    PENDING = 1
    DONE = 2, "forwarded"
    PARKED = 3


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
        default=True, help_text="Whether CleverTap is told of it; not of the messages of our own broadcasts."
    )
    to = models.CharField(max_length=20)
    to_raw = models.CharField(max_length=64)
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
    answer_ms = models.IntegerField(help_text="Until the row was written; a slow commit is added.")
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
            models.Index(fields=["to", "id"], name="message_to"),
            # stats.behind: what was accepted in a stretch of time, newest first.
            models.Index(fields=["accepted_at", "id"], name="message_accepted"),
            # dispatch.claim: the next messages to send, freeform first, oldest first.
            models.Index(
                fields=["provider", "kind", "next_attempt_at"],
                condition=Q(status=Status.QUEUED),
                name="message_queue",
            ),
            # dispatch.recover and audit: claims whose worker died.
            models.Index(
                fields=["provider", "claimed_at"], condition=Q(status=Status.SENDING), name="message_claimed"
            ),
            # ledger.record: a report that carries only the BSP's id.
            models.Index(fields=["provider", "bsp_id"], condition=~Q(bsp_id=""), name="message_bsp_id"),
            # The message log's filters in any combination, newest first (lib.listing).
            models.Index(fields=["status", "provider", "untracked", "kind", "id"], name="message_by_status"),
            models.Index(fields=["provider", "untracked", "kind", "id"], name="message_by_provider"),
            models.Index(
                fields=["error_code", "status", "provider", "untracked", "kind", "id"],
                condition=Q(error_code__isnull=False),
                name="message_by_code",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.msg_id} to {phone.masked(self.to)}"


class Attempt(models.Model):
    """One send call and what came of it, redacted."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attempts", db_index=False)
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
            # stats.behind: what was submitted in a stretch of time, newest first.
            models.Index(fields=["started_at", "id"], name="attempt_started"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of message {self.message_id}"


class Event(models.Model):
    """One report on a message, and how far it got on its way to CleverTap."""

    class Kind(models.IntegerChoices):
        SENT = 1
        DELIVERED = 2
        READ = 3
        FAILED = 4
        CLICKED = 5
        REPLIED = 6

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="events", db_index=False)
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, db_index=False)
    kind = models.SmallIntegerField(choices=Kind.choices)
    key = models.CharField(max_length=64, blank=True, help_text="Tells clicks and failed attempts apart.")
    at = models.DateTimeField(help_text="When it happened, by the BSP's clock.")
    received_at = models.DateTimeField()
    code = models.SmallIntegerField(null=True)
    bsp_code = models.CharField(max_length=64, blank=True)
    text = models.CharField(max_length=500, blank=True)
    url = models.TextField(blank=True)
    short_url = models.TextField(blank=True)
    user_agent = models.TextField(blank=True)
    not_sent = models.BooleanField(
        default=False, help_text="A failure that never reached WhatsApp: refused by the BSP, or expired."
    )
    forward = models.SmallIntegerField(choices=Forward.choices, default=Forward.NONE)
    owed_since = models.DateTimeField(help_text="When forwarding began: received, or retried by hand.")
    forward_attempts = models.SmallIntegerField(default=0)
    forward_error = models.CharField(max_length=300, blank=True)
    forwarded_at = models.DateTimeField(null=True)
    forward_log = models.BigIntegerField(
        null=True, help_text="The last callbacks.ForwardCall that carried it."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "kind", "key"], name="event_once")]
        indexes = [
            # forward.claim: the oldest reports still owed to CleverTap.
            models.Index(fields=["provider", "id"], condition=Q(forward=1), name="event_pending"),
            # The admin's list of what was given up.
            models.Index(fields=["provider", "id"], condition=Q(forward=3), name="event_parked"),
            # stats.behind: the messages behind a figure, newest first.
            models.Index(fields=["kind", "at", "id"], name="event_at"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of message {self.message_id}"


class Link(models.Model):
    """A short link of ours: one tracked button of one message, and where it leads."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="links")
    token = models.CharField(max_length=32, unique=True)
    path = models.CharField(max_length=32, help_text="The button: button.0, card.1.button.0.")
    url = models.TextField(help_text="What CleverTap sent, and where a click leads.")
    short_url = models.TextField(help_text="What the person was sent.")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    clicks = models.PositiveIntegerField(default=0, help_text="By people; previews are not counted.")
    first_clicked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "path"], name="link_once_per_button")]
        indexes = [models.Index(fields=["expires_at"], name="link_expires")]

    def __str__(self) -> str:
        return f"link {self.token}"


class Click(models.Model):
    """One request for a short link."""

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="click_rows")
    at = models.DateTimeField()
    user_agent = models.CharField(max_length=500, blank=True)
    address = models.CharField(max_length=45, blank=True, help_text="Shortened: no person is told by it.")
    preview = models.BooleanField(default=False, help_text="By a program that shows previews, not a person.")

    def __str__(self) -> str:
        return f"click on {self.link_id}"


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
        indexes = [
            models.Index(fields=["received_at", "id"], name="refusal_received"),
            # The list's filters, newest first (lib.listing).
            models.Index(fields=["provider", "code", "id"], name="refusal_by_provider"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {phone.hidden(self.text)}"
