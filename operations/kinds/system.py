"""The machine, the database and the processes themselves."""

import shutil
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from archive import ahead
from campaigns.counting import deltas
from campaigns.ledger import months
from lib import addresses, display, migrations, schema
from operations.kinds.base import Found, Kind, Severity, by_hand, on_page
from operations.models import AuditFinding, Channel, Expiry, Sign
from privacy import receipt
from privacy.models import Erasure
from providers import stored_secrets
from providers.models import Provider

SYSTEM = "system"
MISSING = timedelta(minutes=1)  # without a sign of life
UNREACHABLE = 3  # deliveries in a row
_LITTLE_SPACE = 0.10
_NO_SPACE = 0.03
_MANY_CONNECTIONS = 0.85
_CERTIFICATE_SOON = timedelta(days=21)
_CERTIFICATE_NOW = timedelta(days=5)
_BEHIND = timedelta(minutes=15)


def _missing(now: datetime) -> Iterable[Found]:
    """Workers and clocks that gave signs of life and no longer do. A process that was stopped normally has
    deleted its sign."""
    for sign in Sign.objects.filter(seen_at__lt=now - MISSING).order_by("seen_at"):
        length = display.length(now - sign.seen_at)
        text = f"The {sign.get_what_display()} on {sign.host} has given no sign of life for {length}."
        yield Found(
            f"sign:{sign.what}:{sign.host}",
            text,
            f"{sign.get_what_display()} on {sign.host}",
            since=sign.seen_at,
        )


def _certificates(now: datetime) -> Iterable[Found]:
    for expiry in Expiry.objects.filter(ends_at__lt=now + _CERTIFICATE_SOON):
        left = expiry.ends_at - now if expiry.ends_at else timedelta(0)
        words = f"ends in {display.length(left)}" if left > timedelta(0) else "has ended"
        severity = Severity.CRITICAL if left < _CERTIFICATE_NOW else None
        text = f"The certificate of {expiry.name} {words}. Without a valid certificate no call arrives."
        yield Found(f"host:{expiry.name}", text, expiry.name, severity=severity)


def _migrations(now: datetime) -> Iterable[Found]:
    if waiting := migrations.pending():
        yield Found(SYSTEM, f"{waiting} migrations are not applied to the database.", "database")
    elif words := schema.other():
        yield Found(SYSTEM, words[:500], "database")


def _secrets(now: datetime) -> Iterable[Found]:
    """Secrets of providers have an incident of their own."""
    if found := [str(each) for each in stored_secrets.unreadable() if each.label != Provider._meta.label]:
        text = (
            f"{len(found)} secrets cannot be decrypted with any of FIELD_ENCRYPTION_KEYS: {'; '.join(found)}"
        )
        yield Found(SYSTEM, text[:500], "secrets")


def _proxies(now: datetime) -> Iterable[Found]:
    if addresses.proxy_unnamed():
        text = (
            "TRUSTED_PROXIES names no proxy, and PUBLIC_BASE_URL is https: all callers seem to have the "
            "proxy's address. They share one count of wrong passwords, so one caller can lock out all."
        )
        yield Found(SYSTEM, text, "settings")


def _disk(now: datetime) -> Iterable[Found]:
    usage = shutil.disk_usage(settings.DATA_DIR)
    free = usage.free / usage.total
    if free < _LITTLE_SPACE:
        text = f"{usage.free / 2**30:.1f} GiB ({free:.0%}) of the disk of DATA_DIR are free."
        yield Found(SYSTEM, text, "disk", severity=Severity.CRITICAL if free < _NO_SPACE else None)


def _connections(now: datetime) -> Iterable[Found]:
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
            " current_setting('max_connections')::int"
        )
        used, most = cursor.fetchone()
    if used >= most * _MANY_CONNECTIONS:
        yield Found(SYSTEM, f"{used} of PostgreSQL's {most} connections are in use.", "database")


def _size(now: datetime) -> Iterable[Found]:
    """Only if a limit is set: only you know how large is too large."""
    most = settings.DATABASE_SIZE_ALARM_GB
    if not most or connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        size = cursor.fetchone()[0] / 2**30
    if size > most:
        yield Found(SYSTEM, f"The database takes {size:.0f} GiB; the limit is set at {most}.", "database")


def _counts(now: datetime) -> Iterable[Found]:
    late = deltas.behind()
    if late and late > _BEHIND:
        text = f"Counts were last folded {display.length(late)} ago: stats are right, but slow."
        yield Found(SYSTEM, text, "stats")


