"""What people agreed to, with its proof, and what is sent to CleverTap about it."""

from django.db import models
from django.db.models import Q

from audience.models.contacts import Contact
from lib import phone
from providers.encrypted_fields import EncryptedJSONField
from providers.models import Provider


class OptChange(models.Model):
    """A change of what a person agreed to, with its proof. Outlives the contact."""

    class To(models.TextChoices):
        IN = "in", "opted in"
        OUT = "out", "opted out"
        STOP = "stop", "do not disturb"
        RESUME = "resume", "may be disturbed again"

    class Why(models.TextChoices):
        CSV = "csv", "CSV upload"
        API = "api", "upload API"
        KEYWORD = "keyword", "reply with a keyword"
        BUTTON = "button", "tap on a button"
        NUMBER = "number", "a changed number"
        WHATSAPP = "whatsapp", "WhatsApp's own control"
        ADMIN = "admin", "an operator"

    contact = models.ForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, related_name="opt_changes", db_index=False
    )
    phone = models.CharField(max_length=15, blank=True)
    user_id = models.CharField(
        max_length=160, blank=True, db_default="", help_text="WhatsApp's id, where no number was known."
    )
    to = models.CharField(max_length=6, choices=To.choices)
    why = models.CharField(max_length=8, choices=Why.choices)
    proof = models.CharField(
        max_length=1000, blank=True, help_text="What was written or tapped, the file and line, the call."
    )
    reply_id = models.BigIntegerField(null=True, help_text="The inbound message that asked for it.")
    provider = models.ForeignKey(Provider, on_delete=models.SET_NULL, null=True, db_index=False)
    by = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = "change of consent"
        verbose_name_plural = "changes of consent"
        indexes = [
            models.Index(fields=["contact", "at"], name="opt_change_contact"),
            models.Index(fields=["phone", "at"], name="opt_change_phone"),
            # `opting.adopt`: choices from before the number was known.
            models.Index(fields=["user_id"], condition=Q(phone="", user_id__gt=""), name="opt_change_nobody"),
        ]

    def __str__(self) -> str:
        return f"{phone.masked(self.phone) or self.contact_id} {self.get_to_display()}"


class PhoneChoice(models.Model):
    """The last choice of the person with a number, in its first spelling. It also holds for contacts that get
    the number later.

    Typed choices and choices in WhatsApp itself are stored separately: each is only ended in the way it was
    made.
    """

    class Kind(models.TextChoices):
        TYPED = "typed"
        WHATSAPP = "whatsapp"

    phone = models.CharField(max_length=15)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.TYPED)
    stopped = models.BooleanField()
    since = models.DateTimeField(help_text="When it was first said; saying it again changes nothing.")
    at = models.DateTimeField(help_text="When it was last said.")
    proof = models.CharField(max_length=1000, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["phone", "kind"], name="phone_choice_once")]

    def __str__(self) -> str:
        return f"{phone.masked(self.phone)} {'stopped' if self.stopped else 'started'}"


class OptSetting(models.Model):
    """Which replies to a provider's number opt a person out or in, and whether they are sent to CleverTap."""

    provider = models.OneToOneField(Provider, on_delete=models.CASCADE, related_name="opt_setting")
    stop_words = models.TextField(
        default="STOP\nUNSUBSCRIBE",
        blank=True,
        help_text="One on each line: a word that people write, a button's label, or a button's payload. The "
        "message must have nothing else; case does not matter. A payload may end in *, as optout|*.",
    )
    start_words = models.TextField(
        default="START", blank=True, help_text="Words that opt a person in again, written in the same way."
    )
    refuse_stopped = models.BooleanField(
        "refuse marketing to people who stopped it in WhatsApp",
        default=False,
        help_text="Waypost then refuses CleverTap's marketing templates to these people at once, with code "
        "2003. Otherwise they are sent, and WhatsApp refuses them.",
    )
    subscribe_url = models.URLField(
        "CleverTap's subscribe API",
        max_length=500,
        blank=True,
        help_text="https://in1.api.clevertap.com/1/subscribe, depending on your region. Empty: "
        "CleverTap gets no opt-outs.",
    )
    account = EncryptedJSONField(default=dict, blank=True)  # account_id, passcode

    class Meta:
        verbose_name = verbose_name_plural = "opt-out words"

    def __str__(self) -> str:
        return f"opt-out words of {self.provider}"


class Subscription(models.Model):
    """An opt-out or opt-in to send to CleverTap. The rows are the queue."""

    class Status(models.TextChoices):
        UNSUBSCRIBE = "Unsubscribe"
        RESUBSCRIBE = "Resubscribe"

    class State(models.IntegerChoices):
        PENDING = 1
        DONE = 2, "told"
        PARKED = 3

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, db_index=False)
    phone = models.CharField(max_length=15)
    status = models.CharField(max_length=11, choices=Status.choices)
    state = models.SmallIntegerField(choices=State.choices, default=State.PENDING)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    attempts = models.SmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    told_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "opt-out for CleverTap"
        verbose_name_plural = "opt-outs for CleverTap"
        indexes = [
            models.Index(fields=["provider", "id"], condition=Q(state=1), name="subscription_queue"),
            models.Index(fields=["phone", "id"], name="subscription_phone"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {phone.masked(self.phone)}"
