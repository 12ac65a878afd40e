"""Everything about one person as a ZIP: each table as JSON and as CSV, and the media that they sent."""

import base64
import json
import mimetypes
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import IO, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from callbacks.models import ForwardCall, Media, Webhook
from lib.sheets import write_csv
from privacy import finding
from privacy.finding import Person
from providers.encrypted_fields import EncryptedJSONField

ELSEWHERE = (
    "The rows in this folder only name the person. They belong to others too: a raw webhook may be "
    "about many\n"
    "people, and an entry of the trail about whoever made it. Read them, and take out what is somebody\n"
    "else's, before you hand them to anybody.\n"
)


def write(who: Person, to: IO[bytes], now: datetime, *, everywhere: bool) -> dict[str, int]:
    """Writes the ZIP. `everywhere` adds the rows that only name the person, such as raw webhooks, for which
    every table is read. Returns how many rows of which table."""
    numbers: dict[str, int] = {}
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for model, rows in finding.rows(who).items():
            numbers[model._meta.label] = _add(archive, "", model, list(rows.values_list("pk", flat=True)))
        for media in finding.rows(who)[Media].exclude(file=""):
            _add_file(archive, media)
        if everywhere:
            archive.writestr("elsewhere/README.txt", ELSEWHERE)
            others: dict[type[models.Model], list[int]] = defaultdict(list)
            for model, keys in finding.elsewhere(who):
                others[model] += keys
            for model, keys in others.items():
                label = f"elsewhere/{model._meta.label}"
                numbers[label] = _add(archive, "elsewhere/", model, keys)
        found = {label: number for label, number in numbers.items() if number}
        about = {"names": who.names, "identities": who.identities, "at": now, "everywhere": everywhere}
        archive.writestr("about.json", _json(about | {"rows": found}))
    return found


def _add(archive: zipfile.ZipFile, folder: str, model: type[models.Model], keys: Sequence[int]) -> int:
    """The rows as two files. Returns how many they were."""
    if not keys:
        return 0
    name = folder + model._meta.label_lower
    rows = [dict(_values(row)) for row in model._base_manager.filter(pk__in=keys).order_by("pk")]
    archive.writestr(f"{name}.json", _json(rows))
    cells = ([_cell(value) for value in row.values()] for row in rows)
    archive.writestr(f"{name}.csv", "".join(write_csv([list(rows[0]), *cells])))
    return len(rows)


# They are secrets of URLs, and say nothing about the person.
_SECRET = {(Webhook, "url"), (Webhook, "headers"), (ForwardCall, "url")}


def _values(row: models.Model) -> Iterator[tuple[str, Any]]:
    for column in row._meta.concrete_fields:
        if isinstance(column, EncryptedJSONField) or (type(row), column.name) in _SECRET:
            continue
        value = getattr(row, column.attname)
        if isinstance(value, bytes | memoryview):
            value = _text(bytes(value))
        elif isinstance(column, models.FileField):
            value = str(value)
        yield column.attname, value


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(body).decode()


def _cell(value: Any) -> Any:
    if isinstance(value, Mapping | list | tuple):
        return _json(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)


def _named(media: Media) -> str:
    """The name, with an extension so that the reader of the export can open the file."""
    path = PurePath(str(media.file))
    return path.name if path.suffix else path.name + (mimetypes.guess_extension(_type(media)) or ".bin")


def _type(media: Media) -> str:
    return media.content_type.partition(";")[0].strip().lower()


def _add_file(archive: zipfile.ZipFile, media: Media) -> None:
    try:
        with media.file.open("rb") as file:
            archive.writestr(f"media/{_named(media)}", file.read())
    except FileNotFoundError:
        archive.writestr(f"media/{media.pk}.missing.txt", "The file is no longer there.")
