"""The trail: what entries say, that nobody changes one, how it is kept and passed on."""

import csv
import io
import json
import logging
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command, get_commands
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from accounts import tasks, trail
from accounts.models import Entry
from config import roles
from lib.redact import MASK
from operations.models import Channel, Incident, Rule
from providers.models import Provider
from tests.admin.test_provider_form import ADD, FORM
from tests.audience.test_pages import choose
from tests.factories import MessageFactory
from tests.reconciliation.test_pages import HEAD, send
from tests.visitor import Visitor, visiting

pytestmark = pytest.mark.django_db
What = Entry.What
NUMBER = "919812345601"
# Commands: those whose entries other tests ask for, and those that change nothing and show nobody's number.
NOTED_ELSEWHERE = {
    "token", "second_factor", "provider", "acceptance", "backup", "restore", "createsuperuser",
    "changepassword",
}  # fmt: skip
QUIET = {
    "audit", "check", "metrics", "migrate", "proxy", "reconcile", "stats", "serve", "worker",
    "run_demo", "version", "simulator", "collectstatic", "findstatic", "spectacular", "generateschema",
    "clearsessions", "sendtestemail", "diffsettings", "makemessages", "compilemessages",
    "makemigrations", "optimizemigration", "squashmigrations", "showmigrations", "sqlflush",
    "sqlmigrate", "sqlsequencereset", "inspectdb", "startapp", "startproject", "test",
    "createcachetable", "remove_stale_contenttypes", "account_unsetmultipleprimaryemails",
}  # fmt: skip
# Whoever may start these has the database itself: docs/accounts.md says so.
LIKE_A_SHELL = {
    "shell", "dbshell", "dumpdata", "loaddata", "flush", "import", "export", "runserver", "testserver",
}  # fmt: skip


def told(**about: Any) -> list[str]:
    return [
        f"{entry.who} {entry.what} {entry.name}" for entry in Entry.objects.filter(**about).order_by("pk")
    ]


def only(**about: Any) -> Entry:
    return Entry.objects.get(**about)


def auditor() -> Visitor:
    user = User.objects.create_user("otto", is_staff=True)
    user.groups.add(Group.objects.get(name="auditors"))
    return entered(user)


def entered(user: User) -> Visitor:
    """Somebody who signed in a while ago."""
    visitor = visiting(user)
    Entry.objects.all().delete()
    return visitor


@pytest.fixture(autouse=True)
def _groups(db: None) -> None:
    roles.grant(apps)


def test_signing_in_failing_to_and_signing_out() -> None:
    User.objects.create_superuser("asha", password="a-long-one-1")
    client = Client(REMOTE_ADDR="192.0.2.7")
    client.post("/admin/login/", {"login": "asha", "password": "guess"})
    client.post("/admin/login/", {"login": "asha", "password": "a-long-one-1"})
    client.post("/admin/logout/")
    assert told() == [" not-signed-in asha", "asha signed-in asha", "asha signed-out asha"]
    assert set(Entry.objects.values_list("address", flat=True)) == {"192.0.2.7"}
    assert "guess" not in str(list(Entry.objects.values()))


def test_the_address_is_the_one_our_own_proxy_saw(settings: Any) -> None:
    given = {"REMOTE_ADDR": "10.0.0.2", "HTTP_X_FORWARDED_FOR": "203.0.113.1, 198.51.100.9"}
    for proxies, address in (
        ([], "10.0.0.2"),
        (["192.0.2.0/24"], "10.0.0.2"),
        (["10.0.0.0/8"], "198.51.100.9"),
        (["10.0.0.2", "198.51.100.9"], "203.0.113.1"),
    ):
        settings.TRUSTED_PROXIES = proxies
        Client(**given).post("/admin/login/", {"login": "x", "password": "y"})
        assert Entry.objects.latest("pk").address == address, proxies


