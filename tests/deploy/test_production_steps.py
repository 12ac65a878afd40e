"""What docs/deployment.md says of a machine with systemd and nginx, done line by line in directories of ours.

Everything is as written, but for what takes root and its machine: no user is made, ports are free ones, and
the units are started by what they say and not by systemd.
"""

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from simulator.server import Simulator
from tests.bsps import NUMBER, bsp
from tests.deploy.calling import Caller
from tests.deploy.conftest import HOST, PASSWORD, Site, certificate, nginx
from tests.gateway import basic
from tests.processes import ROOT, free_port, fresh_environment, many_files, wait_until
from tests.waiting import PATIENCE

NOT_CLONED = shutil.ignore_patterns(".git", ".venv", "node_modules", "var", "__pycache__", ".*_cache", ".env")
# What takes root, or the machine. What systemd is asked for is noted, and done by `Machine.unit`.
STAND_INS = """
sudo() { if [ "$1" = -u ]; then shift 2; fi; "$@"; }
useradd() { :; }
nginx() { :; }
systemctl() { echo "$*" >> "$ASKED"; }
git() { if [ "$1" = clone ]; then cp -R "$CLONE/." "$3"; fi; }
"""


def lines(heading: str, having: str) -> list[str]:
    """The commands of the block under a heading of docs/deployment.md that has these words in it."""
    text = (ROOT / "docs" / "deployment.md").read_text()
    section = re.split(r"\n(?=## )", text.partition(f"\n## {heading}\n")[2])[0]
    (block,) = [
        each for each in re.findall(r"^```\n(.*?)^```", section, re.DOTALL | re.MULTILINE) if having in each
    ]
    return [line for line in block.splitlines() if line.strip()]


def commands(page: str, heading: str) -> set[str]:
    """Those of a section's first block, without who runs them and where, and without what is said of them."""
    text = (ROOT / page).read_text().partition(f"\n## {heading}\n")[2]
    block = text.split("```\n")[1].replace(" && ", "\n")
    bare = (re.sub(r"^sudo (-u waypost )?|\s+#.*", "", line).strip() for line in block.splitlines())
    return {line for line in bare if line}


def test_the_shorter_ways_are_the_same_steps() -> None:
    """So what runs those of systemd runs the README's too; the rest is what takes the place of the units."""
    run = commands("docs/deployment.md", "systemd")
    shorter = commands("docs/deployment.md", "Install")
    assert shorter - run == {"cp .env.example .env", ".venv/bin/python manage.py check --deploy"}
    readme = commands("README.md", "Put it into production")
    assert readme - shorter == {".venv/bin/python manage.py serve"}


