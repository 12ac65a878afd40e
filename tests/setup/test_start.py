"""A process loads what it needs: the web and every command are there within about a second."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.setup.prose import ROOT

# Libraries that take a twentieth of a second and more to load, or that come with all pages.
PAGES = {"config.urls", "config.admin", "openpyxl", "fido2.webauthn"}
CALLS = {"aiohttp", "apprise", "sentry_sdk", "opentelemetry", "simulator.server"}


def loaded(code: str, data_dir: Path) -> set[str]:
    """The modules that a fresh process has after this code."""
    argv = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules, sep='\\n')"]
    env = os.environ | {"DATA_DIR": str(data_dir), "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_web_has_its_pages_and_no_library_that_only_callers_need(tmp_path: Path) -> None:
    found = loaded("import config.asgi", tmp_path)
    assert not CALLS & found
    assert found >= PAGES, "the first to ask for a page would wait until it is loaded"


@pytest.mark.parametrize("command", ["provider", "incidents", "token", "backup", "worker", "version"])
def test_a_command_loads_no_page(tmp_path: Path, command: str) -> None:
    load = f"management.load_command_class(management.get_commands()[{command!r}], {command!r})"
    found = loaded(f"import django; django.setup(); from django.core import management; {load}", tmp_path)
    assert not (PAGES | CALLS) & found
