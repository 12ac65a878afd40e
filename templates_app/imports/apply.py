"""Compares a list with what is stored, and writes the differences in one transaction."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from providers.messages import ListedTemplate
from providers.models import Provider
from templates_app.content import components, link_tracking
from templates_app.content.rules import LONGEST_NAME, NAME
from templates_app.history import changes
from templates_app.imports.listed import CHUNK, Key, Listed
from templates_app.models import ImportRun, Template, TemplateChange

LONGEST_TTL = 2**31 - 1  # seconds, as the column holds them
FEWEST_VANISHING = 10  # that an operator must allow
# Meta's spelling of a language, such as en, fil or en_GB. The codes are not compared with Meta's list, which
# grows.
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")

Kind, Source = TemplateChange.Kind, TemplateChange.Source


class ImportFailed(Exception):
    """An import that changed nothing. The text is for operators. `doubt` names what an operator may
    allow, so that the import goes through."""

    doubt = ""


class EmptyList(ImportFailed):
    """A list with nothing in it, where there was something before."""

    doubt = "empty_list"


class TooManyVanish(ImportFailed):
    """A list without a large share of the templates that came from it before."""

    doubt = "many_vanish"


class NotListed(ImportFailed):
    """The list of one template does not have it."""


@transaction.atomic
def apply(run: ImportRun, listed: Listed) -> dict[str, Any]:
    """Writes what is new and what changed, marks what vanished. Returns the report:
    counts by outcome, and `details` with names, reasons and changed fields. The entries of the
    timeline belong to the run."""
    report = _Report(listed.unreadable)
    if run.name and not listed.keys:
        raise NotListed(f"The BSP's list has no template {run.name}.")
    # A list of one template says nothing about the others.
    gone = [] if run.name else _gone(run.provider, listed.keys, report.unreadable)
    _doubt(run, listed, sum(row.vanished_at is None for row in gone))
    for chunk in listed.chunks():
        _apply_chunk(run, chunk, report)
    report.details["vanished"] = [f"{row.name} ({row.language})" for row in gone]
    _mark_vanished([row.pk for row in gone if row.vanished_at is None], run.pk)
    return report.written()


def _gone(provider: Provider, keys: set[Key], unreadable: set[str]) -> list[Any]:
    """The imported templates that the list no longer has. Those written by hand come from no list. An item
    that could not be read counts as present."""
    rows = Template.objects.filter(provider=provider).exclude(imported=None)
    named = rows.values_list("pk", "name", "language", "vanished_at", named=True)
    return [
        row for row in named.iterator() if (row.name, row.language) not in keys and row.name not in unreadable
    ]


def _doubt(run: ImportRun, listed: Listed, vanishing: int) -> None:
    """Raises ImportFailed for a list that looks cut short, unless an operator allows it."""
    stored = Template.objects.filter(provider=run.provider, vanished_at=None).exclude(imported=None).count()
    if stored and not listed.keys:
        if not run.allow_empty:
            raise EmptyList(
                f"The list is empty, while {stored} templates came from it before. Nothing was changed. "
                "If they are really gone, import again and allow an empty list."
            )
        return
    share = settings.IMPORT_VANISHING_PERCENT
    if vanishing >= FEWEST_VANISHING and vanishing * 100 > stored * share and not run.allow_vanishing:
        raise TooManyVanish(
            f"{vanishing} of {stored} templates are no longer in the list, which is more than {share} %. "
            "Nothing was changed. If they are really gone, import again and allow that they vanish."
        )


class _Report:
    def __init__(self, unreadable: Sequence[str]) -> None:
        self.unchanged = 0
        self.details: dict[str, list[Any]] = {
            name: [] for name in ("created", "changed", "unsupported", "failed", "vanished")
        }
        self.unreadable: set[str] = set()
        for complaint in unreadable:
            name, colon, reason = complaint.partition(": ")
            self.failed(name if colon else "", reason if colon else complaint)
            self.unreadable |= {name} if colon else set()

    def failed(self, template: str, reason: str) -> None:
        self.details["failed"].append({"template": template, "reason": reason})

    def applied(self, row: Template, entries: Sequence[TemplateChange]) -> None:
        """Notes the result for a template, by the entries that its timeline gets."""
        label = _label(row)
        if row.unsupported:
            self.details["unsupported"].append({"template": label, "reason": row.unsupported})
        elif not entries:
            self.unchanged += 1
        elif entries[0].kind == Kind.CREATED:
            self.details["created"].append(label)
        else:
            fields = sorted({entry.kind for entry in entries})
            self.details["changed"].append({"template": label, "fields": fields})

    def written(self) -> dict[str, Any]:
        counts = {name: len(found) for name, found in self.details.items()}
        return counts | {"unchanged": self.unchanged, "details": self.details}


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
        reason = _against_rules(one)
        if reason:
            report.failed(_label(one), reason)
            continue
        row = stored.get((one.name, one.language))
        if row is None:
            row = Template(provider=provider, name=one.name, language=one.language)
            values = _values(run, row, one)
            for name, value in values.items():
                setattr(row, name, value)
            new.append(row)
            found = [changes.created(row, Source.IMPORT)]
        else:
            found = _changed(run, row, one, younger[row.pk])
            if found:
                changed.append(row)
        entries += found
        report.applied(row, found)
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
    since = run.started_at - timedelta(seconds=1)  # BSPs give whole seconds
    entries = TemplateChange.objects.filter(template__in=rows, at__gte=since)
    found: dict[int, set[str]] = defaultdict(set)
    for pk, kind in entries.exclude(source=Source.IMPORT).values_list("template_id", "kind"):
        found[pk].add(kind)
    return found


NOTHING = ""  # the kind of a change that timelines do not show
FIELDS = (
    "category", "status", "status_reason", "quality", "parameter_format", "ttl_seconds", "components",
    "imported", "tracked", "unsupported", "bsp_id", "details", "extra", "vanished_at", "stale_since",
)  # fmt: skip


def _against_rules(one: ListedTemplate) -> str:
    """Why a listed template cannot be one of WhatsApp's; empty when it can."""
    if len(one.name) > LONGEST_NAME:
        return f"the name is longer than {LONGEST_NAME} characters"
    if not NAME.fullmatch(one.name.rpartition(":")[2]):  # CleverTap writes namespace:name
        return "the name has other characters than a to z, digits and underscores"
    if not _LANGUAGE.fullmatch(one.language):
        return f"the language {one.language[:40]!r} is not spelled as Meta does, as in en or en_GB"
    return "the components are null" if one.components is None else ""


