"""The proxies' examples have the product's own limits, each of which stands in one place."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from config import web
from config.proxy import FILE_SECONDS
from tests.setup.prose import ROOT

WRITTEN = {"nginx": "deploy/nginx/nginx.conf", "caddy": "deploy/caddy/Caddyfile"}


def written(proxy: str, capsys: Any, *options: str) -> str:
    call_command("proxy", proxy, *options)
    text: str = capsys.readouterr().out
    return text


@pytest.mark.parametrize("proxy", WRITTEN)
def test_the_committed_files_are_what_the_command_writes(proxy: str, capsys: Any) -> None:
    assert (ROOT / WRITTEN[proxy]).read_text() == written(proxy, capsys), (
        f"write it anew: python manage.py proxy {proxy} > {WRITTEN[proxy]}"
    )


@pytest.mark.parametrize("proxy", WRITTEN)
def test_a_changed_limit_is_in_the_proxy_too(proxy: str, capsys: Any, settings: Any) -> None:
    settings.INTAKE_MAX_BODY = 2_222_222
    settings.HEADER_SECONDS = 7.5
    text = written(proxy, capsys, "--name", "go.example.com", "--web", "10.0.0.7:9000")
    for each in ("2322222", "7.5s" if proxy == "caddy" else "7500ms", "go.example.com", "10.0.0.7:9000"):
        assert each in text


def flags(text: str) -> dict[str, str]:
    """The options of a granian command, without where it listens and how many processes it has."""
    words = shlex.split(text)
    found = {}
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word.startswith("--"):
            found[word] = "" if after.startswith("--") or "asgi:" in after else after
    return {name: value for name, value in found.items() if name not in ("--host", "--port", "--workers")}


def test_every_way_to_start_the_web_has_the_same_limits() -> None:
    ours = flags(shlex.join(web.command("127.0.0.1", 8000, 1)))
    unit = (ROOT / "deploy/systemd/waypost-web@.service").read_text().replace("\\\n", "")
    (line,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    # Another process answers while it ends, so a large file may be read to its end.
    assert flags(line) == ours | {"--workers-kill-timeout": str(FILE_SECONDS)}
    assert f"TimeoutStopSec={FILE_SECONDS + 10}\n" in unit

    image = dict(re.findall(r"GRANIAN_(\w+)=(\S+)", (ROOT / "Dockerfile").read_text()))
    for name, value in image.items():
        given = ours.get("--" + name.lower().replace("_", "-"))
        assert name in ("HOST", "PORT", "WORKERS") or (given or "true") == value, name


def test_the_docs_show_how_the_web_is_started() -> None:
    text = Path(ROOT / "docs/deployment.md").read_text().replace("\\\n", "")
    (line,) = re.findall(r"^(granian .*)$", text, re.MULTILINE)
    assert flags(line) == flags(shlex.join(web.command("127.0.0.1", 8000, 1)))
