"""Up to when a provider's messages and recipients are gone."""

from django.db import models

from providers.models import Provider


class Horizon(models.Model):
    """Messages of the provider that were accepted up to this moment may be gone, and recipients of broadcasts
    that ended up to it. Counts stay."""

    provider = models.OneToOneField(Provider, on_delete=models.CASCADE)
    gone_to = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.provider_id}: {self.gone_to:%Y-%m-%d %H:%M}"
