"""Incidents, and everything about alarms, processes and acceptance runs."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from lib.phone_hiding import hidden
from providers.encrypted_fields import EncryptedJSONField
from providers.models import Provider


class Incident(models.Model):
    """Something that an operator has to look at. It opens and closes automatically, from rows.

    `kind` is one of `operations.kinds`. `scope` names what it is about: `system`, `provider:3`,
    `outlet:5`, `template:7`, `campaign:2:1700000001`, `broadcast:4`.
    """

    class Severity(models.IntegerChoices):
        NOTICE = 1, "notice"
        WARNING = 2, "warning"
        CRITICAL = 3, "critical"

    kind = models.CharField(max_length=60)
    scope = models.CharField(max_length=200)
    subject = models.CharField(max_length=300, blank=True, help_text="What the incident is about, in words.")
    provider = models.ForeignKey(
        Provider, on_delete=models.CASCADE, null=True, blank=True, related_name="incidents"
    )
    severity = models.SmallIntegerField(choices=Severity.choices)
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="When the incident was last found.")
    ended_at = models.DateTimeField(null=True, blank=True)
    messages = models.PositiveIntegerField(
        default=0, help_text="How many messages or calls the incident concerns."
    )
    text = models.CharField(max_length=500, help_text="What is wrong, as last found.")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    silenced_until = models.DateTimeField(null=True, blank=True)
    silenced_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    silence_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-began_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "scope"], condition=Q(ended_at=None), name="one_open_incident"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("began_at")),
                name="incident_ends_after_it_began",
            ),
            models.CheckConstraint(
                condition=Q(silenced_until=None) | ~Q(silence_reason=""), name="silence_has_a_reason"
            ),
        ]
        indexes = [
            # The home page and every look: what is open, the worst first.
            models.Index(fields=["-severity", "began_at"], condition=Q(ended_at=None), name="incident_open"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {hidden(self.subject or self.scope)}"


class Sign(models.Model):
    """The last sign of life of a process that has to run. A process that ends normally deletes its sign."""

    class What(models.TextChoices):
        WORKER = "worker", "worker"
        CLOCK = "clock", "clock (Celery beat)"

    what = models.CharField(max_length=10, choices=What.choices)
    host = models.CharField(max_length=100)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["what", "host"], name="sign_once")]

    def __str__(self) -> str:
        return f"{self.what} on {self.host}"


class WaitSample(models.Model):
    """How long the oldest message that waits to be sent had waited in a minute."""

    minute = models.DateTimeField(unique=True)
    seconds = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.seconds} s at {self.minute:%Y-%m-%d %H:%M}"


class TimingCount(models.Model):
    """How many timed events took how long: a bucket of `lib.timings`, over all processes since the
    beginning."""

    what = models.CharField(max_length=10)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+", db_index=False)
    bucket = models.SmallIntegerField()
    number = models.BigIntegerField(help_text="How many.")
    seconds = models.FloatField(help_text="What they took together.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["what", "provider", "bucket"], name="timing_count_once")
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.what} of {self.provider_id}"


class Process(models.Model):
    """The last values of a running process. A process that is silent for half a minute has ended."""

    name = models.CharField(max_length=200, unique=True)
    seen_at = models.DateTimeField()
    loop_lag = models.FloatField(null=True, help_text="Seconds; the longest since it said so before.")
    pool_used = models.PositiveIntegerField(default=0)
    pool_most = models.PositiveIntegerField(default=0, help_text="0 where there is no pool.")
    pool_waiting = models.PositiveIntegerField(default=0, help_text="Those who wait for a connection.")

    class Meta:
        verbose_name_plural = "processes"

    def __str__(self) -> str:
        return self.name


class Expiry(models.Model):
    """When something from others ends: the certificate of a host."""

    name = models.CharField(max_length=255, unique=True)
    ends_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "expiries"

    def __str__(self) -> str:
        return self.name


class AuditFinding(models.Model):
    """What the last audit found of one check."""

    check_name = models.CharField(max_length=100, unique=True)
    at = models.DateTimeField()
    problems = models.PositiveIntegerField()
    examples = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"{self.problems} × {self.check_name}"


class AcceptanceRun(models.Model):
    """One run of the acceptance kit with a provider. Its row is the queue, the progress and the report."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed", "not finished"

    OPEN = (State.QUEUED, State.RUNNING)

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="acceptance_runs")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    by = models.CharField(max_length=150, blank=True, help_text="Who started it.")
    options = models.JSONField(
        default=dict, blank=True, help_text="The options of the run, such as the test number."
    )
    worker = models.CharField(max_length=32, blank=True)
    starts = models.PositiveSmallIntegerField(default=0, help_text="How often the run was started.")
    created_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(null=True, help_text="The last sign of life.")
    finished_at = models.DateTimeField(null=True)
    rows = models.JSONField(
        default=list, help_text="The rows of the report, as in operations.acceptance.rows."
    )
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider"],
                condition=Q(state__in=("queued", "running")),
                name="one_open_acceptance_run",
            )
        ]

    def __str__(self) -> str:
        return f"acceptance run {self.pk} of {self.provider}"


