"""Delivery reports on messages, and how far they got on their way to CleverTap."""

from django.db import models
from django.db.models import Q

from campaigns.models.messages import Message
from providers.models import Provider


class Forward(models.IntegerChoices):
    """How far a report or an inbound message got on its way to CleverTap.

    CleverTap knows people by their numbers, so an inbound message of a person whose number is not known
    waits until it is.
    """

    NONE = 0, "not forwarded"
    PENDING = 1
    DONE = 2, "forwarded"
    PARKED = 3
    NO_NUMBER = 4, "no number yet"


class Pricing(models.Model):
    """How WhatsApp charges a message, as the first report that says so has it, in Meta's words."""

    message = models.OneToOneField(
        Message, on_delete=models.CASCADE, related_name="pricing", db_constraint=False
    )
    type = models.CharField(max_length=40, blank=True)
    category = models.CharField(max_length=40, blank=True)
    billable = models.BooleanField(null=True)
    at = models.DateTimeField(help_text="Of the report, by the BSP's clock.")
    received_at = models.DateTimeField()

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.category, self.type)))


class Event(models.Model):
    """One report on a message, and how far it got on its way to CleverTap."""

    class Kind(models.IntegerChoices):
        SENT = 1
        DELIVERED = 2
        READ = 3, "Viewed"
        FAILED = 4
        CLICKED = 5
        REPLIED = 6
        REACTED = 7

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="events", db_index=False, db_constraint=False
    )
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, db_index=False)
    kind = models.SmallIntegerField(choices=Kind.choices)
    key = models.CharField(max_length=64, blank=True, help_text="Tells clicks and failed attempts apart.")
    at = models.DateTimeField(help_text="When it happened, by the BSP's clock.")
    received_at = models.DateTimeField(help_text="When its webhook came.")
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
        verbose_name = "delivery report"
        constraints = [models.UniqueConstraint(fields=["message", "kind", "key"], name="event_once")]
        indexes = [
            # callbacks.forwarding.owed: the oldest reports still owed to CleverTap.
            models.Index(fields=["provider", "id"], condition=Q(forward=1), name="event_pending"),
            # The admin's list of parked reports.
            models.Index(fields=["provider", "id"], condition=Q(forward=3), name="event_parked"),
            # stats.query.messages_behind: the messages behind a figure, newest first.
            models.Index(fields=["kind", "at", "id"], name="event_at"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of message {self.message_id}"
