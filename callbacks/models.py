"""What comes back from BSPs, and what we owe CleverTap."""

from django.db import models
from django.db.models import Q

from campaigns.models import Forward, Message
from lib import phone
from providers.models import Provider


class Webhook(models.Model):
    """One incoming callback as it arrived, stored before anybody reads it."""

    class Source(models.TextChoices):
        NATIVE = "native", "BSP webhook"
        DELIVERY = "delivery", "CleverTap-format delivery reports"
        INBOUND = "inbound", "CleverTap-format inbound message"

    class State(models.IntegerChoices):
        PENDING = 0
        WAITING = 1, "waiting for its message"
        DONE = 2
        UNMATCHED = 3
        QUARANTINED = 4
        NOT_OURS = 5, "for a number that no provider here has"
        READING = 6, "being read"
        READING_ALONE = 7, "being read alone, after a worker crashed over it"

    # Not at their end, and in the queue.
    OPEN = (State.PENDING, State.WAITING, State.READING, State.READING_ALONE)

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, db_index=False)
    source = models.CharField(max_length=10, choices=Source.choices)
    method = models.CharField(max_length=8)
    url = models.TextField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    received_at = models.DateTimeField()
    state = models.SmallIntegerField(choices=State.choices, default=State.PENDING)
    next_attempt_at = models.DateTimeField()
    attempts = models.SmallIntegerField(default=0)
    summary = models.CharField(max_length=500, blank=True, help_text="What was found, or what went wrong.")

    class Meta:
        indexes = [
            # `webhooks.ingest`: the oldest webhooks of a provider to read.
            models.Index(
                fields=["provider", "next_attempt_at", "id"],
                condition=Q(state__in=(0, 1, 6, 7)),
                name="webhook_queue",
            ),
            # The dashboard's counts, and reading again.
            models.Index(fields=["state", "id"], condition=Q(state__in=(3, 4, 5)), name="webhook_trouble"),
            # The list's filters, newest first (lib.listing).
            models.Index(fields=["provider", "state", "source", "id"], name="webhook_listed"),
        ]

    def __str__(self) -> str:
        return f"webhook {self.pk}"


