"""The timeline of templates: what changed, who reported it, and the lines that differ."""

import difflib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from providers.messages import TemplateUpdate
from providers.models import Provider
from templates_app.content import components
from templates_app.gate import cache
from templates_app.models import Template, TemplateChange

Kind, Source = TemplateChange.Kind, TemplateChange.Source

# The fields whose changes people ask about, and the entry each makes.
WATCHED: dict[str, TemplateChange.Kind] = {
    "status": Kind.STATUS,
    "category": Kind.CATEGORY,
    "quality": Kind.QUALITY,
    "components": Kind.CONTENT,
    "parameter_format": Kind.CONTENT,
    "ttl_seconds": Kind.CONTENT,
}


def assign(
    template: Template,
    values: dict[str, Any],
    source: str,
    *,
    at: datetime | None = None,
    by: str = "",
    reason: str = "",
) -> list[TemplateChange]:
    """Sets the values on the template and returns the timeline's entries for it, both unsaved."""
    moment = at or timezone.now()
    entries = []
    for name, value in values.items():
        before = getattr(template, name)
        if before == value:
            continue
        setattr(template, name, value)
        if name == "category" and before:
            template.previous_category = before
        if name in WATCHED:
            entries.append(
                TemplateChange(
                    template=template,
                    at=moment,
                    kind=WATCHED[name],
                    source=source,
                    by=by,
                    before=before,
                    after=value,
                    reason=reason[:500],
                )
            )
    return entries


def created(template: Template, source: str, *, by: str = "") -> TemplateChange:
    """The first entry of a template's timeline, unsaved."""
    return TemplateChange(
        template=template,
        at=timezone.now(),
        kind=Kind.CREATED,
        source=source,
        by=by,
        after=template.components,
    )


@transaction.atomic
def record(provider_id: int, updates: Iterable[TemplateUpdate]) -> list[str]:
    """Applies what a BSP's webhook reports about templates. Returns the result for each.

    A webhook that arrives after a newer one changes nothing: it is only added to the timeline.
    """
    outcomes = []
    for update in updates:
        template = meant(provider_id, update)
        if template is None:
            outcomes.append("unregistered template")
            continue
        if update.edited:
            outcomes.append("edited template")
            continue
        at = (
            datetime.fromtimestamp(update.timestamp, timezone.get_current_timezone())
            if update.timestamp
            else None
        )
        values = {
            "status": state_after(update.status),
            "category": update.category,
            "quality": update.quality,
        }
        given = {name: value[:20] for name, value in values.items() if value}
        entries = assign(template, given, Source.WEBHOOK, at=at, reason=update.reason)
        younger = at is not None and template.changes.filter(
            kind__in=[entry.kind for entry in entries], at__gt=at
        )
        if not entries or (younger and younger.exists()):
            outcomes.append("repeated template update")
            continue
        if update.reason and "status" in given:
            template.status_reason = update.reason[:500]
        template.save()
        TemplateChange.objects.bulk_create(entries)
        outcomes.append("template update")
    cache.forget()
    return outcomes


@transaction.atomic
def recategorize(
    provider_id: int, names: Sequence[str], language: str, category: str, reason: str, at: datetime
) -> Template | None:
    """Sets the category that a refusal of a message named. Returns the template, which has one of the names;
    None where it is not registered, or has that category already."""
    rows = Template.objects.select_for_update(of=("self",)).filter(provider_id=provider_id, language=language)
    template = rows.filter(name__in=names).exclude(category=category).first()
    if template is None:
        return None
    entries = assign(template, {"category": category}, Source.ANSWER, at=at, reason=reason)
    template.save()
    TemplateChange.objects.bulk_create(entries)
    transaction.on_commit(cache.forget)
    return template


def meant(provider_id: int, update: TemplateUpdate) -> Template | None:
    """The template by the BSP's id, else by its name: but not one that another account may have as well."""
    rows = Template.objects.select_for_update(of=("self",)).filter(provider_id=provider_id)
    found = rows.filter(bsp_id=update.bsp_id).first() if update.bsp_id else None
    if found or not update.name:
        return found
    provider = Provider.objects.get(pk=provider_id)
    receiver = update.receiver
    if receiver and not provider.connector.receives(receiver, provider.config):
        return None
    return rows.filter(name=update.name, language=update.language).first()


@transaction.atomic
def take_imported(template_id: int, by: str) -> bool:
    """Replaces an edit by the content that the BSP lists. Returns whether there was an edit."""
    template = Template.objects.select_for_update(of=("self",)).select_related("provider").get(pk=template_id)
    if not template.edited:
        return False
    reason = "The BSP's content replaced the edit."
    entries = assign(template, {"components": template.imported}, Source.PERSON, by=by, reason=reason)
    tagged = components.holding(template.components, template.provider.click_domain)
    still = components.dynamic_urls(template.components).keys() & set(template.tracked)
    template.tracked = sorted({*tagged, *still})
    template.unsupported = components.unsupported(template.category, template.components)[:200]
    template.save()
    TemplateChange.objects.bulk_create(entries)
    transaction.on_commit(cache.forget)
    return True


# Meta's events as states: a template that was flagged or reinstated may be sent.
_EVENTS = {
    **{status: status for status in Template.Status.values},
    "FLAGGED": "APPROVED",
    "REINSTATED": "APPROVED",
    "UNARCHIVED": "APPROVED",
    "IN_APPEAL": "REJECTED",
    "LIMIT_EXCEEDED": "REJECTED",
    "LOCKED": "DISABLED",
    "ARCHIVED": "DISABLED",
    "PENDING_DELETION": "DISABLED",
    "DELETED": "DISABLED",
}


def state_after(word: str) -> str:
    """The state after an event, or that a list names; empty for one that is not known to change it."""
    return _EVENTS.get(word.upper(), "")


class DiffLine(NamedTuple):
    """A line and its sign: " " in both, "-" only before, "+" only after, "…" for lines that are left out."""

    sign: str
    text: str


def diff(before: Any, after: Any) -> list[DiffLine]:
    """The lines of both as JSON."""
    old, new = _lines(before), _lines(after)
    found: list[DiffLine] = []
    # Not ndiff: it takes half a second for a carousel.
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            found += [DiffLine(" ", line) for line in old[i1:i2]]
        else:
            found += [DiffLine("-", line) for line in old[i1:i2]]
            found += [DiffLine("+", line) for line in new[j1:j2]]
    return found


def folded(lines: Sequence[DiffLine], keep: int = 3) -> list[DiffLine]:
    """The lines of a diff. Lines far from any difference are left out, and one line says how many."""
    near = {
        index + step
        for index, line in enumerate(lines)
        if line.sign != " "
        for step in range(-keep, keep + 1)
    }
    found: list[DiffLine] = []
    for shown, indexes in groupby(range(len(lines)), key=near.__contains__):
        part = [lines[index] for index in indexes]
        found += part if shown or len(part) == 1 else [DiffLine("…", f"{len(part)} lines the same")]
    return found


def _lines(value: Any) -> Sequence[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return value.splitlines()
    return json.dumps(value, indent=2, ensure_ascii=False).splitlines()
