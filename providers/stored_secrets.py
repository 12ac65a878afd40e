"""Every stored secret: where there are some, and which of them no key of ours opens."""

from collections.abc import Iterator
from typing import NamedTuple

from django.apps import apps
from django.db import models

from accounts import factors
from providers.encrypted_fields import EncryptedJSONField, Sealed


class Unreadable(NamedTuple):
    """A secret that no key opens: `providers.Provider 3 (acme), credentials`."""

    label: str
    key: str
    name: str
    field: str

    def __str__(self) -> str:
        return f"{self.label} {self.key} ({self.name}), {self.field}"


def fields() -> dict[type[models.Model], list[str]]:
    """The encrypted fields of each model that has some."""
    found = {
        model: [each.name for each in model._meta.concrete_fields if isinstance(each, EncryptedJSONField)]
        for model in apps.get_models()
    }
    return {model: names for model, names in found.items() if names}


def unreadable() -> Iterator[Unreadable]:
    """Tries every stored secret."""
    for model, names in fields().items():
        for row in model._default_manager.order_by("pk"):
            for name in names:
                if isinstance(getattr(row, name), Sealed):
                    yield Unreadable(model._meta.label, str(row.pk), str(row), name)
    for pk, user in factors.unreadable():
        yield Unreadable("mfa.Authenticator", str(pk), str(user), "second factor")
