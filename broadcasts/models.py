"""Broadcasts, campaigns that Waypost itself sends: to whom, what, when, and the result for each person."""

from zoneinfo import ZoneInfo

import msgspec
from django.db import models
from django.db.models import Q

from audience.models import Contact, ContactEvent
from broadcasts import contact_filters
from broadcasts.contact_filters import Filter
from campaigns.models import Message
from lib import phone
from lib.phone_sql import Person
from providers.models import Provider

CODE = "wp-"  # before a broadcast's number: its campaign id in msgId, unlike any of CleverTap's


class Segment(models.Model):
    """A saved filter. Who is in it is asked anew each time."""

    name = models.CharField(max_length=120, unique=True)
    filter = models.JSONField(default=dict, blank=True, help_text="As broadcasts.contact_filters reads it.")
    by = models.CharField(max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def words(self) -> str:
        return contact_filters.describe(contact_filters.read(self.filter))


class Variant(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of a broadcast: a template by name and language, and a text for each slot."""

    name: str
    percent: int
    template: str
    language: str
    values: dict[str, str] = {}


class Broadcast(models.Model):
    """One campaign that Waypost itself sends.

    Every person in its audience has a Recipient, made before anything is sent. The counters say how many
    recipients are in which state; they change in the transaction that changes the rows.
    """

    class Kind(models.TextChoices):
        """CleverTap's types of WhatsApp campaigns."""

        ONE_TIME = "one_time", "One time"
        ACTION = "action", "Single action"
        INACTION = "inaction", "Inaction within time"
        DATE = "date", "On a date/time"

    class State(models.TextChoices):
        DRAFT = "draft"
        SCHEDULED = "scheduled"
        RUNNING = "running"
        PAUSED = "paused"
        DONE = "done"
        CANCELLED = "cancelled"

    class Who(models.TextChoices):
        EVERYBODY = "everybody", "Everybody"
        SEGMENT = "segment", "A saved segment"
        FILTER = "filter", "Those I choose here"
        LIST = "list", "An uploaded list"

    class Unit(models.TextChoices):
        HOURS = "hours"
        DAYS = "days"

    class DateFormat(models.TextChoices):
        """How its messages write dates: see broadcasts.message.values.FORMATS."""

        ISO = "iso", "2026-12-05"
        DMY = "dmy", "05/12/2026 (day first)"
        MDY = "mdy", "12/05/2026 (month first)"
        DOTS = "dots", "05.12.2026"
        LONG = "long", "5 December 2026"
        US = "us", "December 5, 2026"

    name = models.CharField(max_length=120)
    kind = models.CharField("type", max_length=10, choices=Kind.choices, default=Kind.ONE_TIME)
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="broadcasts")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT, editable=False)
    reason = models.CharField(max_length=500, blank=True, editable=False)

    # What triggers a message
    event_name = models.CharField("event", max_length=512, blank=True)
    event_where = models.JSONField(default=list, blank=True)
    without = models.CharField("and not the event", max_length=512, blank=True)
    wait_minutes = models.PositiveIntegerField("minutes", default=0)
    date_name = models.CharField("date", max_length=120, blank=True)
    offset = models.IntegerField(default=0, help_text="In minutes; negative: before the date.")
    offset_unit = models.CharField(max_length=5, choices=Unit.choices, default=Unit.DAYS)
    at_time = models.TimeField("at the time", null=True, blank=True)

    # Whom it is for
    who = models.CharField(max_length=10, choices=Who.choices, default=Who.EVERYBODY)
    segment = models.ForeignKey(Segment, on_delete=models.PROTECT, null=True, blank=True)
    filter = models.JSONField(default=dict, blank=True)
    list_name = models.CharField(max_length=255, blank=True, editable=False)
    list_unknown = models.PositiveIntegerField(default=0, editable=False)

    # What is sent, and how
    variants = models.JSONField(default=list, blank=True)
    date_format = models.CharField(max_length=4, choices=DateFormat.choices, default=DateFormat.ISO)
    control_percent = models.PositiveSmallIntegerField("control group", default=0)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    zone = models.CharField("time zone", max_length=64, default="UTC")
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_to = models.TimeField(null=True, blank=True)
    throttle = models.PositiveIntegerField("messages per 5 minutes", null=True, blank=True)
    cap_count = models.PositiveSmallIntegerField("messages to a person", null=True, blank=True)
    cap_days = models.PositiveSmallIntegerField("in days", null=True, blank=True)
    error_percent = models.PositiveSmallIntegerField("error threshold", null=True, blank=True, default=20)
    reported = models.BooleanField("report its messages to CleverTap", default=False)

    by = models.CharField(max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    # Where the worker is
    next_step_at = models.DateTimeField(
        null=True, editable=False, help_text="When the worker takes its next step; empty: never."
    )
    gathered = models.BooleanField(default=False, editable=False)
    planned_to = models.BigIntegerField(default=0, editable=False, help_text="The last contact planned.")
    planned = models.BooleanField(default=False, editable=False)
    looked = models.JSONField(default=dict, editable=False, help_text="See broadcasts.run.enrolment.")
    window = models.JSONField(default=list, editable=False, help_text="What the throttle counts.")
    errors_before = models.IntegerField(
        default=0, editable=False, help_text="Failures up to here no longer count for the error threshold."
    )
    queued_before = models.IntegerField(default=0, editable=False)

    recipients = models.IntegerField(default=0, editable=False)
    waiting = models.IntegerField(default=0, editable=False)
    queued = models.IntegerField(default=0, editable=False)
    control = models.IntegerField(default=0, editable=False)
    excluded = models.IntegerField(default=0, editable=False)
    cancelled = models.IntegerField(default=0, editable=False)
    excluded_for = models.JSONField(default=dict, editable=False, help_text="How many for which reason.")
    numbers_hidden = models.BooleanField(
        default=False,
        editable=False,
        help_text="Whether its recipients' numbers became keyed hashes because of their age.",
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    recipients=models.F("waiting")
                    + models.F("queued")
                    + models.F("control")
                    + models.F("excluded")
                    + models.F("cancelled")
                ),
                name="broadcast_adds_up",
            )
        ]
        indexes = [models.Index(fields=["next_step_at"], name="broadcast_next_step")]

    def __str__(self) -> str:
        return self.name

    @property
    def code(self) -> str:
        """Its campaign id, as msgId carries it and stats know it."""
        return f"{CODE}{self.pk}"

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @property
    def triggered(self) -> bool:
        """Whether it waits for something to happen, instead of having its recipients from the start."""
        return self.kind != self.Kind.ONE_TIME

    @property
    def messages(self) -> list[Variant]:
        return msgspec.convert(self.variants, list[Variant])

    @property
    def meant(self) -> Filter:
        """The filter that says whom it is for. A list has no filter."""
        if self.who == self.Who.SEGMENT and self.segment is not None:
            return contact_filters.read(self.segment.filter)
        return contact_filters.read(self.filter) if self.who == self.Who.FILTER else contact_filters.EVERYBODY

    @property
    def conditions(self) -> tuple[contact_filters.Comparison, ...]:
        """Conditions on the event's properties."""
        return contact_filters.read_comparisons(self.event_where)


