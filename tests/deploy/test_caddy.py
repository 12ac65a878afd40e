"""The real Caddy, with the configuration that `manage.py proxy caddy` writes, before the product."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
import requests

from tests.deploy.conftest import HOST, Site
from tests.gateway import SUCCESS, template
from tests.processes import answers, free_port, manage, wait_until
from tests.waiting import PATIENCE

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    """Where Caddy listens. Without TLS, for which it would ask a certificate authority."""
    found = shutil.which("caddy")
    assert found, "Caddy is not installed. On Debian and Ubuntu: apt-get install caddy, as .ci/run does"
    port = free_port()
    url = f"http://{HOST}:{port}"
    webs = [f"--web={HOST}:{each}" for each in site.ports]
    text = manage(site.env, "proxy", "caddy", "--name", url, *webs)
    file = site.directory / "Caddyfile"
    file.write_text(text.replace("{\n\tservers", "{\n\tadmin off\n\tservers", 1))
    env = os.environ | {"XDG_DATA_HOME": str(site.directory), "XDG_CONFIG_HOME": str(site.directory)}
    with (site.directory / "caddy.log").open("wb") as log:
        argv = [found, "run", "--adapter", "caddyfile", "--config", str(file)]
        process = subprocess.Popen(argv, env=env, stdout=log, stderr=log)
    try:
        wait_until(lambda: process.poll() is not None or answers(port))
        assert process.poll() is None, (site.directory / "caddy.log").read_text()
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE)


def test_messages_arrive_up_to_their_limit_and_pages_while_a_web_restarts(site: Site, address: str) -> None:
    def post(size: int = 0) -> requests.Response:
        body = requests.Request("POST", address, json=template()).prepare().body
        assert isinstance(body, bytes)
        headers = {**site.login, "Content-Type": "application/json"}
        return requests.post(address + site.path, body.ljust(size), headers=headers, timeout=PATIENCE)

    assert post(1_000_000).content == SUCCESS
    assert "Bad Request" in post(1_000_001).text, "what is a little too long is answered by the product"
    assert post(1_200_000).status_code in (413, 502)  # 502 up to Caddy 2.6
    for port in site.ports:
        site.stop(port)
        asked = [requests.get(f"{address}/admin/login/", timeout=PATIENCE) for _ in range(10)]
        assert [page.status_code for page in asked] == [200] * 10
        site.start(port)
    assert requests.get(f"{address}/readyz", timeout=PATIENCE).status_code == 403
