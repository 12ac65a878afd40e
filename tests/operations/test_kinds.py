"""Every kind of incident: found from the rows, once, with what to do, and over when they say so."""

from collections import namedtuple
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from operations import certificates, signs, tasks
from operations.incidents.look import look
from operations.kinds import KINDS, Kind
from operations.kinds import system as system_kinds
from operations.models import Expiry, Incident, Sign
from providers.models import CallCount, CallSample, Provider
from tests.factories import make_provider
from tests.operations.situations import SITUATIONS

pytestmark = pytest.mark.django_db
# Of the machine, the settings, and of PostgreSQL alone: no row makes them so.
OF_THE_MACHINE = {
    "disk_full",
    "database_connections",
    "database_size",
    "migration_pending",
    "proxy_unnamed",
    "archive_behind",  # tests/archive
}
OF_EVERYTHING = {
    "process_missing",
    "counts_behind",
    "part_missing",
    "certificate_ending",
    "audit_finding",
    "alarms_unreachable",
    "secrets_unreadable",
    "erasure_overdue",
}


def test_every_kind_has_a_situation() -> None:
    assert set(SITUATIONS) | OF_THE_MACHINE == set(KINDS)


@pytest.mark.parametrize("slug", SITUATIONS)
def test_it_opens_once_and_ends_by_itself(slug: str) -> None:
    provider, other = make_provider(), make_provider()
    kind = KINDS[slug]
    now = timezone.now()
    assert look(now, [kind]).opened == [], "while all is well"

    SITUATIONS[slug].begin(provider)
    now += timedelta(seconds=10)
    opened = look(now, [kind]).opened
    assert opened
    assert look(now, [kind]).opened == [], "it is open already"
    for incident in opened:
        assert incident.provider_id == (None if slug in OF_EVERYTHING else provider.pk), "not the other's"
        assert incident.text
        step = kind.step(incident)
        assert step.words
        assert step.url.startswith("/admin/")

    SITUATIONS[slug].end(provider)
    now += kind.calm + timedelta(seconds=10)
    assert {each.pk for each in look(now, [kind]).ended} == {each.pk for each in opened}
    assert not Incident.objects.filter(ended_at=None).exists()
    assert other.pk, "the other provider was well all the time"


@pytest.mark.parametrize("slug", SITUATIONS)
def test_its_number_leads_to_what_it_counts(slug: str, admin_client: Any) -> None:
    provider = make_provider()
    SITUATIONS[slug].begin(provider)
    kind = KINDS[slug]
    for incident in look(timezone.now(), [kind]).opened:
        for url in filter(None, (kind.behind(incident), kind.step(incident).url)):
            assert admin_client.get(url).status_code == 200, url


@pytest.mark.parametrize("slug", SITUATIONS)
def test_more_providers_ask_no_more_questions(slug: str) -> None:
    def asked() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            list(KINDS[slug].find(timezone.now()))
        return len(queries)

    first = make_provider()
    SITUATIONS[slug].begin(first)
    once = asked()
    if slug not in OF_EVERYTHING:
        for provider in (make_provider(), make_provider()):
            SITUATIONS[slug].begin(provider)
    assert asked() == once


def test_failures_lead_to_the_errors_of_just_what_they_are_of() -> None:
    provider, kind = make_provider(nickname="Shop"), KINDS["failures_risen"]
    SITUATIONS[kind.slug].begin(provider)
    opened = {each.scope: kind.behind(each) for each in look(timezone.now(), [kind]).opened}
    mine = "range=24h&{}provider=Shop"
    assert {scope: url.partition("?")[2].replace("&tz=UTC", "") for scope, url in opened.items()} == {
        f"provider:{provider.pk}": mine.format(""),
        f"campaign:{provider.pk}:1767225600": mine.format("campaign=1767225600&"),
        f"template-name:{provider.pk}:order_ready": mine.format("template=order_ready&"),
    }


def test_a_kind_that_fails_leaves_the_others_alone() -> None:
    def broken(now: Any) -> list[Any]:
        raise ValueError("no such column")

    fine = KINDS["provider_paused"]
    bad = Kind("broken", "Broken", fine.severity, broken, fine.step)
    provider = make_provider()
    SITUATIONS["provider_paused"].begin(provider)
    assert [each.kind for each in look(timezone.now(), [bad, fine]).opened] == ["provider_paused"]


