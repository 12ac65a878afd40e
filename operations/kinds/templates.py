"""Templates that may not be sent, and imports that fail."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Max

from lib import display
from operations.kinds.base import Found, Kind, Severity, in_list, of_provider, on_page
from providers.models import Provider
from templates_app.imports import runs
from templates_app.models import ImportRun, Template, TemplateChange

_USED_WITHIN = timedelta(days=7)
_LATE = 3  # intervals of the schedule after which an import is overdue


def _stopped(now: datetime) -> Iterable[Found]:
    """Templates that Meta paused, disabled or rejected lately, or whose quality fell."""
    changed = TemplateChange.objects.filter(
        at__gt=now - _USED_WITHIN,
        kind__in=(TemplateChange.Kind.STATUS, TemplateChange.Kind.QUALITY),
        template__provider__archived_at=None,
        template__vanished_at=None,
    )
    rows = changed.order_by().values("template").annotate(last=Max("at")).values_list("template", "last")
    since = dict(rows)
    for template in Template.objects.filter(pk__in=list(since)).select_related("provider"):
        poor = template.quality.upper() in ("RED", "LOW")
        if template.status not in Template.STOPPED and not poor:
            continue
        text = (
            f"{template} is {template.status.lower()}" if not poor else f"The quality of {template} is poor"
        )
        reason = f": {template.status_reason}" if template.status_reason else ""
        yield Found(
            f"template:{template.pk}",
            f"{text}{reason}",
            f"{template} of {template.provider}",
            template.provider_id,
            since=since[template.pk],
            severity=Severity.NOTICE if poor and template.status not in Template.STOPPED else None,
        )


def _failing(now: datetime) -> Iterable[Found]:
    names = dict(Provider.in_use().values_list("pk", "nickname"))
    for pk, error in runs.alarms().items():
        yield Found(of_provider(pk), f"The last five imports failed: {error}", names.get(pk, ""), pk)


def _overdue(now: datetime) -> Iterable[Found]:
    done = dict(
        ImportRun.objects.filter(state=ImportRun.State.DONE)
        .order_by()
        .values_list("provider")
        .annotate(Max("finished_at"))
    )
    for provider in Provider.in_use().exclude(import_every=0):
        last = done.get(provider.pk) or provider.created_at
        if now - last > _LATE * timedelta(seconds=provider.import_every):
            text = f"The last successful import was {display.length(now - last)} ago."
            yield Found(of_provider(provider.pk), text, provider.nickname, provider.pk, since=last)


KINDS = (
    Kind(
        "template_stopped",
        "A template may not be sent",
        Severity.WARNING,
        _stopped,
        on_page("Correct it at the BSP, or stop the campaign", "templates_app_template"),
    ),
    Kind(
        "import_failing",
        "Template imports fail",
        Severity.WARNING,
        _failing,
        in_list("Read the last error, correct it, then use Import now", "templates_app_importrun"),
    ),
    Kind(
        "import_overdue",
        "Templates have not been imported for a long time",
        Severity.WARNING,
        _overdue,
        in_list("Check that a worker runs, then use Import now", "templates_app_importrun"),
    ),
)