def test_a_change_says_old_and_new_but_no_secret(admin_client: Visitor, provider: Provider) -> None:
    from tests.roles.filling import filled

    url = f"/admin/providers/provider/{provider.pk}/change/"
    shown = filled(admin_client.get(url).content.decode())
    secret = {name: "n0t-for-anybodys-eyes" for name in shown if "password" in name or "secret" in name}
    admin_client.post(url, shown | secret | {"nickname": "Renamed"})
    entry = only(what=What.CHANGED)
    assert entry.details["changes"]["nickname"] == [provider.nickname, "Renamed"]
    assert (entry.kind, entry.key, entry.name) == ("providers.provider", str(provider.pk), "Renamed")
    assert "n0t-for-anybodys-eyes" not in str(entry.details)


def test_the_rows_on_a_form_are_told_too(admin_client: Visitor) -> None:
    from tests.roles.filling import filled

    channel = Channel.objects.create(name="pager", how="webhook", address="https://alarm.example/")
    _, kept = (Rule.objects.create(channel=channel, after_minutes=5) for _ in range(2))
    url = f"/admin/operations/channel/{channel.pk}/change/"
    shown = filled(admin_client.get(url).content.decode())
    admin_client.post(
        url, shown | {"rules-0-DELETE": "on", "rules-1-after_minutes": "9", "rules-1-kinds": []}
    )
    assert list(channel.rules.values_list("pk", "after_minutes")) == [(kept.pk, 9)]
    changes = only(what=What.CHANGED).details["changes"]
    assert changes == {"rule 1": "deleted", "rule 2 after_minutes": [5, 9]}


def test_roles_and_passwords(admin_client: Visitor) -> None:
    from tests.roles.filling import filled

    user = User.objects.create_user("asha")
    url = f"/admin/auth/user/{user.pk}/change/"
    group = Group.objects.get(name="auditors")
    admin_client.post(url, filled(admin_client.get(url).content.decode(), groups=[group.pk]))
    assert only(what=What.CHANGED).details["changes"]["groups"] == [[], ["auditors"]]
    passwords = {"password1": "a-long-one-1", "password2": "a-long-one-1", "usable_password": "true"}
    admin_client.post(f"/admin/auth/user/{user.pk}/password/", passwords)
    assert told(what=What.PASSWORD) == ["admin password asha"]
    assert "a-long-one-1" not in str(list(Entry.objects.values()))


def test_an_export_says_its_filter_and_how_many_rows() -> None:
    for _ in range(3):
        MessageFactory(to=NUMBER)
    answer = auditor().get("/admin/campaigns/message/export/", {"q": NUMBER})
    assert Entry.objects.count() == 0  # not before it is fetched
    assert NUMBER in b"".join(answer.streaming_content).decode()
    entry = only()
    assert (entry.who, entry.what, entry.name) == ("otto", "exported", "messages")
    assert entry.details == {"filter": {"q": NUMBER}, "rows": 3, "whole_numbers": True}


@pytest.mark.parametrize(
    "address", ["/api/stats/export/campaigns.csv", "/admin/stats/reconciliation/export.csv"]
)
def test_no_character_in_the_address_keeps_an_export_from_being_noted(
    admin_client: Visitor, address: str
) -> None:
    answer = admin_client.get(address, {"nowhere\0": "x\0y"})
    assert b"".join(answer.streaming_content)
    assert only(what=What.EXPORTED).details["filter"] == {"nowhere\ufffd": "x\ufffdy"}


def test_an_export_that_is_broken_off_is_noted_too() -> None:
    for _ in range(3):
        MessageFactory(to=NUMBER)
    from django.test import RequestFactory

    request = RequestFactory().get("/")
    rows = trail.exported(request, "messages", iter([["to"], [NUMBER], [NUMBER]]))
    next(rows), next(rows)
    rows.close()
    assert only().details["rows"] == 1


def test_looking_on_is_noted_once_in_a_while() -> None:
    message = MessageFactory(to=NUMBER)
    looking, url = auditor(), f"/admin/campaigns/message/{message.pk}/change/"
    for _ in range(3):
        looking.get(url)
    assert told() == [f"otto looked {url}"]
    Entry.objects.all().delete()
    looking.get(url)
    assert len(told()) == 1


