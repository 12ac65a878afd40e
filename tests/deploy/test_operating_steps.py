"""The steps of docs/deployment.md after the installation, done as they are written. None is left out.

`.venv/bin/python` is the Python that runs the tests, and what lies in /var lies in a directory of the test.
"""

import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.db import connection

from tests.deploy.test_production_steps import lines
from tests.processes import ROOT, fresh_environment, manage
from tests.waiting import PATIENCE

PAGE = (ROOT / "docs" / "deployment.md").read_text()
SEED = """
from tests.factories import MessageFactory, make_provider
make_provider(nickname="Acme", credentials={"username": "u", "password": "p0"})
MessageFactory(untracked=True)
"""
READ = """
from providers.models import Provider
print(Provider.objects.get(nickname="Acme").credentials["password"])
"""
WRITE = """
from providers.models import Provider
shop = Provider.objects.get(nickname="Acme")
shop.credentials = {{"username": "u", "password": {password!r}}}
shop.save()
"""
# Blocks of the page by what is in them, and what does them; or why no test can.
DONE_BY = {
    "cp .env.example .env": "test_production_steps: they are those of systemd",
    "createuser waypost": "here",
    "granian --interface asgi": "here, by the units",
    "sudo systemctl restart waypost-web@8000      #": "test_production_steps: an upgrade has them",
    "celery --quiet": "here, by the units",
    "sudo useradd": "test_production_steps",
    "docker compose up --build": "needs Docker; test_containers reads compose.yaml",
    "--scale worker=3": "needs Docker",
    "inspect --format '{{.Manifest.Digest}}' postgres": "needs Docker and a registry",
    "docker build --tag": "needs Docker and a registry; test_containers writes a digest as it does",
    "kubectl apply": "needs a cluster; test_containers reads the manifests",
    "proxy nginx --name": "test_production_steps",
    '"status": "ready"': "tests/setup/test_health.py has what is answered",
    "manage.py backup": "here",
    "manage.py restore": "here",
    "rotate_keys": "here",
    "git pull": "test_production_steps",
    "docker compose build": "needs Docker",
    "webhooks reread": "here",
}


