"""Contacts, what they did, and what is known of their properties."""

from django.db import models
from django.db.models import Q

from audience import kept_values
from lib import phone


class Contact(models.Model):
    """One person, as CleverTap's profiles have them. Nobody is opted in by default.

    `attributes` holds values as `audience.kept_values` describes them. Several contacts may share a phone
    number.
    """

    identity = models.CharField(max_length=512)
    name = models.CharField(max_length=512, blank=True)
    email = models.CharField("e-mail", max_length=320, blank=True)
    phone = models.CharField(max_length=15, blank=True, help_text="E.164 digits, without +.")
    gender = models.CharField(max_length=1, blank=True, help_text="M or F.")
    attributes = models.JSONField(
        default=dict, blank=True, encoder=kept_values.Encoder, decoder=kept_values.Decoder
    )
    opted_in = models.BooleanField("MSG-whatsapp", default=False)
    dnd = models.BooleanField("MSG-dndWhatsApp", default=False)
    stopped = models.BooleanField(
        "stopped in WhatsApp",
        default=False,
        help_text="Chose no marketing messages in WhatsApp itself.",
    )
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["identity"], name="contact_identity")]
        indexes = [
            models.Index(fields=["phone"], name="contact_phone"),
            models.Index(fields=["email"], name="contact_email"),
            models.Index(fields=["opted_in", "dnd", "stopped", "id"], name="contact_reachable"),
        ]
        permissions = [("export_contact", "Can export contacts")]

    def __str__(self) -> str:
        return phone.masked_identity(self.identity, self.phone)

    @property
    def reachable(self) -> bool:
        return self.opted_in and not self.dnd and not self.stopped and bool(self.phone)


class ContactEvent(models.Model):
    """Something that a contact did, as the upload API said."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="events", db_index=False)
    name = models.CharField(max_length=512)
    at = models.DateTimeField()
    properties = models.JSONField(default=dict, encoder=kept_values.Encoder, decoder=kept_values.Decoder)
    digest = models.CharField(
        max_length=32, help_text="Of name and properties: an event that comes again is stored once."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "at", "digest"], name="contact_event_once")]
        indexes = [
            models.Index(fields=["name", "at", "contact"], name="contact_event_at"),
            models.Index(fields=["at"], name="contact_event_age"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.contact_id}"


class ContactDate(models.Model):
    """A date or a moment that a contact or one of its events has: broadcasts are sent before or after it.

    These rows are written with the contact or the event. A date without a time has `whole_day`, and `at` is
    the midnight of UTC with which that day begins.
    """

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="dates")
    event = models.ForeignKey(
        ContactEvent,
        on_delete=models.CASCADE,
        null=True,
        db_index=False,
        db_constraint=False,
        related_name="dates",
    )
    event_name = models.CharField(max_length=512, blank=True, help_text="Empty for an attribute.")
    name = models.CharField(max_length=120)
    at = models.DateTimeField()
    whole_day = models.BooleanField()

    class Meta:
        indexes = [
            models.Index(fields=["event_name", "name", "at"], name="contact_date_due"),
            models.Index(fields=["event"], condition=Q(event__isnull=False), name="contact_date_event"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.contact_id}"


class KnownProperty(models.Model):
    """An attribute, or a property of an event, and the type of its values.

    The first value sets the type; only an operator changes it. An event without properties is known by a
    row without a name.
    """

    class Type(models.TextChoices):
        TEXT = "text"
        NUMBER = "number"
        BOOLEAN = "boolean"
        DATE = "date"
        MOMENT = "moment", "date and time"
        LIST = "list"
        NONE = ""

    event = models.CharField(max_length=512, blank=True, help_text="Empty for a contact's attributes.")
    name = models.CharField(max_length=120, blank=True)
    type = models.CharField(max_length=7, choices=Type.choices, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "name"], name="property_once")]

    def __str__(self) -> str:
        return f"{self.event}.{self.name}" if self.event else self.name
