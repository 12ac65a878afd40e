"""A provider that is no longer used: out of lists, menus and sending, with its history and its webhooks."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from callbacks.models import Webhook
from campaigns.models import Message, Status
from campaigns.sending import dispatch
from campaigns.tasks import upkeep
from providers import auth, description, lifecycle
from providers.models import Provider
from templates_app.imports import runs
from tests.factories import MessageFactory, make_provider
from tests.gateway import call, post, template

LIST = "/admin/providers/provider/"


@pytest.fixture
def old(db: None) -> Provider:
    return make_provider(nickname="Old number")


@pytest.fixture
def archived(old: Provider, bsp: Provider) -> Provider:
    lifecycle.archive(old)
    auth.forget()
    old.refresh_from_db()
    return old


def text(response: Any) -> str:
    return str(response.content.decode())


def page(provider: Provider, what: str = "change") -> str:
    return f"{LIST}{provider.pk}/{what}/"


def listed(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("provider", "list", "--json", *arguments, stdout=out)
    return [row["nickname"] for row in json.loads(out.getvalue())]


def test_it_leaves_the_list_and_the_menus(operator: Client, archived: Provider, bsp: Provider) -> None:
    for url in (
        LIST,
        "/admin/templates_app/template/import-now/",
        "/admin/templates_app/template/add/",
        "/admin/broadcasts/broadcast/add/",
        "/admin/campaigns/message/",
    ):
        shown = text(operator.get(url, follow=True))
        assert bsp.nickname in shown, url
        assert "Old number" not in shown, url
    assert "Old number" in text(operator.get(f"{LIST}?state=archived"))


def test_its_history_stays_readable(operator: Client, archived: Provider) -> None:
    MessageFactory(provider=archived)
    shown = text(operator.get(page(archived)))
    assert "In the archive since" in shown
    shown = text(operator.get(f"/admin/campaigns/message/?provider={archived.pk}"))
    assert "Old number" in shown


def test_nothing_is_sent(archived: Provider) -> None:
    MessageFactory(provider=archived, status=Status.QUEUED)
    dispatch.drain(archived.pk)
    assert Message.objects.get().status == Status.QUEUED
    Message.objects.update(queued_at=timezone.now() - archived.validity - timedelta(minutes=1))
    upkeep()
    assert Message.objects.get().status == Status.FAILED


def test_clevertap_finds_no_endpoint(archived: Provider) -> None:
    assert post(archived, template()).status == 403
    assert Client().get(f"/v1/{archived.public_id}/templates").status_code == 404


def test_its_webhooks_are_taken(archived: Provider) -> None:
    path = description.urls(archived)["webhook_url"].partition("//")[2].partition("/")[2]
    assert call("POST", f"/{path}", b"{}").status == 200
    assert Webhook.objects.filter(provider=archived).exists()


def test_its_templates_are_not_imported_by_themselves(archived: Provider) -> None:
    Provider.objects.filter(pk=archived.pk).update(import_every=3600, created_at=timezone.now())
    assert runs.schedule(timezone.now() + timedelta(days=1)) == 0


def test_archiving_and_restoring_on_its_page(operator: Client, old: Provider) -> None:
    assert "/archive" in text(operator.get(page(old)))
    assert "In the archive" in text(operator.get(page(old, "archive")))
    operator.post(page(old, "archive"))
    old.refresh_from_db()
    assert (old.archived_at is not None, old.state) == (True, "paused")
    shown = text(operator.get(page(old)))
    assert page(old, "restore").rstrip("/") in shown
    assert page(old, "resume").rstrip("/") not in shown
    operator.post(page(old, "restore"))
    old.refresh_from_db()
    assert (old.archived_at, old.state) == (None, "paused")
    operator.post(page(old, "resume"))
    old.refresh_from_db()
    assert old.state == "active"


def test_those_who_may_only_look_archive_nothing(looker: Client, old: Provider) -> None:
    looker.post(page(old, "archive"), status=403)
    looker.post(page(old, "restore"), status=403)
    old.refresh_from_db()
    assert old.archived_at is None


def test_the_mark_as_default_is_free_again(old: Provider) -> None:
    Provider.objects.filter(pk=old.pk).update(is_default=True)
    lifecycle.archive(old)
    assert not Provider.objects.filter(is_default=True).exists()


def test_from_the_command_line(old: Provider, bsp: Provider) -> None:
    call_command("provider", "archive", "Old number", stdout=StringIO())
    assert listed() == [bsp.nickname]
    assert listed("--archived") == ["Old number"]
    with pytest.raises(CommandError, match="Restore it first"):
        call_command("provider", "resume", "Old number", stdout=StringIO())
    call_command("provider", "restore", "Old number", stdout=StringIO())
    assert set(listed()) == {bsp.nickname, "Old number"}
    with pytest.raises(CommandError, match="is not in the archive"):
        call_command("provider", "restore", "Old number", stdout=StringIO())
