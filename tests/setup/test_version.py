"""Which version this is, and that none works on the tables of another."""

import json
import subprocess
import sys
import tomllib
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from config import asgi, celery
from lib import schema
from lib.postgres import parts
from lib.transport import transport
from lib.version import VERSION
from tests.endpoints import Endpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def other_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a pull of code whose migrations are the same by name and have other columns."""
    monkeypatch.setattr(schema, "_same", False)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {schema.TABLE} SET fingerprint = 'x', version = '0.0.9' WHERE app = 'campaigns'"
        )


def ran(*argv: str) -> str:
    out = StringIO()
    call_command(*argv, stdout=out, stderr=out)
    return out.getvalue()


def lifespan() -> list[dict[str, Any]]:
    """What the web tells its server when it is to start."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.shutdown" if sent else "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    async_to_sync(asgi.application)({"type": "lifespan"}, receive, send)
    return sent


def test_the_version_is_told_everywhere(admin_client: Client, endpoint: Endpoint) -> None:
    with (Path(settings.BASE_DIR) / "pyproject.toml").open("rb") as file:
        assert tomllib.load(file)["project"]["version"] == VERSION
    told = json.loads(ran("version", "--json"))
    assert (told["version"], told["schema"]) == (VERSION, "current")
    assert told["database"].startswith(connection.vendor)
    shell = subprocess.run(
        [sys.executable, "manage.py", "version"], capture_output=True, text=True, check=True
    )
    assert shell.stdout.startswith(f"Waypost {VERSION}."), "Django has a command of that name, too"
    assert ran("version") == f"Waypost {VERSION}.\n"
    assert admin_client.get("/readyz").json()["version"] == VERSION
    for page in ("/admin/", "/admin/providers/provider/", "/admin/account/", "/admin/operations/incident/"):
        assert f"Waypost {VERSION}</footer>" in admin_client.get(page).content.decode(), page


def test_the_user_agent_names_it(endpoint: Endpoint) -> None:
    from lib.http import HttpRequest

    transport.send(HttpRequest("POST", endpoint.url, {}, b"{}"), 30)
    assert endpoint.headers[-1]["User-Agent"] == f"Waypost/{VERSION}"


@pytest.mark.usefixtures("other_tables")
def test_every_process_stops_before_the_tables_of_another_version(admin_client: Client) -> None:
    words = "The tables of campaigns were made by another version of the code (0.0.9)"
    assert "go back to the code that made them" in ran("version")
    assert words in ran("check")
    with pytest.raises(CommandError, match="no migration leads from them"):
        ran("worker")
    with pytest.raises(SystemExit, match="no migration leads from them"):
        celery._stand_or_end()
    (failed,) = lifespan()
    assert failed["type"] == "lifespan.startup.failed"
    assert words in failed["message"]
    ready = admin_client.get("/readyz", status=503).json()
    assert words in ready["checks"]["migrations"]["problem"]


@pytest.mark.usefixtures("other_tables")
def test_migrate_without_a_migration_makes_nothing_current() -> None:
    ran("migrate", "--verbosity", "0")
    assert schema.state() == schema.State.OTHER


def test_a_database_without_fingerprints_is_of_a_version_before_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {schema.TABLE}")
    assert "(an earlier version)" in schema.problem()


def test_this_versions_own_tables_stop_nobody() -> None:
    assert [message["type"] for message in lifespan()] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


def test_a_fingerprint_knows_columns_constraints_and_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    from campaigns.models import Message

    app = next(each for each in schema.ours() if each.label == "campaigns")
    before = schema.fingerprint(app)
    field = Message._meta.get_field("to_raw")
    length, field.max_length = field.max_length, 7
    assert schema.fingerprint(app) != before
    field.max_length = length
    dropped = Message._meta.constraints.pop()
    assert schema.fingerprint(app) != before
    Message._meta.constraints.append(dropped)
    assert schema.fingerprint(app) == before
    monkeypatch.delitem(parts.BY, Message._meta.db_table)
    assert schema.fingerprint(app) != before
