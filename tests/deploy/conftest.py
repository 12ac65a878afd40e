"""A site as `docs/deployment.md` has it: nginx with TLS before two processes of the web, on PostgreSQL."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.db import connection

from tests.gateway import basic
from tests.processes import ROOT, answers, free_port, fresh_environment, manage, many_files, wait_until
from tests.waiting import PATIENCE

HOST = "127.0.0.1"
PASSWORD = "a-long-one-for-mira"
UNIT = ROOT / "deploy" / "systemd" / "waypost-web@.service"


def started_by(unit: Path, **put: str) -> list[str]:
    """The command of a unit, run from this project, with its %i as given."""
    text = unit.read_text().replace("\\\n", " ")
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    for name, value in put.items():
        line = line.replace(f"%{name}", value)
    argv = shlex.split(line)
    return [str(Path(sys.executable).parent / Path(argv[0]).name), *argv[1:]]


@dataclass
class Site:
    env: dict[str, str]
    directory: Path
    port: int  # of nginx, for https
    ports: tuple[int, int]  # of the web
    path: str = ""
    reports_url: str = ""
    login: Mapping[str, str] = field(default_factory=dict)
    webs: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    @property
    def certificate(self) -> Path:
        return self.directory / "fullchain.pem"

    @property
    def errors(self) -> str:
        """What nginx complained of."""
        return (self.directory / "error.log").read_text()

    def start(self, port: int) -> None:
        """As systemd does: by the unit's command, then until it answers."""
        log = (self.directory / f"web-{port}.log").open("ab")
        argv = started_by(UNIT, i=str(port))
        self.webs[port] = subprocess.Popen(argv, cwd=ROOT, env=self.env, stdout=log, stderr=log)
        wait = [sys.executable, "deploy/wait_for_web.py", str(port)]
        subprocess.run(wait, cwd=ROOT, check=True, timeout=PATIENCE)

    def stop(self, port: int) -> None:
        self.webs[port].terminate()
        self.webs[port].wait(PATIENCE)

    def restart(self, port: int) -> None:
        self.stop(port)
        self.start(port)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.env["DATABASE_URL"]) as server:
            return server.execute(query).fetchall()  # type: ignore[arg-type]

    def visit(self, **headers: str) -> requests.Session:
        session = requests.Session()
        session.verify = str(self.certificate)
        session.trust_env = False  # which may name other certificates
        session.headers.update({"Referer": self.url} | headers)
        return session

    def signed_in(self) -> requests.Session:
        session = self.visit()
        page = session.get(f"{self.url}/admin/login/", timeout=PATIENCE)
        form = {"login": "mira", "password": PASSWORD, "csrfmiddlewaretoken": session.cookies["csrftoken"]}
        page = session.post(f"{self.url}/admin/login/", form, timeout=PATIENCE, allow_redirects=False)
        assert page.status_code == 302, page.text
        return session

    def run(self, code: str) -> str:
        """Runs some lines of Python in the product, and returns what they print."""
        return manage(self.env, "shell", "--no-imports", "-c", code)


@contextmanager
def nginx(configuration: str, directory: Path, port: int) -> Iterator[None]:
    """The real one, with its own files in the directory. Only where it writes is another place."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert found, "nginx is not installed. On Debian and Ubuntu: apt-get install nginx-light, as .ci/run does"
    text = configuration.replace("/var/log/nginx/", f"{directory}/")
    kept = [
        f"{name}_temp_path {directory}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    ]
    kept.append(f"access_log {directory}/access.log;")
    file = directory / "nginx.conf"
    file.write_text(text.replace("http {\n", "http {\n" + "\n".join(kept) + "\n", 1))
    extra = f"daemon off; pid {directory}/nginx.pid; {'user root;' if os.getuid() == 0 else ''}"
    process = subprocess.Popen([found, "-p", str(directory), "-c", str(file), "-g", extra])
    try:
        wait_until(lambda: process.poll() is not None or answers(port))
        assert process.poll() is None, "nginx does not take the configuration; what it says is above"
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if connection.vendor != "postgresql":
        pytest.skip("a site in production is on PostgreSQL")
    directory = tmp_path_factory.mktemp("site")
    first = free_port(4)
    with fresh_environment(directory / "data") as env, ExitStack() as running:
        made = Site(env, directory, first, (first + 2, first + 3))
        made.env |= {
            "PUBLIC_BASE_URL": made.url,
            "ALLOWED_HOSTS": HOST,
            "TRUSTED_PROXIES": HOST,
            "STATIC_ROOT": str(directory / "static"),
            "HEADER_SECONDS": "60",  # thousands of callers in one slow process may need long
            "BODY_SECONDS": "10",
            "SIGN_IN_LIMIT": "1000/m/ip",
            "SIGN_IN_NAME_LIMIT": "",
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        }
        running.enter_context(many_files(8000))
        _set_up(made)
        key = certificate(made)
        configuration = manage(
            made.env,
            *("proxy", "nginx", "--name", HOST, "--address", HOST, "--port", str(first)),
            *("--plain-port", str(first + 1), "--web", f"{HOST}:{first + 2}", "--web", f"{HOST}:{first + 3}"),
            *("--certificate", str(made.certificate), "--key", str(key)),
        )
        running.enter_context(nginx(configuration, directory, first))
        try:
            for port in made.ports:
                made.start(port)
            yield made
        finally:
            for port in made.webs:
                made.stop(port)


def _set_up(site: Site) -> None:
    manage(site.env, "migrate")
    others = [f"--ignore={app}" for app in ("admin", "import_export")]
    manage(site.env, "collectstatic", "--noinput", *others)
    manage(site.env, "createsuperuser", "--noinput", "--username", "mira", "--email", "")
    made = json.loads(
        manage(
            site.env,
            *("provider", "add", "--nickname", "shop", "--connector", "generic", "--json"),
            *("--waba-number", "15550001111", "--endpoint", "http://127.0.0.1:9/messages"),
        )
    )
    manage(site.env, "provider", "pause", "shop")
    site.path = f"/v1/{made['messages_url'].split('/v1/')[1]}"
    site.reports_url = made["delivery_callback_url"]
    site.login = basic(made["username"], made["password"])


def certificate(site: Site) -> Path:
    """Writes one for HOST, signed by itself, and returns the file of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
    site.certificate.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    file = site.directory / "privkey.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return file
