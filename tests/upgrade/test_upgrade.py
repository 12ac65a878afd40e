"""An upgrade from each stored version, as the docs say, and from today's, by one migration more.

The database has what its version left to do, and this one does it: with the keys, logins and roles of then.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests

from lib.version import VERSION
from simulator.accounts import Account
from simulator.server import Simulator
from tests.bsps import NUMBER
from tests.gateway import SUCCESS, basic, template
from tests.processes import ROOT, answers, free_port, fresh_environment, manage, running, wait_until
from tests.upgrade import dumps, freeze, rows, stored
from tests.waiting import PATIENCE

pytestmark = pytest.mark.processes
TODAY = "today"
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "node_modules", "var", "__pycache__", ".*_cache", ".env")
NEXT = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("privacy", "{last}")]
    operations = [migrations.AddField("hold", "example", models.TextField(null=True))]
"""


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of this state of the code, stored as `make freeze` stores one."""
    directory = tmp_path_factory.mktemp("today")
    freeze.store(directory, os.environ)
    (file,) = directory.glob("*.sql.gz")
    assert file.stat().st_size < 200_000
    return directory


def copy(project: Path) -> Path:
    return Path(shutil.copytree(ROOT, project, ignore=NOT_COPIED, symlinks=True))


def next_version(project: Path) -> Path:
    """A copy of the code with one column more."""
    copy(project)
    last = sorted((project / "privacy/migrations").glob("[0-9]*.py"))[-1].stem
    (project / "privacy/migrations/9999_next.py").write_text(NEXT.format(last=last))
    with (project / "privacy/models.py").open("a") as file:
        file.write('\n\nHold.add_to_class("example", models.TextField(null=True))\n')
    return project


@pytest.fixture(params=[*stored.versions(), TODAY])
def upgrade(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[dict[str, str], Path, Path]]:
    """An environment with an empty database, the directory of a stored one, and the code that comes after."""
    if request.param == TODAY:
        directory = request.getfixturevalue("today")
        project = next_version(tmp_path / "project")
    else:
        directory, project = stored.HERE / request.param, ROOT
    with fresh_environment(tmp_path / "data") as env:
        # What is old is not taken away: the stored database is to be looked at in years, too.
        env |= {"BODY_RETENTION_DAYS": "0", "NUMBER_RETENTION_DAYS": "0"}
        (tmp_path / "data").mkdir(exist_ok=True)
        yield env, directory, project


def test_a_stored_database_is_upgraded_and_works(
    upgrade: tuple[dict[str, str], Path, Path], simulator: Simulator, tmp_path: Path
) -> None:
    env, directory, project = upgrade
    known = stored.restore(env, directory, simulator)
    port = free_port()
    if project != ROOT:
        said = told(env, project)
        assert said["schema"] == "older"
        assert "Run manage.py migrate" in refused(env, project, "worker")
    manage(env, "migrate", project=project)
    assert (told(env, project)["version"], told(env, project)["schema"]) == (VERSION, "current")
    assert "0 silenced" in manage(env, "check", project=project), "each stored secret is opened by its key"
    assert same_as_new(env, project, tmp_path / "new") == (set(), set())

    there = msgspec.structs.replace(msgspec.convert(known["account"], Account), number=NUMBER)
    simulator.add_account(there)
    with running(["manage.py", "serve", "--port", str(port), "--workers", "1"], env, "serve", project):
        wait_until(lambda: answers(port))
        wait_until(lambda: {"queued"} <= sent(simulator))
        taken = requests.post(
            f"http://127.0.0.1:{port}{known['path']}",
            json=template(msgId="new|1767225600|20260105|1|0"),
            headers=basic(known["username"], known["password"]),
            timeout=PATIENCE,
        )
        assert taken.content == SUCCESS
        wait_until(lambda: {"queued", "new"} <= sent(simulator))
        wait_until(lambda: status(env, "unknown") > 30)  # a report that was stored unread tells of it
        ready = f"http://127.0.0.1:{port}/readyz"  # on a slow machine some checks are late
        wait_until(lambda: requests.get(ready, timeout=PATIENCE).json()["status"] == "ready")
        look_at_pages(port)
    manage(env, "audit", project=project)


def test_a_freeze_that_cannot_store_its_databases_changes_nothing(tmp_path: Path) -> None:
    project = copy(tmp_path / "project")
    nowhere = f"postgres://postgres@127.0.0.1:{free_port()}/postgres"
    argv = [sys.executable, "-m", "tests.upgrade.freeze", "9.0.0"]
    env = os.environ | {"DATABASE_URL": nowhere}
    done = subprocess.run(argv, cwd=project, env=env, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode != 0
    assert "refused" in done.stderr
    assert files(project) == files(ROOT)


def files(project: Path) -> dict[str, bytes]:
    """What a freeze writes."""
    written = [*(project / name for name in freeze.TOLD), project / "CHANGELOG.md"]
    return {
        file.relative_to(project).as_posix(): file.read_bytes()
        for file in (*written, *(each for each in (project / "tests/upgrade").rglob("*") if each.is_file()))
        if "__pycache__" not in file.parts
    }


def told(env: dict[str, str], project: Path) -> Any:
    return json.loads(manage(env, "version", "--json", project=project))


def refused(env: dict[str, str], project: Path, *argv: str) -> str:
    command = [sys.executable, "manage.py", *argv]
    done = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1, done.stdout
    return done.stderr


def sent(simulator: Simulator) -> set[str]:
    """The beginnings of the msgIds that the BSP got."""
    return {record.reference.split("|")[0] for record in simulator.requests}


def status(env: dict[str, str], msg_id: str) -> int:
    query = f"SELECT status FROM campaigns_message WHERE msg_id LIKE '{msg_id}|%'"
    ((found,),) = dumps.rows(env, query)
    return int(found)


def same_as_new(env: dict[str, str], project: Path, directory: Path) -> tuple[set[str], set[str]]:
    """What only the upgraded database has, and what only a new one has."""
    with fresh_environment(directory) as new:
        manage(new, "migrate", project=project)
        upgraded, made = dumps.tables(env), dumps.tables(new)
    assert made
    return upgraded - made, made - upgraded


def look_at_pages(port: int) -> None:
    """Whoever could sign in still can, and finds what was there."""
    url = f"http://127.0.0.1:{port}/admin"
    session = requests.Session()
    session.headers["Referer"] = url
    session.get(f"{url}/login/", timeout=PATIENCE)
    form = {"login": "mira", "password": rows.PASSWORD, "csrfmiddlewaretoken": session.cookies["csrftoken"]}
    page = session.post(f"{url}/login/", form, timeout=PATIENCE, allow_redirects=False)
    assert page.status_code == 302, page.text
    for path, words in {
        "": "Acme", "campaigns/message/": "order_ready", "broadcasts/broadcast/": "Spring sale",
        "audience/contact/": "Asha", "operations/incident/": "Acme", "stats/": "Acme",
    }.items():  # fmt: skip
        page = session.get(f"{url}/{path}", timeout=PATIENCE)
        assert (page.status_code, words in page.text) == (200, True), path
