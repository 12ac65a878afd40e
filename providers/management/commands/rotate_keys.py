from argparse import ArgumentParser
from collections import Counter
from typing import Any

import msgspec
from django.core.management.base import CommandError
from django.db import models, transaction
from django.db.models.functions import Cast

from accounts import factors, trail
from accounts.trail import What
from lib import keys
from lib.commands import BaseCommand
from lib.crypto import NO_KEY, KeyRing, Undecryptable
from providers import stored_secrets


class Command(BaseCommand):
    help = (
        "Encrypts every stored secret with the first of FIELD_ENCRYPTION_KEYS. Then the other "
        "keys can be removed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--batch-size",
            type=int,
            default=200,
            metavar="ROWS",
            help="How many rows to encrypt in one transaction.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not keys.keys():
            raise CommandError(NO_KEY)
        newest = KeyRing(keys.keys()[:1])
        lost: list[str] = []
        encrypted = stored_secrets.fields()
        for model, name in ((model, name) for model, names in encrypted.items() for name in names):
            counts = _rotate(model, name, newest, options["batch_size"], lost)
            self.stdout.write(
                f"{model._meta.label}.{name}: {counts['rotated']} encrypted anew, "
                f"{counts['current']} already with the newest key, {counts['lost']} unreadable"
            )
        count, unreadable = factors.encrypt_anew(newest, keys.ring())
        self.stdout.write(
            f"Second factors: {count} encrypted with the newest key, {len(unreadable)} unreadable"
        )
        lost += unreadable
        trail.note(
            None, What.CHANGED, "encryption keys", text=f"Secrets encrypted anew, {len(lost)} unreadable"
        )
        if lost:
            raise CommandError(
                "None of FIELD_ENCRYPTION_KEYS can decrypt these:\n  "
                + "\n  ".join(lost)
                + "\nPut the key they were stored with at the end of that setting and run this again, "
                "or enter their secrets anew."
            )


def _rotate(
    model: type[models.Model], name: str, newest: KeyRing, batch_size: int, lost: list[str]
) -> Counter[str]:
    """One field of one model, in batches that are each locked while they are rewritten."""
    counts: Counter[str] = Counter()
    # As text: whether it is encrypted with the newest key shows only there.
    stored = model._default_manager.annotate(stored=Cast(name, models.TextField())).order_by("pk")
    last = None
    while True:
        rest = stored if last is None else stored.filter(pk__gt=last)
        with transaction.atomic():
            rows = list(rest.select_for_update().values_list("pk", "stored", named=True)[:batch_size])
            for row in rows:
                outcome = _rewrite(model, name, row.pk, row.stored, newest)
                counts[outcome] += 1
                if outcome == "lost":
                    called = str(model._default_manager.get(pk=row.pk))
                    lost.append(str(stored_secrets.Unreadable(model._meta.label, str(row.pk), called, name)))
        if not rows:
            return counts
        last = rows[-1].pk


def _rewrite(model: type[models.Model], name: str, pk: Any, text: str | None, newest: KeyRing) -> str:
    if text is None or newest.opens(text):
        return "current"
    try:
        value = msgspec.json.decode(keys.ring().decrypt(text))
    except Undecryptable:
        return "lost"
    model._default_manager.filter(pk=pk).update(**{name: value})
    return "rotated"