def test_what_comes_back_is_a_new_incident() -> None:
    provider, kind, now = make_provider(), KINDS["provider_paused"], timezone.now()
    for _ in range(2):
        SITUATIONS[kind.slug].begin(provider)
        look(now, [kind])
        SITUATIONS[kind.slug].end(provider)
        now += timedelta(minutes=5)
        look(now, [kind])
        now += timedelta(minutes=5)
    assert Incident.objects.filter(ended_at__isnull=False).count() == 2


def test_a_proxy_that_nobody_named(settings: Any) -> None:
    kind = KINDS["proxy_unnamed"]
    settings.TRUSTED_PROXIES = []
    assert list(kind.find(timezone.now())) == [], "plain http comes without one"
    settings.PUBLIC_BASE_URL = "https://waypost.example.test"
    (incident,) = look(timezone.now(), [kind]).opened
    assert "TRUSTED_PROXIES" in incident.text
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    assert look(timezone.now() + kind.calm * 2, [kind]).ended == [incident]


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    kind = KINDS["disk_full"]
    monkeypatch.setattr(system_kinds.shutil, "disk_usage", lambda path: usage(100, 89, 11))
    assert list(kind.find(timezone.now())) == []
    monkeypatch.setattr(system_kinds.shutil, "disk_usage", lambda path: usage(100, 92, 8))
    (incident,) = look(timezone.now(), [kind]).opened
    assert incident.severity == Incident.Severity.WARNING
    monkeypatch.setattr(system_kinds.shutil, "disk_usage", lambda path: usage(100, 98, 2))
    look(timezone.now(), [kind])
    incident.refresh_from_db()
    assert incident.severity == Incident.Severity.CRITICAL, "it became worse"


def test_the_documentation_has_a_part_for_every_kind() -> None:
    page = (Path(settings.BASE_DIR) / "docs" / "operations.md").read_text()
    for slug in KINDS:
        assert f"\n### {slug}\n" in page, slug


def test_an_archived_provider_bothers_nobody() -> None:
    provider = make_provider()
    for slug in ("provider_paused_credentials", "queue_old", "bsp_silent", "webhooks_quarantined"):
        SITUATIONS[slug].begin(provider)
    Provider.objects.filter(pk=provider.pk).update(archived_at=timezone.now())
    assert look(timezone.now()).opened == []


def test_a_pending_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = KINDS["migration_pending"]
    assert list(kind.find(timezone.now())) == []
    monkeypatch.setattr(system_kinds.migrations, "pending", lambda: 2)
    (incident,) = look(timezone.now(), [kind]).opened
    assert incident.text == "2 migrations are not applied to the database."


def test_the_clock_gives_a_sign_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks.look()
    assert list(Sign.objects.values_list("what", flat=True)) == ["worker"]
    tasks.look_by_the_clock()
    Sign.objects.filter(what="clock").update(seen_at=timezone.now() - timedelta(minutes=2))
    (incident,) = look(timezone.now(), [KINDS["process_missing"]]).opened
    assert "clock (Celery beat)" in incident.text
    signs.forget(timezone.now() + timedelta(hours=23, minutes=59))
    assert Sign.objects.count() == 1, "what was away for a day is forgotten"


def test_a_certificate_is_asked_for_once_a_day(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = timezone.now(), []
    monkeypatch.setattr(certificates, "ends_at", lambda *where: asked.append(where) or now)
    settings.PUBLIC_BASE_URL = "http://127.0.0.1"
    certificates.look(now)
    settings.PUBLIC_BASE_URL = "https://wa.example.com"
    for hours in (0, 1, 25):
        certificates.look(now + timedelta(hours=hours))
    assert asked == [("wa.example.com", 443)] * 2
    assert Expiry.objects.get().ends_at == now


def test_a_certificate_that_cannot_be_read_is_no_incident(settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://127.0.0.1:9"
    certificates.look(timezone.now())
    assert Expiry.objects.get().ends_at is None
    assert list(KINDS["certificate_ending"].find(timezone.now())) == []


@pytest.mark.django_db
def test_a_login_that_is_accepted_ends_the_incident_of_a_refused_one(provider: Provider) -> None:
    now = timezone.now()
    CallCount.objects.create(provider=provider, what=CallCount.What.LOGIN, minute=now, calls=3)
    CallSample.objects.create(provider=provider, what=CallCount.What.LOGIN, at=now, text="username 'x'")
    look(now)
    mine = Incident.objects.filter(kind="clevertap_login_refused")
    assert mine.filter(ended_at=None).exists()
    CallSample.objects.create(provider=provider, what=CallCount.What.VALIDATED, at=now + timedelta(seconds=5))
    look(now + timedelta(minutes=10))  # within the window of refused calls
    assert mine.exists()
    assert not mine.filter(ended_at=None).exists()
