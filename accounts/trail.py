"""The trail: who did or saw what. It is written where the thing is done, in the same transaction."""

import getpass
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model
from django.db.models.query import QuerySet
from django.forms import BaseForm
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Entry, Token
from lib import addresses, display, phone_masking, redact, sql
from lib.postgres import parts
from lib.sheets import Row

What = Entry.What
# One JSON object a line, where TRAIL_LOG says so. Its handler is in the settings.
_lines = logging.getLogger("waypost.trail")

LONGEST = 300  # characters of a value that are kept
LOOKS_AGAIN = timedelta(
    minutes=10
)  # seconds; pages refresh themselves, and further looks are not noted again
_LONGEST = {"who": 150, "by": 100, "address": 45, "kind": 64, "key": 64, "name": 200}  # as the columns are


def note(request: HttpRequest | None, what: What, about: Model | str = "", **details: Any) -> None:
    """Adds an entry about a row, or whatever `about` names. Without a request the command line did it."""
    now = timezone.now()
    entry = Entry(at=now, what=what, details={name: _plain(each) for name, each in details.items()})
    if request is None:
        entry.by = f"command line of {getpass.getuser()}"[:100]
    else:
        _sign(entry, request)
    if isinstance(about, Model):
        entry.kind, entry.key, entry.name = about._meta.label_lower, str(about.pk), str(about)[:200]
    else:
        entry.name = about[:200]
    entry.save(force_insert=True)
    # Only what was really done is noted.
    transaction.on_commit(lambda: _lines.info(line(entry)))


def _sign(entry: Entry, request: HttpRequest) -> None:
    user = getattr(request, "user", None)
    if isinstance(user, User):
        entry.who_id, entry.who = user.pk, user.get_username()
    token = getattr(request, "auth", None)
    if isinstance(token, Token):
        entry.by = f"token {token.pk}"
    entry.address = addresses.caller(request.META)


def _plain(value: Any) -> Any:
    """As JSON can hold it, and not too long. PostgreSQL takes a null character in no text."""
    if isinstance(value, dict):
        return {_plain(str(name)): _plain(each) for name, each in value.items()}
    if isinstance(value, QuerySet | list | tuple | set):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, bool | int):
        return value
    return str(value)[:LONGEST].replace("\0", "\N{REPLACEMENT CHARACTER}")


def line(entry: Entry) -> str:
    """The entry as one line of JSON."""
    names = ("at", "who", "who_id", "by", "address", "what", "kind", "key", "name", "details")
    told = {name: getattr(entry, name) for name in names}
    return msgspec.json.encode(
        {name: each for name, each in told.items() if each not in ("", None, {})}
    ).decode()


def changes(form: BaseForm) -> dict[str, Any]:
    """Old and new values of the fields that a form changed. Of secrets only that they changed."""
    found: dict[str, Any] = {}
    for name in form.changed_data:
        hidden = getattr(form.fields[name].widget, "input_type", "") == "password"
        if hidden or redact.is_secret_header(name):
            if form.cleaned_data.get(name):  # an empty one is kept as it was
                found[name] = redact.MASK
        else:
            found[name] = [
                _value(form.get_initial_for_field(form.fields[name], name)),
                _value(form.cleaned_data.get(name)),
            ]
    return found


def changes_of_rows(formsets: Iterable[Any]) -> dict[str, Any]:
    """The same of the rows in a form's formsets, by where each stands on the page."""
    found: dict[str, Any] = {}
    for formset in formsets:
        for place, form in enumerate(formset.forms, 1):
            row = f"{formset.model._meta.verbose_name} {place}"
            if form in formset.deleted_forms:
                found[row] = "deleted"
            elif form.has_changed():
                found |= {f"{row} {name}": change for name, change in changes(form).items()}
    return found


def differences(before: Model, after: Model) -> dict[str, Any]:
    """Old and new values of a row's fields that people may set; of secrets only that they changed."""
    found: dict[str, Any] = {}
    for field in after._meta.concrete_fields:
        old, new = field.value_from_object(before), field.value_from_object(after)
        if field.editable and not field.primary_key and old != new:
            hidden = getattr(field, "is_secret", False) or redact.is_secret_header(field.name)
            found[field.name] = redact.MASK if hidden else [_value(old), _value(new)]
    return found


def _value(value: Any) -> Any:
    if isinstance(value, QuerySet | list | tuple | set):
        return sorted(str(each)[:LONGEST] for each in value)
    if value is None or isinstance(value, bool | int):
        return value
    text = display.lasting(value) if isinstance(value, timedelta) else str(value)
    return text[:LONGEST].replace("\0", "\N{REPLACEMENT CHARACTER}")


def exported(
    request: HttpRequest, what: str, rows: Iterable[Row], asked: Mapping[str, str] | None = None
) -> Iterator[Row]:
    """The rows of a download, heading first, and at its end an entry with its filter and how many they were.

    `asked` is the filter: what the address asks for, unless given.
    """
    asked = request.GET.dict() if asked is None else asked
    whole = phone_masking.eyes().whole
    return _counted(request, what, rows, dict(asked), whole)


def _counted(
    request: HttpRequest, what: str, rows: Iterable[Row], asked: dict[str, str], whole: bool
) -> Iterator[Row]:
    count = -1  # the heading
    try:
        for row in rows:
            count += 1
            yield row
    finally:  # also of a download that was broken off
        note(request, What.EXPORTED, what, filter=asked, rows=max(count, 0), whole_numbers=whole)


def looked(request: HttpRequest) -> None:
    """Notes that a page showed somebody whole phone numbers, once in a while for the same page."""
    page = request.get_full_path()[:200]
    user = request.user
    recent = Entry.objects.filter(who=user.get_username(), what=What.LOOKED, name=page)
    if not recent.filter(at__gt=timezone.now() - LOOKS_AGAIN).exists():
        note(request, What.LOOKED, page)


def forget(now: datetime, days: int) -> int:
    """Deletes some of the entries that are older than `days`; none for 0. Returns how many."""
    if not days:
        return 0
    old = parts.too_old(Entry.objects.order_by("at"), now - timedelta(days=days))
    some = list(old.values_list("pk", flat=True)[: sql.at_once()])
    return Entry.objects.filter(pk__in=some).delete()[0]


def leave_out(keys: Iterable[int], without: Callable[[Any], Any]) -> int:
    """Removes a person from entries. The trigger forbids changes, so each entry is deleted and added again
    without the person, with a note about this. In the caller's transaction."""
    entries = list(Entry.objects.filter(pk__in=list(keys)))
    Entry.objects.filter(pk__in=[entry.pk for entry in entries]).delete()
    for entry in entries:
        for name in _LONGEST:
            setattr(entry, name, without(getattr(entry, name))[: _LONGEST[name]])
        entry.details = without(entry.details) | {"redacted": True}
    Entry.objects.bulk_create(entries)
    return len(entries)
