"""`make` installs with what there is, and says in words what is missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.setup.prose import ROOT

UV = Path(sys.executable).with_name("uv")
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def install(tmp_path: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """`make install` of nothing, into a virtual environment of its own."""
    (tmp_path / "nothing.lock").touch()
    where = {"VENV": tmp_path / "venv", "FROM": tmp_path / "nothing.lock", "STAMP": tmp_path / "installed"}
    said = [f"{key}={value}" for key, value in (where | given).items()]
    argv = ["make", "--no-print-directory", "install", *said]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "VIRTUAL_ENV"))}
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_uv_is_used_where_it_is(tmp_path: Path) -> None:
    done = install(tmp_path, UV=str(UV), PYTHON=sys.executable)
    assert done.returncode == 0, done.stderr
    assert "uv = " in (tmp_path / "venv" / "pyvenv.cfg").read_text()
    assert (tmp_path / "installed").exists()


def test_where_uv_cannot_install_pip_does(tmp_path: Path) -> None:
    """It reads another configuration, which may lead to another index."""
    uv = tmp_path / "uv"
    uv.write_text(f'#!/bin/sh\n[ "$1" != pip ] && exec {UV} "$@"\n')
    uv.chmod(0o755)
    done = install(tmp_path, UV=str(uv), PYTHON=sys.executable)
    assert done.returncode == 0, done.stderr
    assert "now pip tries" in done.stdout
    assert (tmp_path / "installed").exists()


def test_a_python_that_makes_no_virtual_environment_is_told_of(tmp_path: Path) -> None:
    """As Debian's, without the package that has `ensurepip`."""
    (tmp_path / "ensurepip.py").write_text("raise ImportError")
    python = tmp_path / "python3"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    done = install(tmp_path, UV="", PYTHON=str(python))
    assert done.returncode != 0
    assert "sudo apt install python3-venv" in done.stdout
    assert not (tmp_path / "installed").exists()


def test_a_machine_without_python_is_told_which_are_needed(tmp_path: Path) -> None:
    done = install(tmp_path, UV="", PYTHON="")
    assert done.returncode != 0
    assert "Python 3.11, 3.12, 3.13 or 3.14" in done.stdout