class WebhookKind(models.Model):
    """A kind of webhook that a provider has ever got: Meta's field, or the kind in other BSPs' words."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, db_index=False)
    kind = models.CharField(max_length=60)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        ordering = ["kind"]
        constraints = [models.UniqueConstraint(fields=["provider", "kind"], name="webhook_kind_once")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.provider_id}"


class Reply(models.Model):
    """One inbound message."""

    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, db_index=False)
    bsp_id = models.CharField(max_length=255)
    sender = models.CharField(max_length=64, db_index=True, blank=True, help_text="The phone number.")
    user_id = models.CharField(max_length=160, blank=True, help_text="WhatsApp's id of the sender.")
    kind = models.CharField(max_length=12)
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    text = models.TextField(blank=True)
    content = models.TextField(help_text="The whole message, as providers.messages.Reply in JSON.")
    about = models.CharField(
        max_length=255,
        blank=True,
        help_text="The BSP's id of the inbound message that this one edits.",
    )
    first_text = models.TextField(blank=True, help_text="What was written before it was edited.")
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True, help_text="When the sender deleted it in WhatsApp.")
    answers = models.ForeignKey(
        Message, on_delete=models.SET_NULL, null=True, blank=True, db_constraint=False
    )
    forward = models.SmallIntegerField(choices=Forward.choices, default=Forward.PENDING)
    owed_since = models.DateTimeField(help_text="When forwarding began: received, or retried by hand.")
    forward_attempts = models.SmallIntegerField(default=0)
    forward_error = models.CharField(max_length=300, blank=True)
    forwarded_at = models.DateTimeField(null=True)
    forward_log = models.BigIntegerField(null=True, help_text="The last ForwardCall that carried it.")

    class Meta:
        verbose_name = "inbound message"
        constraints = [models.UniqueConstraint(fields=["provider", "bsp_id"], name="reply_once")]
        indexes = [
            # `forwarding.owed`: the oldest still owed to CleverTap.
            models.Index(fields=["provider", "id"], condition=Q(forward=1), name="reply_pending"),
            # `replies.people`: those of a user id whose number was learnt. The search by user id.
            models.Index(fields=["user_id"], condition=~Q(user_id=""), name="reply_user_id"),
            # The list's filters, newest first (lib.listing).
            models.Index(fields=["provider", "forward", "kind", "id"], name="reply_listed"),
            # `replies.later_words`: edits and deletions that came before what they are about.
            models.Index(fields=["provider", "about"], condition=~Q(about=""), name="reply_about"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} from {phone.masked(self.sender or self.user_id)}"


class Referral(models.Model):
    """The ad or post from which an inbound message came."""

    reply = models.OneToOneField(
        Reply, on_delete=models.CASCADE, related_name="referral", db_constraint=False
    )
    source_type = models.CharField(max_length=40, blank=True)
    source_id = models.CharField(max_length=100, blank=True)
    source_url = models.TextField(blank=True)
    headline = models.TextField(blank=True)
    body = models.TextField(blank=True)
    media_url = models.TextField(blank=True)
    click_id = models.CharField(max_length=500, blank=True, help_text="Meta's ctwa_clid.")

    class Meta:
        indexes = [models.Index(fields=["source_id", "id"], name="referral_source")]

    def __str__(self) -> str:
        return " ".join(filter(None, (self.source_type, self.source_id)))


class Media(models.Model):
    """The media of an inbound message, if CleverTap itself cannot fetch it from the BSP."""

    class State(models.IntegerChoices):
        PENDING = 0, "to be fetched"
        STORED = 1
        FAILED = 2

    reply = models.OneToOneField(Reply, on_delete=models.CASCADE, related_name="media", db_constraint=False)
    state = models.SmallIntegerField(choices=State.choices, default=State.PENDING)
    next_attempt_at = models.DateTimeField()
    attempts = models.SmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    file = models.FileField(upload_to="inbound/%Y/%m/%d", blank=True)
    content_type = models.CharField(max_length=100, blank=True)

    class Meta:
        verbose_name_plural = "media"
        indexes = [
            models.Index(fields=["next_attempt_at", "id"], condition=Q(state=0), name="media_queue"),
        ]

    def __str__(self) -> str:
        return f"media of {self.reply_id}"


class Outlet(models.Model):
    """The state of one of CleverTap's URLs: whether it answers, and when it is tried again."""

    class Kind(models.TextChoices):
        DELIVERY = "delivery", "delivery reports"
        INBOUND = "inbound", "inbound messages"

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="outlets")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    failures = models.PositiveIntegerField(default=0)
    hold_until = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "forwarding outlet"
        constraints = [models.UniqueConstraint(fields=["provider", "kind"], name="one_outlet_per_kind")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.provider}"


class ForwardCall(models.Model):
    """One request to CleverTap and its answer."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, db_index=False)
    kind = models.CharField(max_length=10, choices=Outlet.Kind.choices)
    started_at = models.DateTimeField()
    milliseconds = models.IntegerField(null=True)
    url = models.TextField()
    body = models.TextField()
    status = models.SmallIntegerField(null=True, help_text="Empty when there was no answer.")
    answer = models.TextField(blank=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [
            # The list's filters, newest first (lib.listing); few calls are not taken.
            models.Index(fields=["provider", "kind", "id"], name="forward_call_listed"),
            models.Index(
                fields=["provider", "kind", "id"], condition=Q(status=None), name="forward_call_unanswered"
            ),
            models.Index(
                fields=["provider", "kind", "id"],
                condition=Q(status__lt=200) | Q(status__gte=300),
                name="forward_call_refused",
            ),
        ]

    def __str__(self) -> str:
        return f"call {self.pk} to {self.url}"
