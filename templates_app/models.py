"""What may be sent: the BSP-approved templates of a provider."""

from django.db import models

from providers.models import Provider


class Template(models.Model):
    """One template in one language, its components kept as Meta's grammar has them."""

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

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="templates")
    name = models.CharField(max_length=512)
    language = models.CharField(max_length=16)
    category = models.CharField(max_length=20, choices=Category.choices, default=Category.MARKETING)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.APPROVED)
    parameter_format = models.CharField(max_length=12, default="POSITIONAL")
    components = models.JSONField(default=list)
    bsp_id = models.CharField("id at the BSP", max_length=64, blank=True)
    quality = models.CharField(max_length=20, blank=True)
    details = models.JSONField(
        default=dict, blank=True, editable=False, help_text="What the BSP's connector needs to send it."
    )
    vanished_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When an import no longer found it at the BSP."
    )
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

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"