class Machine:
    """A root of our own: `/opt/waypost` and the others are directories in it."""

    def __init__(self, root: Path, site: Site, env: dict[str, str]) -> None:
        self.root, self.site = root, site
        self.project = root / "opt" / "waypost"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.asked = root / "asked"
        python = root / "bin" / "python3"
        for name in ("bin", "opt", "etc/systemd/system", "etc/nginx", "var/lib"):
            (root / name).mkdir(parents=True)
        python.symlink_to(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")
        # As of a shell that knows nothing of the suite.
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "LANG", "TMP"))}
        self.env = kept | {"PATH": f"{python.parent}:{os.environ['PATH']}", "HOME": str(root)} | env

    def here(self, text: str) -> str:
        """Paths and ports of the docs and the units, as they are in this test."""
        first, second = self.site.ports
        for theirs, ours in {
            "/opt/waypost": str(self.project),
            "/var/lib/waypost": str(self.root / "var/lib/waypost"),
            "/etc/": f"{self.root}/etc/",
            "@8000": f"@{first}",
            "@8001": f"@{second}",
            "-o waypost ": "",
            "-g waypost ": "",
        }.items():
            text = text.replace(theirs, ours)
        return text

    def do(self, line: str) -> None:
        """One line of the docs, in a shell, in the project as soon as there is one."""
        self.asked.write_text("")
        env = self.env | {"ASKED": str(self.asked), "CLONE": str(self.root / "clone")}
        where = self.project if self.project.exists() else self.root
        argv = ["bash", "-euo", "pipefail", "-c", STAND_INS + self.here(line)]
        done = subprocess.run(
            argv, cwd=where, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        for asked in self.asked.read_text().splitlines():
            verb, *names = asked.split()
            for name in names:
                if verb in ("enable", "restart") and name.startswith("waypost-"):
                    self.unit(name)

    def manage(self, *argv: str) -> str:
        done = subprocess.run(
            [self.project / ".venv/bin/python", "manage.py", *argv],
            cwd=self.project, env=self.env, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def unit(self, name: str) -> None:
        """Starts it, or starts it anew, as its installed file says."""
        self.stop(name)
        kind, at, instance = name.partition("@")
        text = (self.root / f"etc/systemd/system/{kind}{at}.service").read_text().replace("\\\n", " ")
        text = self.here(text).replace("%i", instance).replace("%%", "%")
        told = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
        with (self.root / f"{name}.log").open("ab") as log:
            argv = shlex.split(told["ExecStart"])
            self.running[name] = subprocess.Popen(
                argv,
                cwd=told["WorkingDirectory"],
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if "ExecStartPost" in told:
            argv = shlex.split(told["ExecStartPost"])
            subprocess.run(argv, cwd=told["WorkingDirectory"], env=self.env, check=True, timeout=PATIENCE)

    def stop(self, name: str) -> None:
        if name in self.running:
            self.running[name].terminate()
            self.running.pop(name).wait(PATIENCE)

    def fill_in(self, settings: dict[str, str]) -> None:
        """The first section of .env, as an editor would."""
        file = self.project / ".env"
        text = file.read_text()
        for name, value in settings.items():
            text, found = re.subn(
                rf"^#{name}=.*$", lambda _, line=f"{name}={value}": line, text, flags=re.MULTILINE
            )
            assert found == 1, name
        file.write_text(text)

    def made_with(self, name: str) -> str:
        """What the command prints that .env.example gives for a key."""
        text = (ROOT / ".env.example").read_text()
        command = re.search(rf"Made with: (.+)\n(?:#[^=]*\n)*#{name}=", text)
        assert command, name
        argv = shlex.split(command[1])
        return subprocess.check_output([self.project / ".venv/bin/python", *argv[1:]], text=True).strip()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    first = free_port(4)
    with fresh_environment(tmp_path) as env, many_files(4000):
        site = Site(env, tmp_path, first, (first + 2, first + 3))
        # The simulator's BSP is on this machine, which no setting of production allows.
        made = Machine(
            tmp_path / "root", site, {"ALLOW_PRIVATE_TARGETS": "1", "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
        )
        shutil.copytree(ROOT, made.root / "clone", ignore=NOT_CLONED, symlinks=True)
        yield made
        for name in list(made.running):
            made.stop(name)


def install(machine: Machine) -> None:
    site = machine.site
    for line in lines("systemd", "useradd"):
        if "createsuperuser" in line:  # asks at a terminal
            line += " --noinput --username mira --email ''"
        machine.do(line)
        if ".env.example" in line:
            data = machine.here("/var/lib/waypost")
            keys = {name: machine.made_with(name) for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS")}
            services = {name: site.env[name] for name in ("DATABASE_URL", "CELERY_BROKER_URL")}
            hosts = {"ALLOWED_HOSTS": f"{HOST},wa.example.com", "TRUSTED_PROXIES": HOST}
            machine.fill_in(keys | services | hosts | {"PUBLIC_BASE_URL": site.url, "DATA_DIR": data})
    for line in lines("Reverse proxy", "proxy nginx"):
        key = certificate(site)
        first, second = site.ports
        options = (
            f"--name {HOST} --address {HOST} --port {site.port} --plain-port {site.port + 1} "
            f"--web {HOST}:{first} --web {HOST}:{second} --certificate {site.certificate} --key {key}"
        )
        machine.do(line.replace("--name wa.example.com", options))


@pytest.mark.processes
@pytest.mark.skipif(connection.vendor != "postgresql", reason="production is on PostgreSQL")
def test_the_steps_make_an_installation_that_sends_and_is_upgraded_under_load(
    machine: Machine, simulator: Simulator
) -> None:
    site = machine.site
    install(machine)
    told = machine.manage("check", "--deploy")
    found = re.findall(r"\((?:waypost|security)\.\w+\)", told)
    assert found == ["(waypost.W008)"], "the private targets of this test, and nothing else"

    there = bsp("generic", simulator.url)
    simulator.add_account(there.account)
    made = json.loads(
        machine.manage(
            *("provider", "add", "--nickname", "Acme", "--connector", "generic", "--json"),
            *("--waba-number", NUMBER, "--endpoint", there.provider["endpoint"]),
            *("--credential", f"username={there.account.username}"),
            *("--credential", f"password={there.account.password}"),
        )
    )
    assert made["messages_url"].startswith(site.url)
    site.path = made["messages_url"].removeprefix(site.url)
    site.login = basic(made["username"], made["password"])
    with nginx((machine.root / "etc/nginx/nginx.conf").read_text(), machine.root, site.port):
        answers = asyncio.run(upgraded_while_posting(machine))
        taken = answers[200]
        assert answers == {200: taken}
        wait_until(lambda: len({record.reference for record in simulator.requests}) == taken)
        assert "Traceback" not in "".join(log.read_text() for log in machine.root.glob("*.log"))
    machine.manage("audit")


async def upgraded_while_posting(machine: Machine) -> Counter[int]:
    """The steps of "Upgrades", while messages come in. Returns how often each status was the answer."""
    answers: Counter[int] = Counter()
    over = asyncio.Event()

    async def posting() -> None:
        caller = Caller(machine.site)
        while not over.is_set():
            answers[await caller.post_message()] += 1
            await asyncio.sleep(0.5)
        caller.close()

    async def upgrading() -> None:
        for line in lines("Upgrades", "git pull"):
            await asyncio.to_thread(machine.do, line)
        over.set()

    await asyncio.gather(upgrading(), *(posting() for _ in range(4)))
    return answers
