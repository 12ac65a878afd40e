"""Who may be written to: contacts, what they did, what they agreed to, and the files they came in."""

from django.db import models
from django.db.models import Q

from lib import phone
from providers.fields import EncryptedJSONField
from providers.models import Provider


class Contact(models.Model):
    """One person, as CleverTap's profiles have them. Nobody is opted in by default.

    `attributes` holds texts, numbers, booleans, lists of those, and dates as `2026-03-31T08:00:00Z`.
    Several contacts may share a phone number.
    """

    identity = models.CharField(max_length=512)
    name = models.CharField(max_length=512, blank=True)
    email = models.CharField("e-mail", max_length=320, blank=True)
    phone = models.CharField(max_length=15, blank=True, help_text="E.164 digits, without +.")
    gender = models.CharField(max_length=1, blank=True, help_text="M or F.")
    attributes = models.JSONField(default=dict, blank=True)
    opted_in = models.BooleanField("MSG-whatsapp", default=False)
    dnd = models.BooleanField("MSG-dndWhatsApp", default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["identity"], name="contact_identity")]
        indexes = [
            models.Index(fields=["phone"], name="contact_phone"),
            models.Index(fields=["email"], name="contact_email"),
            models.Index(fields=["opted_in", "dnd", "id"], name="contact_reachable"),
        ]
        permissions = [("export_contact", "Can export contacts")]

    def __str__(self) -> str:
        return phone.masked_identity(self.identity, self.phone)

    @property
    def reachable(self) -> bool:
        return self.opted_in and not self.dnd and bool(self.phone)


class ContactEvent(models.Model):
    """Something a contact did, as told by the upload API."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="events", db_index=False)
    name = models.CharField(max_length=512)
    at = models.DateTimeField()
    properties = models.JSONField(default=dict)
    digest = models.CharField(max_length=32, help_text="Of name and properties, so that a repeat is one.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "at", "digest"], name="contact_event_once")]
        indexes = [models.Index(fields=["name", "at", "contact"], name="contact_event_at")]

    def __str__(self) -> str:
        return f"{self.name} of {self.contact_id}"


class ContactDate(models.Model):
    """A date that a contact or one of its events has, written with it: for what is due before or after it."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="dates")
    event = models.ForeignKey(
        ContactEvent, on_delete=models.CASCADE, null=True, db_index=False, related_name="dates"
    )
    event_name = models.CharField(max_length=512, blank=True, help_text="Empty for an attribute.")
    name = models.CharField(max_length=120)
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["event_name", "name", "at"], name="contact_date_due"),
            models.Index(fields=["event"], condition=Q(event__isnull=False), name="contact_date_event"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.contact_id}"


class KnownProperty(models.Model):
    """A name that attributes or an event's properties go by, and what they hold: for whoever chooses one.

    An event without properties is known by a row without a name.
    """

    class Type(models.TextChoices):
        TEXT = "text"
        NUMBER = "number"
        BOOLEAN = "boolean"
        DATE = "date"
        LIST = "list"
        NONE = ""

    event = models.CharField(max_length=512, blank=True, help_text="Empty for a contact's attributes.")
    name = models.CharField(max_length=120, blank=True)
    type = models.CharField(max_length=7, choices=Type.choices, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "name", "type"], name="property_once")]

    def __str__(self) -> str:
        return f"{self.event}.{self.name}" if self.event else self.name


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
        ADMIN = "admin", "an operator"

    contact = models.ForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, related_name="opt_changes", db_index=False
    )
    phone = models.CharField(max_length=15, blank=True)
    to = models.CharField(max_length=6, choices=To.choices)
    why = models.CharField(max_length=7, choices=Why.choices)
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
        ]

    def __str__(self) -> str:
        return f"{phone.masked(self.phone) or self.contact_id} {self.get_to_display()}"


class PhoneChoice(models.Model):
    """What the person behind a number, in its first spelling, last wrote. Holds for contacts to come, too."""

    phone = models.CharField(max_length=15)
    stopped = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["phone"], name="phone_choice_once")]

    def __str__(self) -> str:
        return f"{phone.masked(self.phone)} {'stopped' if self.stopped else 'started'}"


class OptSetting(models.Model):
    """Which replies to a provider's number opt a person out or in, and whether CleverTap is told."""

    provider = models.OneToOneField(Provider, on_delete=models.CASCADE, related_name="opt_setting")
    stop_words = models.TextField(
        default="STOP\nUNSUBSCRIBE",
        blank=True,
        help_text="One a line: what people write, a button's label, or its payload. The whole message must "
        "be it, in any case; a payload may end in * (optout|*).",
    )
    start_words = models.TextField(default="START", blank=True, help_text="The same for opting in again.")
    subscribe_url = models.URLField(
        "CleverTap's subscribe API",
        max_length=500,
        blank=True,
        help_text="https://in1.api.clevertap.com/1/subscribe, by your region. Empty: it is not told.",
    )
    account = EncryptedJSONField(default=dict, blank=True)  # account_id, passcode

    class Meta:
        verbose_name = verbose_name_plural = "opt-out words"

    def __str__(self) -> str:
        return f"opt-out words of {self.provider}"


class Subscription(models.Model):
    """An opt-out or opt-in that CleverTap is to be told. The rows are the queue."""

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


class UploadAccount(models.Model):
    """Who may call the upload API. The passcode itself is kept nowhere."""

    account_id = models.CharField("account id", max_length=64, unique=True)
    label = models.CharField(max_length=200, blank=True)
    passcode = models.CharField(max_length=64, editable=False, help_text="SHA-256 digest.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "upload API account"

    def __str__(self) -> str:
        return self.account_id


class Upload(models.Model):
    """One CSV file, from its choice to its result. `mapping` has an entry a column: see csv_reading."""

    class State(models.TextChoices):
        DRAFT = "draft", "not started"
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    OPEN = (State.QUEUED, State.RUNNING)

    name = models.CharField("file", max_length=255)
    file = models.FileField(upload_to="audience/%Y/%m/%d", blank=True)
    size = models.BigIntegerField(default=0, help_text="Bytes.")
    rows = models.PositiveIntegerField(default=0)
    encoding = models.CharField(max_length=12)
    delimiter = models.CharField(max_length=1)
    header = models.JSONField(default=list)
    mapping = models.JSONField(default=list)
    country = models.CharField(
        "country code", max_length=3, blank=True, help_text="Put before numbers written without one."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    by = models.CharField(max_length=150, blank=True)
    cancel = models.BooleanField(default=False)
    worker = models.CharField(max_length=32, blank=True, help_text="Whoever works on it now.")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True, help_text="The last sign of life.")
    finished_at = models.DateTimeField(null=True)
    done = models.PositiveIntegerField(default=0, help_text="Rows.")
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["id"], condition=Q(state__in=("queued", "running")), name="upload_queue")
        ]

    def __str__(self) -> str:
        return f"upload {self.pk}: {self.name}"


class UploadError(models.Model):
    """A row that was not taken over, and why."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="errors")
    line = models.PositiveIntegerField()
    reason = models.CharField(max_length=500)
    cells = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"