def blocks() -> list[str]:
    return re.findall(r"^```\w*\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_every_block_of_the_page_is_done_by_a_test_or_says_why_not() -> None:
    claimed = [[words for words in DONE_BY if words in block] for block in blocks()]
    assert [block for block, words in zip(blocks(), claimed, strict=True) if len(words) != 1] == []
    assert sorted(words for each in claimed for words in each) == sorted(DONE_BY)


@pytest.mark.parametrize("name", ["web@", "worker", "forward", "beat"])
def test_the_commands_of_the_page_are_those_of_the_units(name: str) -> None:
    """test_production_steps starts what the units say."""
    unit = (ROOT / "deploy" / "systemd" / f"waypost-{name}.service").read_text().replace("\\\n", " ")
    (command,) = re.findall(r"^ExecStart=\S+/bin/(.*)$", unit, re.MULTILINE)
    command = command.replace("%%", "%").replace("%i", "8000")
    # There are two webs with half of the processes each; and a file that is being read has its time.
    command = command.replace("--workers 1 ", "--workers 2 ")
    command = command.replace("--workers-kill-timeout 300", "--workers-kill-timeout 10")
    printed = [shlex.split(each) for block in blocks() for each in block.replace("\\\n", " ").splitlines()
               if each.startswith(("granian", "celery"))]  # fmt: skip
    assert shlex.split(command) in printed


def do(line: str, env: dict[str, str], here: Path) -> str:
    line = line.replace(".venv/bin/python", shlex.quote(sys.executable)).replace("/var/", f"{here}/var/")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


def shell(env: dict[str, str], code: str) -> str:
    return manage(env, "shell", "--no-imports", "--command", code).strip()


@pytest.mark.processes
def test_a_backup_becomes_an_installation_somewhere_else(tmp_path: Path) -> None:
    with fresh_environment(tmp_path / "one") as here, fresh_environment(tmp_path / "two") as there:
        here["FIELD_ENCRYPTION_KEYS"] = there["FIELD_ENCRYPTION_KEYS"] = Fernet.generate_key().decode()
        manage(here, "migrate")
        shell(here, SEED)
        (line,) = lines("Backups", "manage.py backup")
        made = do(line, here, tmp_path).strip()
        assert made.startswith(f"{tmp_path}/var/backups/waypost/waypost-")
        (line,) = lines("Backups", "manage.py restore")
        said = do(re.sub(r"/var/\S+", made.replace(str(tmp_path), ""), line), there, tmp_path)
        assert "Every provider is paused" in said
        assert shell(there, READ) == "p0"
        (line, second) = lines("Upgrades", "webhooks reread")
        for each in (line, second):
            do(each, there, tmp_path)


@pytest.mark.processes
def test_keys_are_rotated_and_no_process_meets_a_secret_that_it_cannot_read(tmp_path: Path) -> None:
    """A process that is restarted last still has the keys of the step before."""
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    with fresh_environment(tmp_path) as env:
        before = env | {"FIELD_ENCRYPTION_KEYS": old}
        manage(before, "migrate")
        shell(before, SEED)
        steps = 0
        for line in lines("Rotating keys", "rotate_keys"):
            if found := re.search(r"FIELD_ENCRYPTION_KEYS=([\w,]+) +restart them all", line):
                named = ",".join({"old": old, "new": new}[each] for each in found[1].split(","))
                after = env | {"FIELD_ENCRYPTION_KEYS": named}
                for writer, reader in ((before, after), (after, before)):
                    steps += 1
                    shell(writer, WRITE.format(password=f"p{steps}"))
                    assert shell(reader, READ) == f"p{steps}", line
                before = after
            elif not line.startswith("#"):
                do(line, before, tmp_path)
        assert steps == 6
        assert before["FIELD_ENCRYPTION_KEYS"] == new


@pytest.fixture
def role() -> Iterator[str]:
    if connection.vendor != "postgresql":
        pytest.skip("it is PostgreSQL's")
    name = f"waypost_{os.getpid()}"
    yield name
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path="/postgres").geturl()
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(f'DROP ROLE IF EXISTS "{name}"')


@pytest.mark.processes
def test_a_database_is_made_and_takes_the_tables(role: str, tmp_path: Path) -> None:
    url = urlsplit(os.environ["DATABASE_URL"])
    env = dict(os.environ) | {
        "PGHOST": url.hostname or "", "PGPORT": str(url.port or 5432), "PGUSER": url.username or "",
        "PGPASSWORD": url.password or "", "DATA_DIR": str(tmp_path),
    }  # fmt: skip
    password = "a/long:one@7"
    for line in lines("PostgreSQL", "createuser"):
        argv = shlex.split(line.replace("waypost", role))
        answered(argv, env, [password, password] if "--pwprompt" in argv else [])
    quoted = password.replace("/", "%2F").replace(":", "%3A").replace("@", "%40")
    env["DATABASE_URL"] = url._replace(netloc=f"{role}:{quoted}@{url.hostname}:{url.port or 5432}",
                                       path=f"/{role}").geturl()  # fmt: skip
    manage(env, "migrate")
    owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'campaigns_message'"
    with psycopg.connect(env["DATABASE_URL"]) as server:
        assert server.execute(owner).fetchone() == (role,)


def answered(argv: list[str], env: dict[str, str], words: list[str]) -> None:
    """Runs it at a terminal, and types these words where it asks."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(argv[0], argv, env)
    said = b""
    with suppress(OSError):  # it has ended
        while chunk := os.read(terminal, 1024):
            said += chunk
            if words and said.endswith(b": "):
                os.write(terminal, words.pop(0).encode() + b"\n")
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, said.decode()