class Channel(models.Model):
    """Where alarms go: a chat, a mailbox, a pager, or a program of your own."""

    class How(models.TextChoices):
        APPRISE = "apprise", "a URL of apprise: mail, Slack, Teams, Telegram, Opsgenie, JSON"
        PAGERDUTY = "pagerduty", "PagerDuty, by the integration key of Events API v2"
        WEBHOOK = "webhook", "an HTTP endpoint of your own that accepts JSON"

    name = models.CharField(max_length=100, unique=True)
    how = models.CharField("kind", max_length=10, choices=How.choices, default=How.APPRISE)
    address = EncryptedJSONField(
        help_text="The URL or the key. It contains secrets, so it is never shown again."
    )
    secret = EncryptedJSONField(
        "signing secret",
        default="",
        blank=True,
        help_text="For an endpoint of your own: Waypost signs each alarm with this secret, in the header "
        "X-Waypost-Signature.",
    )
    active = models.BooleanField(default=True)
    failures = models.PositiveIntegerField(
        default=0, editable=False, help_text="How many deliveries in a row failed."
    )
    last_error = models.CharField(max_length=500, blank=True, editable=False)
    last_success_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "alarm channel"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Rule(models.Model):
    """Which incidents go to a channel, after how long, and how often again."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="rules")
    severity = models.SmallIntegerField(
        "at least",
        choices=Incident.Severity.choices,
        default=Incident.Severity.WARNING,
        help_text="Less severe incidents are not sent.",
    )
    kinds = models.JSONField(default=list, blank=True, help_text="Only these kinds. Choose none to get all.")
    provider = models.ForeignKey(
        Provider,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="alarm_rules",
        help_text="Only incidents of this provider. Empty: of all providers, and of the system.",
    )
    after_minutes = models.PositiveSmallIntegerField(
        "after minutes", default=0, help_text="An incident that ends before that is never sent."
    )
    again_hours = models.PositiveSmallIntegerField(
        "repeat after hours",
        default=0,
        help_text="Repeat until somebody acknowledges the incident. 0: send once only.",
    )
    ended = models.BooleanField("also send the end", default=True)

    def __str__(self) -> str:
        return f"rule {self.pk} of {self.channel}"


class Delivery(models.Model):
    """One message to a channel about an incident, tried until the channel accepts it, or nine times."""

    class About(models.TextChoices):
        BEGAN = "began"
        AGAIN = "again", "still so"
        ENDED = "ended"
        TEST = "test"

    class State(models.IntegerChoices):
        PENDING = 0
        SENT = 1
        FAILED = 2, "failed"

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    incident = models.ForeignKey(
        Incident, on_delete=models.CASCADE, null=True, blank=True, related_name="deliveries"
    )
    about = models.CharField(max_length=5, choices=About.choices)
    turn = models.PositiveIntegerField(default=0, help_text="The number of the repetition.")
    created_at = models.DateTimeField()
    state = models.SmallIntegerField(choices=State.choices, default=State.PENDING)
    next_attempt_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["channel", "incident", "about", "turn"], name="delivery_once")
        ]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(state=0), name="delivery_due"),
        ]

    def __str__(self) -> str:
        return f"{self.about} to {self.channel}"
