"""What may be sent: the templates of a provider, what happened to them, and how they were imported."""

from django.db import models
from django.db.models import Q

from providers.messages import Registered
from providers.models import Provider
from templates_app.content import components


class Template(models.Model):
    """One template in one language, its components kept as Meta's grammar has them.

    `components` is what counts here: as imported, or as an operator wrote it. `imported` is what
    the last import found, so that an edit by hand is neither lost nor mistaken for the BSP's word.
    """

    class Status(models.TextChoices):
        APPROVED = "APPROVED"
        PENDING = "PENDING"
        REJECTED = "REJECTED"
        PAUSED = "PAUSED"
        DISABLED = "DISABLED"

    class Category(models.TextChoices):
        MARKETING = "MARKETING"
        UTILITY = "UTILITY"
        AUTHENTICATION = "AUTHENTICATION"

    class Format(models.TextChoices):
        POSITIONAL = "POSITIONAL"
        NAMED = "NAMED"

    STOPPED = (Status.PAUSED, Status.DISABLED, Status.REJECTED)

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="templates")
    name = models.CharField(max_length=512)
    language = models.CharField(max_length=16)
    category = models.CharField(max_length=20, choices=Category.choices, default=Category.MARKETING)
    previous_category = models.CharField(max_length=20, blank=True, editable=False)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.APPROVED)
    status_reason = models.CharField(max_length=500, blank=True, editable=False)
    quality = models.CharField(max_length=20, blank=True, editable=False)
    parameter_format = models.CharField(max_length=12, choices=Format.choices, default=Format.POSITIONAL)
    ttl_seconds = models.IntegerField(
        "time to live", null=True, blank=True, help_text="Seconds after which Meta gives up delivering."
    )
    components = models.JSONField(default=list)
    imported = models.JSONField(null=True, blank=True, editable=False)
    tracked = models.JSONField(
        "tracked buttons",
        default=list,
        blank=True,
        help_text="Paths of URL buttons (button.0, card.1.button.0) that get a short link a message.",
    )
    unsupported = models.CharField(
        max_length=200,
        blank=True,
        editable=False,
        help_text="What CleverTap cannot use in it.",
    )
    bsp_id = models.CharField("id at the BSP", max_length=64, blank=True)
    details = models.JSONField(
        default=dict, blank=True, editable=False, help_text="What the BSP's connector needs to send it."
    )
    extra = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="The keys of the BSP's listing that have no field here, such as optimization_spec.",
    )
    vanished_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When an import no longer found it at the BSP."
    )
    stale_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Since when its content at the BSP may be another."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name", "language"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "name", "language"],
                name="template_once_per_language",
                violation_error_message="This provider already has a template of that name and language.",
            )
        ]
        indexes = [
            # `imports.renewal`: the templates that wait for an import.
            models.Index(fields=["provider"], condition=Q(stale_since__isnull=False), name="template_stale")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"

    @property
    def kind(self) -> str:
        return components.kind_of(self.components)

    @property
    def edited(self) -> bool:
        """Whether the components differ from what the BSP lists."""
        return self.imported is not None and self.imported != self.components

    @property
    def registered(self) -> Registered:
        return Registered(self.bsp_id, tuple(self.components), self.details, self.category)


class TemplateChange(models.Model):
    """One entry of a template's timeline."""

    class Kind(models.TextChoices):
        CREATED = "created"
        STATUS = "status"
        CATEGORY = "category"
        QUALITY = "quality"
        CONTENT = "content"
        VANISHED = "vanished"
        RETURNED = "returned"

    class Source(models.TextChoices):
        IMPORT = "import"
        WEBHOOK = "webhook"
        ANSWER = "answer"
        PERSON = "person"

    template = models.ForeignKey(Template, on_delete=models.CASCADE, related_name="changes")
    at = models.DateTimeField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    source = models.CharField(max_length=10, choices=Source.choices)
    by = models.CharField(max_length=150, blank=True, help_text="Who, when a person did it.")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.CharField(max_length=500, blank=True)
    run = models.ForeignKey("ImportRun", on_delete=models.SET_NULL, null=True, related_name="changes")

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["template", "-at"], name="template_change_at")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.template_id}"


class ImportRun(models.Model):
    """One import, from the click, the clock or a webhook to its report.

    One that has a name takes over the templates of that name alone, in all their languages.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    OPEN = (State.QUEUED, State.RUNNING)

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="import_runs")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    name = models.CharField(
        "only the template", max_length=512, blank=True, help_text="Empty: the whole list is imported."
    )
    by = models.CharField(max_length=150, blank=True, help_text="Who asked for it; empty: the schedule.")
    allow_empty = models.BooleanField(default=False, help_text="An empty list is imported.")
    allow_vanishing = models.BooleanField(
        default=False, help_text="The list is imported, however many templates vanish with it."
    )
    cancel = models.BooleanField(default=False)
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True, help_text="The last sign of life.")
    finished_at = models.DateTimeField(null=True)
    pages = models.PositiveIntegerField(default=0)
    templates = models.PositiveIntegerField(default=0)
    report = models.JSONField(default=dict)
    error = models.CharField(max_length=1000, blank=True)

    class Meta:
        verbose_name = "template import"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "name"],
                condition=Q(state__in=("queued", "running")),
                name="one_open_import",
            )
        ]
        indexes = [models.Index(fields=["provider", "-id"], name="import_run_newest")]

    def __str__(self) -> str:
        return f"import {self.pk} of {self.provider}"


class SeenTemplate(models.Model):
    """A template CleverTap used that is not registered here."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="seen_templates")
    name = models.CharField(max_length=512)
    language = models.CharField(max_length=16)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    sample = models.JSONField(default=dict, help_text="The content of one use, as providers.messages has it.")

    class Meta:
        ordering = ["-last_seen_at"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "name", "language"], name="seen_template_once")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"
