"""The providers that messages are sent through, CleverTap's credentials, and the callback URLs."""

from datetime import timedelta

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from lib.crypto import token
from lib.display import to_second
from providers.connectors import CONNECTORS
from providers.connectors.base import Config, Connector
from providers.encrypted_fields import EncryptedJSONField, Sealed
from providers.quirks import Quirks, load

ROTATION_GRACE = timedelta(days=7)
UNREADABLE = "Its credentials cannot be decrypted. Enter them again."


class Provider(models.Model):
    """One WABA number at one BSP, as CleverTap's provider page has it."""

    class State(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"

    class Hold(models.TextChoices):
        """Why nothing is sent for a while."""

        THROTTLE = "throttle", "the BSP asked for a break"
        OUTAGE = "outage", "the BSP does not answer as it should"

    class Period(models.IntegerChoices):
        SECOND = 1, "second"
        MINUTE = 60, "minute"
        HOUR = 3600, "hour"
        DAY = 86400, "day"

    class Paging(models.TextChoices):
        """How a template list names its next page."""

        CURSOR = "cursor", "cursor: ?after=… from paging.cursors.after"
        PAGE = "page", "page number: ?page=…"
        TOKEN = "token", "token: ?page_token=… from next_page_token"

    class Every(models.IntegerChoices):
        NEVER = 0, "never"
        HOUR = 3600, "every hour"
        QUARTER_DAY = 21600, "every six hours"
        DAY = 86400, "every day"

    class Unknown(models.TextChoices):
        PASS = "pass", "send them"
        REFUSE = "refuse", "refuse them with code 2001"

    class Stopped(models.TextChoices):
        HOLD = "hold", "keep them until the template may be sent again"
        REFUSE = "refuse", "refuse them with code 2001"

    nickname = models.CharField(max_length=100, unique=True)
    waba_number = models.CharField(
        "WABA number",
        max_length=20,
        validators=[RegexValidator(r"^\+?[0-9]{7,15}$", "International digits, with or without +.")],
        help_text="The WhatsApp Business number with its country code.",
    )
    connector_slug = models.CharField("connector", max_length=40)
    endpoint = models.URLField("HTTP endpoint", max_length=500, blank=True)
    credentials = EncryptedJSONField(default=dict, blank=True)
    previous_credentials = EncryptedJSONField(default=dict, blank=True)
    previous_until = models.DateTimeField(null=True, blank=True)
    options = models.JSONField(default=dict, blank=True)
    stored_quirks = models.JSONField(default=dict, blank=True)
    is_default = models.BooleanField("mark as default", default=False)
    webhook_networks = models.TextField(
        "addresses that may call back",
        max_length=4000,
        blank=True,
        help_text="Networks that the BSP calls from, such as 203.0.113.0/24, one on each line. "
        "Empty: any address.",
    )
    auto_reply = models.BooleanField("auto-reply to users not tracked on CleverTap", default=False)
    auto_reply_text = models.TextField(blank=True, max_length=4096)
    max_concurrency = models.PositiveIntegerField(
        "maximum concurrent requests",
        default=100,
        validators=[MinValueValidator(30), MaxValueValidator(1000)],
    )
    rate_count = models.PositiveIntegerField(
        "rate limit", null=True, blank=True, help_text="The most requests in each period; empty: no limit."
    )
    rate_period = models.PositiveIntegerField(choices=Period.choices, default=Period.MINUTE)
    validity = models.DurationField(
        default=timedelta(hours=24), help_text="A message that is still not sent after this time fails."
    )
    cap_retries = models.PositiveSmallIntegerField(
        "tries after WhatsApp's marketing cap",
        default=0,
        validators=[MaxValueValidator(2)],
        help_text="How often a message that met the cap of one person (131049) is tried again: a day later, "
        "then two days later, while it is valid. 0: never, CleverTap decides.",
    )
    delivery_url = models.URLField("CleverTap delivery report URL", max_length=1000, blank=True)
    inbound_url = models.URLField("CleverTap inbound message URL", max_length=1000, blank=True)
    import_endpoint = models.URLField("template list endpoint", max_length=500, blank=True)
    import_limit = models.PositiveSmallIntegerField(
        "templates a page", default=500, validators=[MinValueValidator(50), MaxValueValidator(500)]
    )
    import_paging = models.CharField(max_length=6, choices=Paging.choices, default=Paging.CURSOR)
    import_credentials = EncryptedJSONField(default=dict, blank=True)
    import_every = models.PositiveIntegerField(
        "automatic import",
        choices=Every.choices,
        default=Every.NEVER,
        help_text="How often templates are imported automatically.",
    )
    click_domain = models.CharField(
        "click-tracking domain",
        max_length=255,
        blank=True,
        help_text="Imported buttons whose URL holds this domain are tagged for click tracking.",
    )
    link_days = models.PositiveSmallIntegerField(
        "short links live", default=30, help_text="Days after which a short link of Waypost stops working."
    )
    unknown_templates = models.CharField(
        max_length=6,
        choices=Unknown.choices,
        default=Unknown.PASS,
        help_text="What to do with messages for templates that are not listed here.",
    )
    stopped_templates = models.CharField(
        max_length=6,
        choices=Stopped.choices,
        default=Stopped.HOLD,
        help_text="What to do with messages for templates that are paused, disabled or rejected.",
    )
    public_id = models.CharField(max_length=64, unique=True, default=token, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    paused_reason = models.CharField(max_length=500, blank=True)
    paused_for = models.CharField(
        max_length=12,
        blank=True,
        editable=False,
        help_text="What is wrong with the account (providers.messages.Account); empty: a person "
        "paused the provider.",
    )
    hold_until = models.DateTimeField(null=True, blank=True, editable=False)
    hold_reason = models.CharField(max_length=500, blank=True, editable=False)
    hold_for = models.CharField(max_length=8, choices=Hold.choices, blank=True, editable=False)
    marketing_held_until = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Until then no marketing template is sent: the BSP accepts none.",
    )
    account_refusals = models.PositiveIntegerField(default=0, editable=False)
    account_failures = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text="How many reports in a row say that the account was refused.",
    )
    archived_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the provider was archived."
    )

    class Meta:
        ordering = ["nickname"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="one_default_provider"
            ),
            models.CheckConstraint(
                condition=Q(max_concurrency__gte=30, max_concurrency__lte=1000),
                name="max_concurrency_30_to_1000",
            ),
            models.CheckConstraint(
                condition=Q(import_limit__gte=50, import_limit__lte=500), name="import_limit_50_to_500"
            ),
            models.CheckConstraint(condition=Q(cap_retries__lte=2), name="cap_retries_up_to_2"),
            models.CheckConstraint(
                condition=Q(rate_count__isnull=True) | Q(rate_count__gte=1), name="rate_count_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.nickname

    @classmethod
    def in_use(cls) -> models.QuerySet["Provider"]:
        """The providers that are not in the archive."""
        return cls.objects.filter(archived_at=None)

    @property
    def connector(self) -> Connector:
        return CONNECTORS[self.connector_slug]

    @property
    def quirks(self) -> Quirks:
        return load(self.stored_quirks)

    @property
    def config(self) -> Config:
        """The set-up as the connector sees it, with replaced credentials for as long as they are valid."""
        return Config(
            waba_number=self.waba_number.removeprefix("+"),
            endpoint=self.endpoint,
            credentials=self.credentials,
            options={field.name: field.default for field in self.connector.options if field.default}
            | self.options,
            previous=self.previous,
            webhook_url=self.webhook_url,
            sealed=isinstance(self.credentials, Sealed),
            now=int(timezone.now().timestamp()),
        )

    @property
    def unreadable(self) -> str:
        """A sentence about credentials that must be entered again because none of our keys can decrypt them;
        otherwise empty."""
        if isinstance(self.credentials, Sealed):
            return UNREADABLE
        if self.import_endpoint and isinstance(self.import_credentials, Sealed):
            return "The credentials of its template list cannot be decrypted. Enter them again."
        return ""

    @property
    def previous(self) -> dict[str, str]:
        """The replaced credentials that are still valid."""
        in_grace = self.previous_until is not None and self.previous_until > timezone.now()
        return self.previous_credentials if in_grace else {}

    @property
    def webhook_url(self) -> str:
        """Where the BSP is to post its webhooks; empty for a provider that is not saved yet."""
        if not self.pk:
            return ""
        mine = self.callback_tokens.all()  # which may have been loaded with the provider
        current = [each for each in mine if each.purpose == CallbackToken.Purpose.WEBHOOK]
        token = next((each.token for each in current if each.expires_at is None), "")
        return f"{settings.PUBLIC_BASE_URL}{reverse('webhook', args=[token])}" if token else ""

    @property
    def secret_values(self) -> list[str]:
        """Every credential that must not appear in a log, whichever its field."""
        plain = {field.name for field in self.connector.credentials if not field.secret}
        stored = [*self.credentials.items(), *self.previous_credentials.items()]
        ours = [value for name, value in stored if name not in plain]
        return ours + [value for name, value in self.import_credentials.items() if name != "username"]


class ApiCredential(models.Model):
    """What CleverTap must present: every header of `headers` with a value of that digest.

    Basic credentials are the header "authorization" whose value is `username:password`.
    Two may be live at once, so that a rotation loses no message.
    """

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="api_credentials")
    label = models.CharField(max_length=200, help_text="The username, or the header names.")
    headers = models.JSONField(default=dict, help_text="Lower-case header name to SHA-256 digest.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.label


class CallbackToken(models.Model):
    """The unguessable part of a callback URL. A rotated one stays valid for a grace time."""

    class Purpose(models.TextChoices):
        DELIVERY = "delivery", "Delivery Report Callback URL"
        INBOUND = "inbound", "Inbound Message Callback URL"
        WEBHOOK = "webhook", "BSP webhook URL"

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="callback_tokens")
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    token = models.CharField(max_length=64, unique=True, default=token)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "purpose"],
                condition=Q(expires_at__isnull=True),
                name="one_current_token_per_purpose",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} of {self.provider_id}"


