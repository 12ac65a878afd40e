"""The timeline of templates: what changed, who said so, and how that looks side by side."""

import difflib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from providers.messages import TemplateUpdate
from templates_app import components, known
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
    """Applies what a BSP's webhook tells of templates. Returns what became of each.

    A webhook that arrives after a younger one changes nothing: it only enters the timeline.
    """
    outcomes = []
    for update in updates:
        rows = Template.objects.select_for_update().filter(provider_id=provider_id)
        named = Q(name=update.name, language=update.language) if update.name else Q(pk=None)
        template = rows.filter(named | Q(bsp_id=update.bsp_id) if update.bsp_id else named).first()
        if template is None:
            outcomes.append("unregistered template")
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
    known.forget()
    return outcomes


@transaction.atomic
def take_imported(template_id: int, by: str) -> bool:
    """Puts what the BSP lists in the place of an edit. Whether there was one."""
    template = Template.objects.select_for_update(of=("self",)).select_related("provider").get(pk=template_id)
    if not template.edited:
        return False
    reason = "The edit was given up for the BSP's content."
    entries = assign(template, {"components": template.imported}, Source.PERSON, by=by, reason=reason)
    tagged = components.holding(template.components, template.provider.click_domain)
    still = components.dynamic_urls(template.components).keys() & set(template.tracked)
    template.tracked = sorted({*tagged, *still})
    template.unsupported = components.unsupported(template.category, template.components)[:200]
    template.save()
    TemplateChange.objects.bulk_create(entries)
    transaction.on_commit(known.forget)
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


Line = tuple[str, str]


def diff(before: Any, after: Any) -> list[Line]:
    """The lines of both as JSON: (" ", line) in both, ("-", line) only before, ("+", line) only after."""
    old, new = _lines(before), _lines(after)
    found: list[Line] = []
    # Not ndiff: it takes half a second for a carousel.
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            found += [(" ", line) for line in old[i1:i2]]
        else:
            found += [("-", line) for line in old[i1:i2]] + [("+", line) for line in new[j1:j2]]
    return found


def folded(lines: Sequence[Line], keep: int = 3) -> list[Line]:
    """The lines of a diff without what is far from any difference; ("…", how many lines) stands for that."""
    near = {
        index + step
        for index, (sign, _) in enumerate(lines)
        if sign != " "
        for step in range(-keep, keep + 1)
    }
    found: list[Line] = []
    for shown, stretch in groupby(enumerate(lines), key=lambda each: each[0] in near):
        part = [line for _, line in stretch]
        found += part if shown or len(part) == 1 else [("…", f"{len(part)} lines the same")]
    return found


def _lines(value: Any) -> Sequence[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return value.splitlines()
    return json.dumps(value, indent=2, ensure_ascii=False).splitlines()