def _label(one: ListedTemplate | Template) -> str:
    return f"{one.name[:100]} ({one.language[:16]})"


def _values(run: ImportRun, row: Template, one: ListedTemplate) -> dict[str, Any]:
    """What the row is to hold. The content of one that was edited by hand stays as it is."""
    assert run.started_at is not None
    told_later = row.stale_since is not None and row.stale_since >= run.started_at
    parts = list(one.components or ())
    kept = row.components if row.edited else parts
    former = {"previous_category": one.previous_category[:20]} if one.previous_category else {}
    return {
        "category": one.category[:20] or row.category,
        "status": changes.state_after(one.status) or one.status[:20] or Template.Status.APPROVED.value,
        "status_reason": one.reason[:500],
        "quality": one.quality[:20],
        "parameter_format": one.parameter_format,
        "ttl_seconds": one.ttl_seconds if 0 < abs(one.ttl_seconds) <= LONGEST_TTL else None,
        "components": kept,
        "imported": parts,
        "tracked": sorted({*row.tracked, *_tracked(run.provider, kept)}),
        "unsupported": components.unsupported(one.category, kept)[:200],
        "bsp_id": one.bsp_id[:64],
        "details": one.details,
        "extra": one.extra,
        "vanished_at": None,
        "stale_since": row.stale_since if told_later else None,
        **former,  # after the category, whose change notes the one before
    }


def _tracked(provider: Provider, parts: list[dict[str, Any]]) -> list[str]:
    """The buttons on the provider's click-tracking domain, and those on our own."""
    ours = link_tracking.prefixes(parts, settings.PUBLIC_BASE_URL, provider.click_domain)
    return [*components.holding(parts, provider.click_domain), *ours]


def _changed(run: ImportRun, row: Template, one: ListedTemplate, younger: set[str]) -> list[TemplateChange]:
    """Sets what differs, except the fields in `younger`. Returns the timeline's entries. If only fields
    changed that timelines do not show, there is one entry without a kind."""
    before, vanished = row.imported, row.vanished_at
    values = {name: value for name, value in _values(run, row, one).items() if name not in younger}
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


def _mark_vanished(new: Sequence[int], run_id: int | None) -> None:
    now = timezone.now()
    for start in range(0, len(new), CHUNK):
        Template.objects.filter(pk__in=new[start : start + CHUNK]).update(vanished_at=now, updated_at=now)
    TemplateChange.objects.bulk_create(
        TemplateChange(template_id=pk, at=now, kind=Kind.VANISHED, source=Source.IMPORT, run_id=run_id)
        for pk in new
    )
