"""Templates whose content at the BSP may have changed: marked as stale, and imported again.

Meta's webhooks say that a template was edited, or approved once more after an edit. Until an import that
began later is in, the gate lets pass what does not fit.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from providers.messages import TemplateUpdate
from providers.models import Provider
from templates_app.gate import cache
from templates_app.history import changes
from templates_app.imports import runs
from templates_app.imports.source import source_of
from templates_app.models import ImportRun, Template

BY = "the BSP's word"
WHOLE_SECONDS = timedelta(seconds=1)  # BSPs give whole seconds
AGAIN = timedelta(minutes=10)  # between imports of what stays stale

State = ImportRun.State


def note(provider: Provider, updates: Iterable[TemplateUpdate]) -> None:
    """Marks the templates that were edited, or may have been, and starts their imports.

    Without a list to import from, an approval marks nothing: only an edit by hand would end that.
    """
    listed = source_of(provider).request("") is not None
    found = False
    for update in updates:
        if not update.edited and (update.status != Template.Status.APPROVED or not listed):
            continue
        template = changes.meant(provider.pk, update)
        if template is not None and not _imported_since(template, update.timestamp):
            template.stale_since = timezone.now()
            template.save(update_fields=["stale_since"])
            found = True
            start(provider, template)
    if found:
        cache.forget()


def doubt(provider: Provider, names: Iterable[str], language: str, now: datetime) -> None:
    """The BSP refused a message that fits our copy of the template. An import shows whether the template
    changed. It is not repeated soon, because the message may be wrong."""
    rows = Template.objects.select_for_update(of=("self",)).filter(provider=provider, language=language)
    template = rows.filter(name__in=names, stale_since=None).first()
    if template is not None and not _tried(template, now) and start(provider, template):
        template.stale_since = now
        template.save(update_fields=["stale_since"])
        transaction.on_commit(cache.forget)


def renew(now: datetime) -> int:
    """Starts the imports of what is still stale, because an import failed or came too early. Returns how
    many templates."""
    stale = Template.objects.filter(stale_since__isnull=False, provider__archived_at=None)
    count = 0
    for template in stale.select_related("provider"):
        if not _tried(template, now):
            count += start(template.provider, template)
    return count


def start(provider: Provider, template: Template) -> bool:
    """Imports only this template if the BSP can list one template and the last such import found it;
    otherwise the whole list. Returns whether there is a list to import from."""
    pages = source_of(provider)
    if pages.request("") is None:
        return False
    last = ImportRun.objects.filter(provider=provider, name=template.name).defer("report").first()
    alone = pages.request("", template.name) is not None and not (last and last.state == State.FAILED)
    runs.start(provider, by=BY, name=template.name if alone else "")
    return True


def _tried(template: Template, now: datetime) -> bool:
    """Whether an import of the template is under way, or began not long ago."""
    mine = ImportRun.objects.filter(provider_id=template.provider_id, name__in=("", template.name))
    return mine.filter(Q(state__in=ImportRun.OPEN) | Q(queued_at__gt=now - AGAIN)).exists()


def _imported_since(template: Template, timestamp: int) -> bool:
    """Whether an import has the change already. BSPs repeat webhooks, and old ones are read again."""
    if not timestamp:
        return False
    since = datetime.fromtimestamp(timestamp, UTC) + WHOLE_SECONDS
    done = ImportRun.objects.filter(provider_id=template.provider_id, state=State.DONE)
    return done.filter(name__in=("", template.name), started_at__gt=since).exists()
