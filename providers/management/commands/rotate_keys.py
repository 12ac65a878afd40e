from argparse import ArgumentParser
from collections import Counter
from typing import Any

import msgspec
from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction
from django.db.models.functions import Cast

from lib.crypto import KeyRing, Undecryptable
from providers.fields import EncryptedJSONField, key_ring


class Command(BaseCommand):
    help = "Encrypts every stored secret with the first of FIELD_ENCRYPTION_KEYS, so that the others can go."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch-size", type=int, default=200, metavar="ROWS")

    def handle(self, *args: Any, **options: Any) -> None:
        newest = KeyRing(settings.FIELD_ENCRYPTION_KEYS[:1])
        lost: list[str] = []
        for model, name in _encrypted_fields():
            counts = _rotate(model, name, newest, options["batch_size"], lost)
            self.stdout.write(
                f"{model._meta.label}.{name}: {counts['rotated']} encrypted anew, "
                f"{counts['current']} already with the newest key, {counts['lost']} unreadable"
            )
        if lost:
            raise CommandError(
                "These open with none of FIELD_ENCRYPTION_KEYS:\n  "
                + "\n  ".join(lost)
                + "\nPut the key they were stored with at the end of that setting and run this again, "
                "or enter their secrets anew."
            )


def _encrypted_fields() -> list[tuple[type[models.Model], str]]:
    return [
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, EncryptedJSONField)
    ]


def _rotate(
    model: type[models.Model], name: str, newest: KeyRing, batch_size: int, lost: list[str]
) -> Counter[str]:
    """One field of one model, in batches that are each locked while they are rewritten."""
    counts: Counter[str] = Counter()
    # As text: reading it as the field would fail on the first row that no key opens.
    stored = model._default_manager.annotate(stored=Cast(name, models.TextField())).order_by("pk")
    last = None
    while True:
        rest = stored if last is None else stored.filter(pk__gt=last)
        with transaction.atomic():
            rows = list(rest.select_for_update().values_list("pk", "stored")[:batch_size])
            for pk, text in rows:
                outcome = _rewrite(model, name, pk, text, newest)
                counts[outcome] += 1
                if outcome == "lost":
                    lost.append(f"{model._meta.label} {pk} ({_named(model, pk)}), {name}")
        if not rows:
            return counts
        last = rows[-1][0]


def _rewrite(model: type[models.Model], name: str, pk: Any, text: str | None, newest: KeyRing) -> str:
    if text is None or _opens(newest, text):
        return "current"
    try:
        value = msgspec.json.decode(key_ring().decrypt(text))
    except Undecryptable:
        return "lost"
    model._default_manager.filter(pk=pk).update(**{name: value})
    return "rotated"


def _opens(ring: KeyRing, text: str) -> bool:
    try:
        ring.decrypt(text)
    except Undecryptable:
        return False
    return True


def _named(model: type[models.Model], pk: Any) -> str:
    """What the row is called, without reading its secrets."""
    secret = [field.name for field in model._meta.concrete_fields if isinstance(field, EncryptedJSONField)]
    return str(model._default_manager.defer(*secret).get(pk=pk))
