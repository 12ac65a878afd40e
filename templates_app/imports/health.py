"""The health of a provider's templates: imports, states, changes, and templates that CleverTap uses and that
are not registered."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.utils import timezone

from lib.admin import Tone, list_url, page_url
from providers.messages import TemplateContent
from providers.models import Provider
from templates_app.content import drift
from templates_app.gate import cache
from templates_app.history import changes
from templates_app.imports import runs
from templates_app.imports.report import TONES
from templates_app.models import SeenTemplate, Template, TemplateChange

WEEK = timedelta(days=7)
RECENT = 20  # changes that are shown, of those of the week
MOST_SEEN = 100


@dataclass(frozen=True, slots=True)
class Number:
    """A figure that leads to its rows."""

    label: str
    count: int
    url: str
    tone: Tone = ""


def imports(provider: Provider) -> dict[str, Any]:
    """The last import, the last that succeeded, the next, and the alarm."""
    last, last_done, alarm = runs.standing(provider.pk)
    return {
        "last": last,
        "last_tone": TONES[last.state] if last else "",
        "last_done": last_done,
        "next_at": runs.next_at(provider, last),
        "alarm": alarm,
    }


class Registered(NamedTuple):
    """A template of the provider, as far as the page looks at all of them."""

    name: str
    language: str
    status: str
    vanished_at: datetime | None
    unsupported: str


def registered(provider_id: int) -> list[Registered]:
    rows = Template.objects.filter(provider_id=provider_id).order_by()
    return [Registered(*row) for row in rows.values_list(*Registered._fields)]


def states(provider_id: int, rows: Collection[Registered]) -> list[Number]:
    """Templates by status, those apart that the BSP no longer lists and that CleverTap cannot use."""
    here = [row for row in rows if row.vanished_at is None]
    counted = Counter(row.status for row in here)
    tones: dict[str, Tone] = {"REJECTED": "danger", "DISABLED": "danger", "PAUSED": "warning"}

    def url(**filters: str) -> str:
        return list_url("templates_app_template", provider=provider_id, **filters)

    found = [
        Number(
            status.label,
            counted.pop(status.value, 0),
            url(status=status.value, listed="yes"),
            tones.get(status.value, ""),
        )
        for status in Template.Status
    ]
    found += [Number(word.title(), count, url(listed="yes")) for word, count in counted.items()]
    found.append(Number("Vanished", len(rows) - len(here), url(listed="no"), "warning"))
    unsupported = sum(row.unsupported != "" for row in here)
    found.append(Number("Not for CleverTap", unsupported, url(usable="no")))
    return found


def changed(provider_id: int, now: datetime) -> dict[str, Any]:
    """What entered the timelines within a week: how many by kind, and the youngest."""
    entries = TemplateChange.objects.filter(template__provider_id=provider_id, at__gte=now - WEEK)
    counted = entries.order_by().values_list("kind").annotate(Count("pk")).order_by("kind")
    youngest = entries.exclude(kind=TemplateChange.Kind.CREATED).select_related("template")[:RECENT]
    return {
        "counts": [(TemplateChange.Kind(kind).label, count) for kind, count in counted],
        "entries": [_entry(entry) for entry in youngest],
    }


def _entry(entry: TemplateChange) -> dict[str, Any]:
    content = isinstance(entry.after, list | dict) or isinstance(entry.before, list | dict)
    return {
        "at": entry.at,
        "template": entry.template,
        "url": page_url("templates_app_template", entry.template_id),
        "kind": entry.get_kind_display(),
        "source": entry.by or entry.get_source_display(),
        "before": "" if content else entry.before,
        "after": "" if content else entry.after,
        "reason": entry.reason,
        "diff": changes.folded(changes.diff(entry.before, entry.after)) if content else [],
    }


def unregistered(provider_id: int, rows: Iterable[Registered]) -> list[SeenTemplate]:
    """What CleverTap used and is not registered, under either of the names it may have."""
    seen = SeenTemplate.objects.filter(provider_id=provider_id)[: MOST_SEEN * 2]
    there = {(row.name, row.language) for row in rows}
    missing = [one for one in seen if not any((name, one.language) in there for name in _names(one))]
    return missing[:MOST_SEEN]


def _names(seen: SeenTemplate) -> set[str]:
    namespace = seen.sample.get("namespace")
    return {seen.name, namespace} if isinstance(namespace, str) and namespace else {seen.name}


def register(seen: SeenTemplate, by: str) -> tuple[Template, bool]:
    """Creates the template that a message used, as far as the message shows it. Returns whether it is new. A
    person completes it, because the message does not contain a URL button's whole URL."""
    content = msgspec.convert(seen.sample, TemplateContent)
    components = drift.guessed(content)
    named = any(value.name for value in content.body)
    template = Template(
        provider_id=seen.provider_id,
        name=seen.name,
        language=seen.language,
        parameter_format=Template.Format.NAMED if named else Template.Format.POSITIONAL,
        components=components,
    )
    try:
        with transaction.atomic():
            template.save()
            changes.created(template, TemplateChange.Source.PERSON, by=by).save()
    except IntegrityError:
        there = Template.objects.get(provider_id=seen.provider_id, name=seen.name, language=seen.language)
        return there, False
    cache.forget()
    return template, True


def overview(providers: list[Provider]) -> list[dict[str, Any]]:
    """Each provider's line on the page of all."""
    here = Template.objects.filter(vanished_at=None).order_by().values("provider")
    stopped = Count("pk", filter=Q(status__in=Template.STOPPED))
    counted = {row["provider"]: row for row in here.annotate(templates=Count("pk"), stopped=stopped)}
    recent = TemplateChange.objects.filter(at__gte=timezone.now() - WEEK).order_by()
    changed = dict(recent.values_list("template__provider").annotate(Count("pk")))
    last, alarms, missing = runs.latest_of_each(), runs.alarms(), _unregistered()
    nothing = {"templates": 0, "stopped": 0}
    return [
        counted.get(provider.pk, nothing)
        | {
            "provider": provider,
            "unregistered": missing[provider.pk],
            "changed": changed.get(provider.pk, 0),
            "last": (run := last.get(provider.pk)),
            "last_tone": TONES[run.state] if run else "",
            "next_at": runs.next_at(provider, run),
            "alarm": alarms.get(provider.pk, ""),
        }
        for provider in providers
    ]


def _unregistered() -> Counter[int]:
    """How many templates CleverTap used and are not registered, by the provider's id."""
    seen = SeenTemplate.objects.filter(provider__archived_at=None)
    names = {name for one in seen for name in _names(one)}
    there = set(Template.objects.filter(name__in=names).values_list("provider", "name", "language"))
    return Counter(
        one.provider_id
        for one in seen
        if not any((one.provider_id, name, one.language) in there for name in _names(one))
    )
