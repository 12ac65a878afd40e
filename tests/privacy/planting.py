"""One number in every column of every table, found by reading the models, and where it still is."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connection, models
from django.utils import timezone

from callbacks.models import Media
from privacy import register
from providers.models import Provider
from tests.factories import make_provider

STRANGER = "14155550123"
# What tells whose a row is. The others of its columns may name somebody else.
WHOSE = {
    "audience.Contact": ("identity", "phone"),
    "audience.OptChange": ("phone", "user_id"),
    "audience.PhoneChoice": ("phone",),
    "audience.Subscription": ("phone",),
    "broadcasts.Recipient": ("phone",),
    "callbacks.Reply": ("sender", "user_id"),
    "campaigns.Message": ("to", "to_raw"),
    "campaigns.Refusal": ("to_raw",),
    "identities.Alias": ("name",),
    "identities.Person": ("phone",),
}
# So that constraints hold, and nothing is still in use.
VALUES: dict[str, dict[str, Any]] = {
    "audience.Subscription": {"state": 2},
    "audience.Upload": {"state": "failed", "encoding": "utf-8", "delimiter": ","},
    "broadcasts.Broadcast": {"state": "done"},
    "callbacks.Reply": {"forward": 2},
    "callbacks.Webhook": {"state": 3},
    "campaigns.Event": {"forward": 2},
    "campaigns.Message": {"status": 70},
    "campaigns.StatScope": {"level": 4},
    "privacy.Erasure": {"state": "done", "next_step_at": None},
    "privacy.Hold": {"provider": None, "campaign": "of somebody else", "number": ""},
    "stats.Report": {"state": "failed", "encoding": "utf-8", "delimiter": ","},
}


def plant(spelling: str, digits: str, *, whose: str) -> dict[type[models.Model], models.Model]:
    """A row of every table that is looked through, with the spelling in every column that holds it. `whose`
    is in the columns that tell whose the row is."""
    planted: dict[type[models.Model], models.Model] = {}
    for model in register.tables():
        if model._meta.label in register.LOOKED_THROUGH:
            _planted(model, spelling, digits, whose, planted)
    return planted


def _planted(
    model: type[models.Model], spelling: str, digits: str, whose: str, planted: dict[Any, models.Model]
) -> models.Model:
    if model in planted:
        return planted[model]
    if model is Provider:
        planted[model] = make_provider()
        return planted[model]
    values: dict[str, Any] = {}
    fixed = VALUES.get(model._meta.label, {})
    for field in model._meta.concrete_fields:
        if field.primary_key or field.generated or field.name in fixed:
            continue
        if isinstance(field, models.ForeignKey) and field.null and _is_nobodys(field.related_model):
            continue
        if isinstance(field, models.ForeignKey):
            values[field.name] = _planted(field.related_model, spelling, digits, whose, planted)
        elif isinstance(field, models.FileField):
            # Nobody looks into the pictures of others.
            text = whose if model is Media else spelling
            content = f"identity,phone\n1,{text}\n2,{STRANGER}\n"
            values[field.name] = ContentFile(content.encode(), "x.csv")
        elif field in register.columns(model) and not _is_nobodys(model):
            theirs = field.name in WHOSE.get(model._meta.label, ())
            values[field.name] = whose if theirs else _holding(field, spelling, digits)
        elif field.choices:
            values[field.name] = field.choices[0][0]
        elif not field.has_default() and not field.null:
            values[field.name] = _anything(field)
    row = model(**(values | fixed))
    row.save(force_insert=True)
    planted[model] = row
    return row


def _is_nobodys(model: Any) -> bool:
    return model._meta.label in register.NOBODYS and model is not Provider


def _holding(field: Any, text: str, digits: str) -> Any:
    if isinstance(field, models.JSONField):
        return {text: [text, {"in": f"to {text}!"}], "number": int(digits), "plain": 7}
    if isinstance(field, models.BinaryField):
        return f'{{"from": "{text}"}}'.encode() + b"\xff"
    longest = field.max_length or 1000
    for candidate in (f"to {text}!", text, digits, digits[-10:]):
        if len(candidate) <= longest and not (longest < 50 and candidate.startswith("to ")):
            return candidate
    return ""


def _anything(field: Any) -> Any:
    now = timezone.now() - timedelta(minutes=1)
    if isinstance(field, models.DateTimeField):
        return now
    if isinstance(field, models.DateField):
        return now.date()
    if isinstance(field, models.TimeField):
        return now.time()
    if isinstance(field, models.BooleanField):
        return False
    return 1 if isinstance(field, models.IntegerField | models.FloatField) else ""


def traces(trace: "re.Pattern[str]") -> Iterator[str]:
    """Every column of every table, and every file under DATA_DIR or of the database, that the pattern finds
    something in."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [each[0] for each in cursor.description]
            for row in cursor.fetchall():
                for name, value in zip(names, row, strict=True):
                    text = (
                        bytes(value).decode("latin-1")
                        if isinstance(value, bytes | memoryview)
                        else str(value)
                    )
                    if trace.search(text):
                        yield f"{table}.{name}: {text[:80]}"
    files = [path for path in Path(settings.DATA_DIR).rglob("*") if path.is_file()]
    if connection.vendor == "sqlite":
        database = Path(connection.settings_dict["NAME"])
        files += database.parent.glob(f"{database.name}*")
    for path in files:
        if trace.search(path.read_bytes().decode("latin-1")):
            yield str(path)


def labels() -> set[str]:
    return {each._meta.label for each in apps.get_models(include_auto_created=True) if each._meta.managed}
