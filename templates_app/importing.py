"""Comparing what a list says with what is stored, and writing the difference in one transaction."""

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import msgspec
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from providers.messages import ListedTemplate, TemplatePage
from providers.models import Provider
from templates_app import changes, components, tracking
from templates_app.models import ImportRun, Template, TemplateChange

CHUNK = 500
LONGEST_TTL = 2**31 - 1  # seconds, as the column holds them

Key = tuple[str, str]
Kind, Source = TemplateChange.Kind, TemplateChange.Source


class ImportFailed(Exception):
    """An import that changed nothing. The text is for operators."""


class EmptyList(ImportFailed):
    """A list with nothing in it, where there was something before."""


class Listed:
    """The templates of a list, kept in a file: a catalogue of tens of thousands costs no memory."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._last: frozenset[Key] = frozenset()
        self.keys: set[Key] = set()
        self.unreadable: list[str] = []

    @property
    def count(self) -> int:
        return len(self.keys)

    def repeats(self, page: TemplatePage) -> bool:
        """Whether the page holds exactly what the one before did."""
        return self._last == {(one.name, one.language) for one in page.templates}

    def add(self, page: TemplatePage) -> None:
        """Takes a page in. Of templates that come twice the first counts."""
        self._last = frozenset((one.name, one.language) for one in page.templates)
        self.unreadable += page.unreadable
        for template in page.templates:
            key = (template.name, template.language)
            if key not in self.keys:
                self.keys.add(key)
                self._file.write(msgspec.json.encode(template) + b"\n")

    def chunks(self) -> Iterator[list[ListedTemplate]]:
        self._file.seek(0)
        chunk: list[ListedTemplate] = []
        for line in self._file:
            chunk.append(msgspec.json.decode(line, type=ListedTemplate))
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


@transaction.atomic
def apply(run: ImportRun, listed: Listed) -> dict[str, Any]:
    """Writes what is new and what changed, marks what vanished. Returns the report:
    counts by outcome, and `details` with names, reasons and changed fields. The entries of the
    timeline belong to the run."""
    provider = run.provider
    stored = Template.objects.filter(provider=provider, vanished_at=None).exclude(imported=None).count()
    if stored and not listed.keys and not run.allow_empty:
        raise EmptyList(
            f"The list is empty, while {stored} templates came from it before. Nothing was changed. "
            "If they are really gone, import again and allow an empty list."
        )
    report = _Report(listed.unreadable)
    for chunk in listed.chunks():
        _apply_chunk(run, chunk, report)
    _mark_vanished(provider, listed.keys, report, run.pk)
    return report.written()


class _Report:
    def __init__(self, unreadable: Sequence[str]) -> None:
        self.unchanged = 0
        self.details: dict[str, list[Any]] = {
            name: [] for name in ("created", "changed", "unsupported", "failed", "vanished")
        }
        self.details["failed"] = [
            dict(zip(("template", "reason"), _split(one), strict=True)) for one in unreadable
        ]

    def written(self) -> dict[str, Any]:
        counts = {name: len(found) for name, found in self.details.items()}
        return counts | {"unchanged": self.unchanged, "details": self.details}


def _split(complaint: str) -> tuple[str, str]:
    name, colon, reason = complaint.partition(": ")
    return (name, reason) if colon else ("", complaint)


def _apply_chunk(run: ImportRun, chunk: Sequence[ListedTemplate], report: _Report) -> None:
    provider = run.provider
    # Locked, so that an edit or a webhook comes wholly before or wholly after.
    rows = Template.objects.select_for_update().order_by("pk")
    rows = rows.filter(provider=provider, name__in={one.name for one in chunk})
    stored = {(row.name, row.language): row for row in rows}
    younger = _changed_since(run, stored.values())
    new: list[Template] = []
    changed: list[Template] = []
    entries: list[TemplateChange] = []
    for one in chunk:
        reason = _too_long(one)
        if reason:
            report.details["failed"].append({"template": _label(one), "reason": reason})
            continue
        row = stored.get((one.name, one.language))
        if row is None:
            row = Template(provider=provider, name=one.name, language=one.language)
            values = _values(provider, row, one)
            for name, value in values.items():
                setattr(row, name, value)
            new.append(row)
            entries.append(changes.created(row, Source.IMPORT))
            outcome: tuple[str, Any] = ("created", _label(one))
        else:
            found = _changed(provider, row, one, younger[row.pk])
            if found:
                changed.append(row)
                entries += found
            fields = sorted({entry.kind for entry in found})
            outcome = ("changed" if found else "", {"template": _label(one), "fields": fields})
        if row.unsupported:
            outcome = ("unsupported", {"template": _label(one), "reason": row.unsupported})
        if outcome[0]:
            report.details[outcome[0]].append(outcome[1])
        else:
            report.unchanged += 1
    Template.objects.bulk_create(new)
    now = timezone.now()
    for row in changed:
        row.updated_at = now
    if changed:
        Template.objects.bulk_update(changed, [*FIELDS, "previous_category", "updated_at"], batch_size=100)
    shown = [entry for entry in entries if entry.kind != NOTHING]
    for entry in shown:
        entry.run_id = run.pk
    TemplateChange.objects.bulk_create(shown)


def _changed_since(run: ImportRun, rows: Iterable[Template]) -> dict[int, set[str]]:
    """By id, the fields that a webhook or a person changed after the import began. The list may be
    older than that: it counts from the next import on."""
    assert run.started_at is not None
    since = run.started_at - timedelta(seconds=1)  # BSPs tell whole seconds
    entries = TemplateChange.objects.filter(template__in=rows, at__gte=since)
    found: dict[int, set[str]] = defaultdict(set)
    for pk, kind in entries.exclude(source=Source.IMPORT).values_list("template_id", "kind"):
        found[pk].add(kind)
    return found


NOTHING = ""  # the kind of a change that no timeline shows
FIELDS = (
    "category", "status", "status_reason", "quality", "parameter_format", "ttl_seconds", "components",
    "imported", "tracked", "unsupported", "bsp_id", "details", "vanished_at",
)  # fmt: skip


def _too_long(one: ListedTemplate) -> str:
    for name, limit in (("name", 512), ("language", 16)):
        if len(getattr(one, name)) > limit:
            return f"the {name} is longer than {limit} characters"
    return ""


def _label(one: ListedTemplate) -> str:
    return f"{one.name[:100]} ({one.language[:16]})"


def _values(provider: Provider, row: Template, one: ListedTemplate) -> dict[str, Any]:
    """What the row is to hold. The content of one that was edited by hand stays as it is."""
    parts = list(one.components)
    kept = row.components if row.edited else parts
    told = {"previous_category": one.previous_category[:20]} if one.previous_category else {}
    return {
        "category": one.category[:20] or row.category,
        "status": changes.state_after(one.status) or one.status[:20] or Template.Status.APPROVED.value,
        "status_reason": one.reason[:500],
        "quality": one.quality[:20],
        "parameter_format": one.parameter_format,
        "ttl_seconds": one.ttl_seconds if 0 < abs(one.ttl_seconds) <= LONGEST_TTL else None,
        "components": kept,
        "imported": parts,
        "tracked": sorted({*row.tracked, *_tracked(provider, kept)}),
        "unsupported": components.unsupported(one.category, kept)[:200],
        "bsp_id": one.bsp_id[:64],
        "details": one.details,
        "vanished_at": None,
        **told,  # after the category, whose change notes the one before
    }


def _tracked(provider: Provider, parts: list[dict[str, Any]]) -> list[str]:
    """The buttons on the provider's click-tracking domain, and those on our own."""
    ours = tracking.prefixes(parts, settings.PUBLIC_BASE_URL, provider.click_domain)
    return [*components.holding(parts, provider.click_domain), *ours]


