"""The world once a module, in a transaction that is undone, and everybody who may look at it."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.core.files.storage import FileSystemStorage
from django.db import transaction
from django.test import Client, override_settings

from config import roles
from lib.phone_masking import PERMISSION
from tests.roles import world as worlds
from tests.roles.world import World

WAKING = (
    "audience.subscribing", "audience.wishes", "audience.upload", "broadcasts.run.releasing",
    "broadcasts.run.lifecycle", "callbacks.forwarding.forward", "callbacks.webhooks.ingest",
    "campaigns.sending.resend", "campaigns.sending.sample_sends", "providers.lifecycle",
    "privacy.erasing", "templates_app.imports.runs",
)  # fmt: skip


@pytest.fixture(scope="module")
def world(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    files: Path = tmp_path_factory.mktemp("files")
    patch = pytest.MonkeyPatch()
    for module in WAKING:
        patch.setattr(f"{module}.wake", lambda *_: None)
    # Undoing a transaction brings no file back, so none is deleted in one.
    patch.setattr(FileSystemStorage, "delete", lambda *_: None)
    settings = override_settings(
        MEDIA_ROOT=str(files),
        ALLOW_PRIVATE_TARGETS=True,
        INTAKE_GROUP_COMMIT=False,
        PROVIDER_CACHE_SECONDS=0.0,
        PROOF_MINUTES=0,
        ERASURES_FILE=files / "erasures.jsonl",
        ARCHIVE_TO=str(files / "archive"),
    )
    logging.disable(logging.CRITICAL)  # each refused request would log a traceback
    with django_db_blocker.unblock(), settings, transaction.atomic():
        roles.grant(apps)
        yield worlds.make()
        transaction.set_rollback(True)
    logging.disable(logging.NOTSET)
    patch.undo()


@pytest.fixture(scope="module")
def people(world: World) -> dict[str, Client]:
    """By name, each with a browser. `veiled` may do everything and see everything but phone numbers; `former`
    was a superuser, and may not sign in any more."""
    found = {"anonymous": Client()}
    for name in ("nobody", "veiled", "superuser", *roles.ROLES):
        user = User.objects.create_user(name, is_staff=True, is_superuser=name == "superuser")
        if name in roles.ROLES:
            user.groups.add(Group.objects.get(name=name))
        found[name] = Client()
        found[name].force_login(user)
    former = User.objects.create_superuser("former")
    found["former"] = Client()
    found["former"].force_login(former)
    User.objects.filter(pk=former.pk).update(is_staff=False)
    veiled = Permission.objects.exclude(codename=PERMISSION.partition(".")[2])
    User.objects.get(username="veiled").user_permissions.set(veiled)
    return found


@pytest.fixture
def root(people: dict[str, Client]) -> Client:
    """A superuser who gets the page of an error, as a browser does."""
    client = people["superuser"]
    client.raise_request_exception = False
    return client
