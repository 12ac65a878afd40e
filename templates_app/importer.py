"""Taking over a provider's template list: every page or nothing, and never a deletion."""

from dataclasses import dataclass, field
from time import sleep

from django.db import transaction
from django.utils import timezone

from lib.http import HttpResponse
from lib.redact import Redactor
from lib.transport import TransportError, transport
from providers.messages import ListedTemplate, Malformed, TemplatePage
from providers.models import Provider
from templates_app import components, known
from templates_app.models import Template

TIMEOUT = 30.0
TRIES = 3
PAUSE = 0.5  # seconds before a page is asked for again, doubled each time
MOST_PAGES = 2000

Key = tuple[str, str]


@dataclass(slots=True)
class Report:
    """What an import did, by template (`name (language)`). `error` says why it changed nothing."""

    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    pages: int = 0
    error: str = ""


class _Failed(Exception):
    """The list could not be read to its end. The text is for operators."""


def run(provider: Provider) -> Report:
    """Imports the list the provider's connector reads. Changes nothing when a page is missing."""
    report = Report()
    try:
        listed = _read_all(provider, report)
        _apply(provider, listed, report)
    except _Failed as failed:
        report.error = Redactor(provider.secret_values).text(str(failed))
    known.forget()
    return report


def _read_all(provider: Provider, report: Report) -> dict[Key, ListedTemplate]:
    listed: dict[Key, ListedTemplate] = {}
    seen = {""}
    cursor = ""
    while True:
        page = _read(provider, cursor)
        report.pages += 1
        report.failed += page.unreadable
        for template in page.templates:
            listed.setdefault((template.name, template.language), template)
        cursor = page.next
        if not cursor:
            return listed
        if cursor in seen:
            raise _Failed(f"Page {report.pages} points back to a page that was read already.")
        if report.pages >= MOST_PAGES:
            raise _Failed(f"The list goes on after {MOST_PAGES} pages.")
        seen.add(cursor)


def _read(provider: Provider, cursor: str) -> TemplatePage:
    """One page, asked for again when it fails for a moment."""
    connector, config = provider.bsp, provider.config
    request = connector.templates_request(config, cursor)
    if request is None:
        reason = "its set-up lacks what the list is asked for with"
        raise _Failed(f"{connector.label} gives no template list here: {reason}.")
    why = ""
    for attempt in range(TRIES):
        if attempt:
            sleep(PAUSE * 2 ** (attempt - 1))
        try:
            response = transport.send(request, TIMEOUT)
        except TransportError as error:
            why = str(error)
            continue
        if 200 <= response.status < 300:
            try:
                return connector.parse_templates(response, cursor)
            except Malformed as error:
                raise _Failed(
                    f"{connector.label} answered with something else than a list: {error}"
                ) from error
        why = _words(response)
        if response.status not in (408, 429) and response.status < 500:
            break
    raise _Failed(f"{connector.label} gave no template list: {why}")


def _words(response: HttpResponse) -> str:
    return f"HTTP {response.status}: {' '.join(response.text.split())[:300] or '(empty body)'}"


@transaction.atomic
def _apply(provider: Provider, listed: dict[Key, ListedTemplate], report: Report) -> None:
    stored = {(row.name, row.language): row for row in Template.objects.filter(provider=provider)}
    if stored and not listed:
        raise _Failed(f"The list is empty, and {len(stored)} templates are stored here. Nothing was changed.")
    new, changed = [], []
    for key, template in listed.items():
        values = _values(template)
        row = stored.pop(key, None)
        label = f"{template.name} ({template.language})"
        if row is None:
            new.append(Template(provider=provider, name=template.name, language=template.language, **values))
            report.created.append(label)
        elif any(getattr(row, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(row, name, value)
            changed.append(row)
            report.changed.append(label)
        else:
            report.unchanged.append(label)
    Template.objects.bulk_create(new, batch_size=200)
    now = timezone.now()
    for row in changed:
        row.updated_at = now
    if changed:
        Template.objects.bulk_update(changed, [*values, "updated_at"], batch_size=200)
    gone = [row for row in stored.values() if row.vanished_at is None]
    report.vanished = [str(row) for row in stored.values()]
    Template.objects.filter(pk__in=[row.pk for row in gone]).update(vanished_at=now)


def _values(template: ListedTemplate) -> dict[str, object]:
    return {
        "category": template.category[:20] or Template.Category.MARKETING.value,
        "status": template.status[:20] or Template.Status.APPROVED.value,
        "components": list(template.components),
        "bsp_id": template.bsp_id[:64],
        "parameter_format": template.parameter_format,
        "quality": template.quality[:20],
        "details": template.details,
        "unsupported": components.unsupported(template.category, template.components)[:200],
        "vanished_at": None,
    }