class Listed(models.Model):
    """A contact in a broadcast's audience: from its uploaded list, or gathered while it is planned."""

    broadcast = models.ForeignKey(Broadcast, on_delete=models.CASCADE, related_name="listed", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="listed")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["broadcast", "contact"], name="listed_once")]

    def __str__(self) -> str:
        return f"{self.contact_id} for {self.broadcast_id}"


class Recipient(models.Model):
    """One person and one broadcast (and one trigger): what was to be sent and what became of it."""

    class State(models.IntegerChoices):
        WAITING = 1
        QUEUED = 2, "queued for sending"
        CONTROL = 3, "control group"
        EXCLUDED = 4
        CANCELLED = 5

    class Reason(models.TextChoices):
        """Why a person gets no message; the first six are known before anything is sent."""

        NO_PHONE = "no_phone", "no phone number"
        NOT_OPTED_IN = "not_opted_in", "not opted in"
        DND = "dnd", "do not disturb is set"
        WHATSAPP = "whatsapp", "stopped marketing messages in WhatsApp"
        SAME_NUMBER = "same_number", "another recipient has the same number"
        CAPPED = "capped", "reached the frequency cap"
        VALUE = "value", "a value for the template is not known"
        ACTED = "acted", "did the other event in time"
        TOLD = "told", "already got the message for this event"
        LATE = "late", "too late to send"
        REFUSED = "refused", "the message cannot be sent"
        CHANGED = "changed", "has another number now"
        GONE = "gone", "the contact was deleted"
        STOPPED = "stopped", "the broadcast was cancelled"
        NONE = "", "–"

    broadcast = models.ForeignKey(Broadcast, on_delete=models.CASCADE, related_name="rows", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.SET_NULL, null=True, db_index=False)
    trigger = models.CharField(
        max_length=40, blank=True, help_text="The event that triggered it; empty for the type “One time”."
    )
    event = models.ForeignKey(
        ContactEvent, on_delete=models.SET_NULL, null=True, db_index=False, db_constraint=False
    )
    phone = models.CharField(max_length=15, blank=True)
    person = models.GeneratedField(
        expression=Person("phone"), output_field=models.CharField(max_length=20), db_persist=True
    )
    variant = models.CharField(max_length=8, blank=True)
    state = models.SmallIntegerField(choices=State.choices)
    reason = models.CharField(max_length=14, choices=Reason.choices, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    since = models.DateTimeField(help_text="Planned, or when the event or date was.")
    due_at = models.DateTimeField(help_text="Not to be sent before.")
    planned_at = models.DateTimeField()
    decided_at = models.DateTimeField(
        null=True,
        help_text="When the message was queued for sending, or the person put into the control group.",
    )
    message = models.ForeignKey(
        Message, on_delete=models.SET_NULL, null=True, db_index=False, db_constraint=False
    )

    class Meta:
        constraints = [
            # The contact comes first: deleting a contact looks for its recipients.
            models.UniqueConstraint(fields=["contact", "broadcast", "trigger"], name="recipient_once"),
            models.UniqueConstraint(
                fields=["broadcast", "trigger", "person"],
                condition=Q(state__in=(1, 2)),
                name="recipient_once_a_number",
            ),
        ]
        indexes = [
            # releasing: who is next.
            models.Index(fields=["broadcast", "due_at", "id"], condition=Q(state=1), name="recipient_due"),
            # The list's filters, newest first (lib.listing).
            models.Index(fields=["broadcast", "state", "reason", "id"], name="recipient_listed"),
            models.Index(fields=["message"], condition=Q(message__isnull=False), name="recipient_message"),
            models.Index(fields=["event"], condition=Q(event__isnull=False), name="recipient_event"),
            # privacy.finding: the rows of a person who was sent nothing.
            models.Index(fields=["person"], condition=Q(message=None), name="recipient_unsent"),
        ]

    def __str__(self) -> str:
        return f"{phone.masked(self.phone) or self.contact_id} of {self.broadcast_id}"

    @property
    def msg_id(self) -> str:
        """The msgId of the recipient's message: the same however often the step is repeated."""
        return f"wp|{CODE}{self.broadcast_id}|{self.planned_at:%Y%m%d}|{self.pk}|{self.variant}"
