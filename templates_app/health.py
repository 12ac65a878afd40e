"""How a provider's templates are: imports, states, what changed, and what CleverTap uses unregistered."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import Count
from django.utils import timezone

from lib.admin import Tone, list_url, page_url
from providers.messages import TemplateContent
from providers.models import Provider
from templates_app import changes, drift, importer, known
from templates_app.import_report import TONES
from templates_app.models import ImportRun, SeenTemplate, Template, TemplateChange

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
    last = importer.latest(provider.pk)
    return {
        "last": last,
        "last_tone": TONES[last.state] if last else "",
        "last_done": importer.latest(provider.pk, state=ImportRun.State.DONE),
        "next_at": importer.next_at(provider, last),
        "alarm": importer.alarm(provider.pk),
    }


def states(provider_id: int) -> list[Number]:
    """Templates by status, those apart that the BSP no longer lists and that CleverTap cannot use."""
    rows = Template.objects.filter(provider_id=provider_id)
    here = rows.filter(vanished_at=None)
    counted = dict(here.order_by().values_list("status").annotate(Count("pk")))
    tones: dict[str, Tone] = {"REJECTED": "danger", "DISABLED": "danger", "PAUSED": "warning"}

    def url(**filters: str) -> str:
        return list_url("templates_app_template", provider=provider_id, **filters)

    found = [
        Number(
            status.label, counted.pop(status.value, 0), url(status=status.value, listed="yes"),
            tones.get(status.value, ""),
        )
        for status in Template.Status
    ]  # fmt: skip
    found += [Number(word.title(), count, url(listed="yes")) for word, count in counted.items()]
    found.append(Number("Vanished", rows.exclude(vanished_at=None).count(), url(listed="no"), "warning"))
    unsupported = here.exclude(unsupported="").count()
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


def unregistered(provider_id: int) -> list[SeenTemplate]:
    """What CleverTap used and is not registered, under either of the names it may have."""
    seen = list(SeenTemplate.objects.filter(provider_id=provider_id)[: MOST_SEEN * 2])
    names = {name for one in seen for name in _names(one)}
    rows = Template.objects.filter(provider_id=provider_id, name__in=names)
    there = set(rows.values_list("name", "language"))
    missing = [one for one in seen if not any((name, one.language) in there for name in _names(one))]
    return missing[:MOST_SEEN]


def _names(seen: SeenTemplate) -> set[str]:
    namespace = seen.sample.get("namespace")
    return {seen.name, namespace} if isinstance(namespace, str) and namespace else {seen.name}


def register(seen: SeenTemplate, by: str) -> tuple[Template, bool]:
    """Creates the template that a message was seen to use, as far as the message tells; whether it
    is new. A person completes it: the message does not say what a URL button's address is."""
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
    known.forget()
    return template, True


def overview(provider: Provider) -> dict[str, Any]:
    """A provider's line on the page of all."""
    now = timezone.now()
    rows = Template.objects.filter(provider=provider, vanished_at=None)
    return imports(provider) | {
        "provider": provider,
        "templates": rows.count(),
        "stopped": rows.filter(status__in=Template.STOPPED).count(),
        "unregistered": len(unregistered(provider.pk)),
        "changed": TemplateChange.objects.filter(template__provider=provider, at__gte=now - WEEK).count(),
    }