def test_who_sees_masked_numbers_looks_at_none() -> None:
    message = MessageFactory(to=NUMBER)
    user = User.objects.create_user("nina", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_message"))
    entered(user).get(f"/admin/campaigns/message/{message.pk}/change/")
    assert told() == []


def test_the_command_line_is_noted() -> None:
    User.objects.create_superuser("asha")
    call_command("token", "add", "--user", "asha", "--scope", "stats:read", stdout=io.StringIO())
    entry = only()
    assert entry.what == "token"
    assert entry.by.startswith("command line of ")
    assert entry.details == {"user": "asha", "scopes": "stats:read"}


def test_it_says_who_was_added_and_whose_password_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    call_command("createsuperuser", "--username", "asha", "--email", "", "--noinput", stdout=io.StringIO())
    monkeypatch.setattr("getpass.getpass", lambda **_: "four unrelated words")
    call_command("changepassword", "asha", stdout=io.StringIO())
    assert told() == [" added asha", " password asha"]
    assert all(entry.by.startswith("command line of ") for entry in Entry.objects.all())


def test_it_says_what_a_provider_was_and_is_but_no_secret(provider: Provider, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("n0t-for-anybodys-eyes\n")
    options = ["--max-concurrency", "70", "--validity", "600", "--credential-file", f"password={secret}"]
    call_command("provider", "set", provider.nickname, *options, stdout=io.StringIO())
    changes = only(what=What.CHANGED).details["changes"]
    assert changes["max_concurrency"] == [provider.max_concurrency, 70]
    assert changes["validity"] == ["1 day", "10 minutes"]
    assert changes["credentials"] == MASK
    assert "n0t-for-anybodys-eyes" not in str(changes)
    call_command("provider", "pause", provider.nickname, "--reason", "maintenance", stdout=io.StringIO())
    assert only(what=What.PAUSED).details["changes"]["paused_reason"] == ["", "maintenance"]


def test_so_is_what_it_does_to_providers(provider: Provider) -> None:
    call_command("provider", "pause", provider.nickname, "--reason", "maintenance", stdout=io.StringIO())
    call_command("provider", "credentials", provider.nickname, stdout=io.StringIO())
    call_command("provider", "list", stdout=io.StringIO())
    assert told() == [f" paused {provider.nickname}", f" credentials {provider.nickname}"]


def test_no_command_changes_or_shows_anything_unseen(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> None:
    settings.ARCHIVE_TO = str(tmp_path)
    incident = Incident.objects.create(
        kind="provider_paused", scope="x", subject="Shop", severity=2, began_at=timezone.now(),
        seen_at=timezone.now(), text="It is banned",
    )  # fmt: skip
    monkeypatch.setattr("sys.stdin", io.StringIO("http://127.0.0.1:9/\n"))
    noted = set()
    for arguments, entry in (
        ("alarm add mine --webhook", "added mine"),
        ("alarm test mine", "sent mine"),
        (f"incidents silence {incident.pk} --hours 1 --reason banned", f"changed {incident}"),
        (f"incidents ack {incident.pk}", f"changed {incident}"),
        ("webhooks reread", "started webhooks read again"),
        ("inbound list", "looked inbound messages"),
        ("audience list", "looked contacts"),
        ("audience show 919812345601", "looked contacts of 919812345601"),
        ("audience show IN.1234567890", "looked contacts of IN.1234567890"),
        ("person show 919812345601", "looked everything about ~"),
        ("person erase 919812345601 --dry-run", "looked everything about ~"),
        ("retention run", "started retention run"),
        ("archive run", "started archive"),
        (f"templates import {provider.nickname}", "started "),
        ("rotate_keys", "changed encryption keys"),
    ):
        Entry.objects.all().delete()
        with suppress(CommandError):  # the BSP and the channel do not answer
            call_command(*arguments.split(), stdout=io.StringIO())
        assert [each for each in told() if each.strip().startswith(entry)], arguments
        noted.add(arguments.split()[0])
    assert set(get_commands()) - noted - NOTED_ELSEWHERE - QUIET == LIKE_A_SHELL


# Keeping it


def test_no_entry_can_be_changed() -> None:
    trail.note(None, What.PAUSED, "all of it")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Entry.objects.update(who="somebody else")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        only().save()
    assert only().who == ""


def test_not_even_by_a_superuser_in_the_admin(admin_client: Visitor) -> None:
    Entry.objects.all().delete()
    trail.note(None, What.PAUSED, "all of it")
    url = f"/admin/accounts/entry/{only().pk}"
    admin_client.get(f"{url}/change/")
    admin_client.post(f"{url}/change/", {"who": "x"}, status=403)
    admin_client.post(f"{url}/delete/", {"post": "yes"}, status=403)
    chosen = {"action": "delete_selected", "_selected_action": [only().pk], "post": "yes"}
    admin_client.post("/admin/accounts/entry/", chosen)
    assert Entry.objects.count() == 1


def test_what_is_old_is_forgotten(settings: Any) -> None:
    for days in (1, 29, 31, 400):
        trail.note(None, What.PAUSED, str(days))
        entry = Entry.objects.latest("pk")
        entry.delete()
        entry.at = timezone.now() - timedelta(days=days)
        entry.save(force_insert=True)
    settings.TRAIL_RETENTION_DAYS = 0
    tasks.upkeep()
    assert Entry.objects.count() == 4
    settings.TRAIL_RETENTION_DAYS = 30
    tasks.upkeep()
    assert sorted(Entry.objects.values_list("name", flat=True)) == ["1", "29"]


def test_its_page_filters_and_exports() -> None:
    looking = auditor()
    trail.note(None, What.PAUSED, "one")
    trail.note(None, What.RESUMED, f"two of {NUMBER}", filter={"q": "x"})
    page = looking.get("/admin/accounts/entry/", {"what": "resumed"}).content.decode()
    assert NUMBER in page
    assert len(looking.get("/admin/accounts/entry/", {"q": "otto"}).context["cl"].result_list) == 1
    answer = looking.get("/admin/accounts/entry/export/", {"what": "resumed"})
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert [(row["What"], row["Name"]) for row in rows] == [("resumed", f"two of {NUMBER}")]


# Passing it on


@pytest.mark.django_db(transaction=True)
def test_it_goes_to_a_file_as_lines_of_json(tmp_path: Path) -> None:
    from logging.handlers import WatchedFileHandler

    handler = WatchedFileHandler(tmp_path / "trail.log")
    logger = logging.getLogger("waypost.trail")
    logger.addHandler(handler)
    try:
        trail.note(None, What.PAUSED, "all of it", reason="maintenance")
        with transaction.atomic():
            trail.note(None, What.RESUMED, "what was undone")
            transaction.set_rollback(True)
    finally:
        logger.removeHandler(handler)
    (line,) = (tmp_path / "trail.log").read_text().splitlines()
    found = json.loads(line)
    assert (found["what"], found["name"], found["details"]) == (
        "paused",
        "all of it",
        {"reason": "maintenance"},
    )


# What needs a filled-in form or a file


def test_a_new_provider_and_its_credentials(admin_client: Visitor) -> None:
    form = FORM | {"credential__generic__username": "shop", "credential__generic__password": "pass-w0rd-31"}
    admin_client.post(ADD, form, follow=True)
    added, shown = Entry.objects.exclude(what=What.SIGNED_IN).order_by("pk")
    assert (added.what, shown.what, shown.name) == ("added", "credentials", "Shop 2")
    assert added.details["changes"]["nickname"] == [None, "Shop 2"]
    assert "pass-w0rd-31" not in str(added.details)


def test_files_that_are_taken(admin_client: Visitor, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    choose(admin_client)
    send(admin_client, HEAD + "2026-03-17,c1,3,2,0,0\n")
    found = Entry.objects.filter(what=What.ADDED).order_by("pk")
    assert [entry.kind for entry in found] == ["audience.upload", "stats.report"]