class CallCount(models.Model):
    """How many calls of one kind there were in a minute: refused, answered too late, or a test that leaves no
    other row."""

    class What(models.TextChoices):
        LOGIN = "login", "CleverTap's login was refused"
        MALFORMED = "malformed", "CleverTap's request could not be parsed"
        LATE = "late", "CleverTap got its answer after more than a second"
        SIGNATURE = "signature", "the BSP's webhook failed its verification"
        ADDRESS = "address", "a webhook came from an address that may not call"
        UNHANDLED = "unhandled", "a webhook brought something that Waypost does not know"
        VALIDATED = "validated", "CleverTap tested the set-up with a valid login"
        CONNECTED = "connected", "the BSP accepted our credentials when the connection was checked"

    provider = models.ForeignKey(
        Provider, on_delete=models.CASCADE, related_name="call_counts", db_index=False
    )
    what = models.CharField(max_length=10, choices=What.choices)
    minute = models.DateTimeField()
    calls = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "what", "minute"], name="call_count_once")]
        indexes = [models.Index(fields=["minute"], name="call_count_minute")]

    def __str__(self) -> str:
        return f"{self.calls} {self.what} of {self.provider_id}"


class CallSample(models.Model):
    """One such call, without its secrets. The last twenty of each kind are kept."""

    provider = models.ForeignKey(
        Provider, on_delete=models.CASCADE, related_name="call_samples", db_index=False
    )
    what = models.CharField(max_length=10, choices=CallCount.What.choices)
    at = models.DateTimeField()
    address = models.CharField(max_length=45, blank=True, help_text="Who called.")
    text = models.CharField(max_length=500, blank=True, help_text="What was wrong with the call, in words.")

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["provider", "what", "-id"], name="call_sample_newest")]

    def __str__(self) -> str:
        return f"{self.what} at {to_second(self.at)}"


class AccountEvent(models.Model):
    """One thing that the BSP reported about the account: a restriction, a ban, its limits, its quality."""

    provider = models.ForeignKey(
        Provider, on_delete=models.CASCADE, related_name="account_events", db_index=False
    )
    happened_at = models.DateTimeField()
    received_at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(max_length=60)
    text = models.CharField(max_length=500, blank=True)
    effect = models.CharField(max_length=100, blank=True, help_text="What Waypost did about it.")

    class Meta:
        ordering = ["-happened_at", "-pk"]
        constraints = [
            # BSPs repeat a webhook until it is answered.
            models.UniqueConstraint(
                fields=["provider", "happened_at", "kind", "text"], name="account_event_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.provider_id}"


class Lease(models.Model):
    """Who works a queue right now. One holder at a time; an expired one may be taken over."""

    name = models.CharField(max_length=64, primary_key=True)
    holder = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField()
    state = models.TextField(blank=True, help_text="A note for the next holder, as JSON.")

    def __str__(self) -> str:
        return self.name