def _parts(now: datetime) -> Iterable[Found]:
    if words := months.overdue(now):
        yield Found(SYSTEM, words, "database")


def _erasures(now: datetime) -> Iterable[Found]:
    for erasure in Erasure.objects.filter(deadline__lt=now).exclude(state=Erasure.State.DONE):
        waits = receipt.waits(erasure)
        text = f"{erasure} had to be done by {erasure.deadline:%Y-%m-%d}. The erasure waits: {waits}."
        yield Found(f"erasure:{erasure.pk}", text[:500], str(erasure), since=erasure.deadline)


def _archive(now: datetime) -> Iterable[Found]:
    if run := ahead.behind(now):
        why = run.error or "no worker writes it."
        text = f"Nothing was archived for {display.length(now - run.started_at)}: {why}"
        yield Found(SYSTEM, text[:500], "archive", since=run.started_at)


def _audit(now: datetime) -> Iterable[Found]:
    for finding in AuditFinding.objects.filter(problems__gt=0):
        text = f"{finding.problems:,} rows fail the check “{finding.check_name}”: {finding.examples}"
        yield Found(f"audit:{finding.pk}", text[:500], finding.check_name, messages=finding.problems)


def _unreachable(now: datetime) -> Iterable[Found]:
    """Channels that have accepted nothing for a while."""
    for channel in Channel.objects.filter(active=True, failures__gte=UNREACHABLE):
        text = f"The channel did not accept {channel.failures} alarms in a row: {channel.last_error}"
        yield Found(f"channel:{channel.pk}", text, channel.name)


KINDS = (
    Kind(
        "alarms_unreachable",
        "A channel does not accept alarms",
        Severity.CRITICAL,
        _unreachable,
        on_page("Correct the channel, and use Send test alarm", "operations_channel"),
    ),
    Kind(
        "process_missing",
        "A process gives no sign of life",
        Severity.CRITICAL,
        _missing,
        by_hand("Start it again, or forget it if it was taken away for good"),
    ),
    Kind(
        "certificate_ending",
        "A certificate ends soon",
        Severity.WARNING,
        _certificates,
        by_hand("Renew it, and find out why it was not renewed automatically"),
    ),
    Kind(
        "migration_pending",
        "The database is not this version's",
        Severity.CRITICAL,
        _migrations,
        by_hand("Run manage.py migrate, or go back to the version of Waypost that made the tables"),
    ),
    Kind(
        "secrets_unreadable",
        "Stored secrets cannot be read",
        Severity.CRITICAL,
        _secrets,
        by_hand("Put their key back at the end of FIELD_ENCRYPTION_KEYS, or enter them again"),
    ),
    Kind(
        "proxy_unnamed",
        "All callers seem to have the proxy's address",
        Severity.WARNING,
        _proxies,
        by_hand("Set TRUSTED_PROXIES to the networks that your proxies connect from, and restart"),
    ),
    Kind(
        "disk_full",
        "The disk is almost full",
        Severity.WARNING,
        _disk,
        by_hand("Make room, or shorten the retention settings"),
    ),
    Kind(
        "database_connections",
        "The database has almost no free connections",
        Severity.CRITICAL,
        _connections,
        by_hand("Lower DATABASE_POOL_SIZE, or raise max_connections"),
    ),
    Kind(
        "database_size",
        "The database is larger than the limit that was set",
        Severity.WARNING,
        _size,
        by_hand("Shorten the retention settings, or give it more room"),
    ),
    Kind(
        "counts_behind",
        "Counts are not folded",
        Severity.WARNING,
        _counts,
        by_hand("Check that a worker and the clock (Celery beat) run"),
    ),
    Kind(
        "part_missing",
        "A month has no part of the tables",
        Severity.WARNING,
        _parts,
        by_hand("See that upkeep runs, and what reads the tables for hours"),
    ),
    Kind(
        "erasure_overdue",
        "The deadline of an erasure has passed",
        Severity.CRITICAL,
        _erasures,
        on_page("Open the erasure to see what it waits for", "privacy_erasure"),
    ),
    Kind(
        "archive_behind",
        "The archive is behind",
        Severity.WARNING,
        _archive,
        by_hand("Make the place that ARCHIVE_TO names writable; retention waits until then"),
    ),
    Kind(
        "audit_finding",
        "The audit found an error",
        Severity.CRITICAL,
        _audit,
        by_hand("Run manage.py audit, and report what it prints"),
    ),
)