def _changed(
    provider: Provider, row: Template, one: ListedTemplate, younger: set[str]
) -> list[TemplateChange]:
    """Sets what differs, but for the fields in `younger`; the timeline's entries for it, one without a
    kind for what it does not show."""
    before, vanished = row.imported, row.vanished_at
    values = {name: value for name, value in _values(provider, row, one).items() if name not in younger}
    if all(getattr(row, name) == value for name, value in values.items()):
        return []
    entries = changes.assign(row, values, Source.IMPORT, reason=one.reason)
    if vanished:
        entries.append(_entry(row, Kind.RETURNED))
    if before is not None and before != row.imported and row.edited:
        words = "The BSP's content changed. The edit made here was kept."
        entries.append(_entry(row, Kind.CONTENT, before, row.imported, words))
    return entries or [_entry(row, NOTHING)]


def _entry(
    row: Template, kind: str, before: Any = None, after: Any = None, reason: str = ""
) -> TemplateChange:
    return TemplateChange(
        template=row,
        at=timezone.now(),
        kind=kind,
        source=Source.IMPORT,
        before=before,
        after=after,
        reason=reason,
    )


def _mark_vanished(provider: Provider, keys: set[Key], report: _Report, run_id: int | None) -> None:
    """Notes which imported templates the list no longer has. Those written by hand are no list's."""
    rows = Template.objects.filter(provider=provider).exclude(imported=None)
    gone = [
        (pk, f"{name} ({language})", at)
        for pk, name, language, at in rows.values_list("pk", "name", "language", "vanished_at").iterator()
        if (name, language) not in keys
    ]
    report.details["vanished"] = [label for _, label, _ in gone]
    now = timezone.now()
    new = [pk for pk, _, at in gone if at is None]
    for start in range(0, len(new), CHUNK):
        Template.objects.filter(pk__in=new[start : start + CHUNK]).update(vanished_at=now, updated_at=now)
    TemplateChange.objects.bulk_create(
        TemplateChange(template_id=pk, at=now, kind=Kind.VANISHED, source=Source.IMPORT, run_id=run_id)
        for pk in new
    )
