"""Celery's view of incidents: looking for them, the daily audit, and signs of life."""

from datetime import datetime, timedelta

from celery import shared_task
from django.utils import timezone

from callbacks import audit
from lib.wakeup import stopping, wake
from operations import certificates, samples, signs
from operations.acceptance import runs as acceptance
from operations.alarms import deliver, rules
from operations.incidents.look import look as look_at_everything
from operations.metrics import reporting
from operations.models import AuditFinding, Incident, Sign
from providers import refused_calls

AUDIT_EVERY = timedelta(days=1)


@shared_task(name="operations.look")
def look_by_the_clock() -> None:
    """As beat asks for it, which is the clock's sign of life."""
    signs.give(Sign.What.CLOCK, timezone.now(), host="beat")
    look()


def look() -> None:
    now = timezone.now()
    signs.give(Sign.What.WORKER, now)
    samples.take(now)
    look_at_everything(now)
    if rules.plan(now) or deliver.due():
        wake("operations.alarms")


@shared_task(name="operations.alarms")
def alarms() -> None:
    """A task of its own, so that a channel that does not answer delays nothing else."""
    deliver.drain()


@shared_task(name=acceptance.TASK)
def run_acceptance() -> None:
    acceptance.drain(stop=stopping)


@shared_task(name="operations.upkeep")
def upkeep() -> None:
    now = timezone.now()
    refused_calls.forget(now)
    samples.forget(now)
    signs.forget(now)
    reporting.forget(now)
    certificates.look(now)
    if well(now):
        deliver.heartbeat()
    if not AuditFinding.objects.filter(at__gt=now - AUDIT_EVERY).exists():
        _audit()


def well(now: datetime) -> bool:
    """Whether the heartbeat may be sent: alarms can reach people."""
    return not Incident.objects.filter(kind="alarms_unreachable", ended_at=None).exists()


def _audit() -> None:
    now = timezone.now()
    with audit.snapshot():
        found = audit.run()
    for each in found:
        AuditFinding.objects.update_or_create(
            check_name=each.check[:100],
            defaults={"at": now, "problems": each.problems, "examples": "; ".join(each.examples)[:300]},
        )
