"""`manage.py serve`: several processes that live and end as one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config import undertaker
from tests.processes import (
    Migrated,
    Running,
    alive,
    answers,
    free_port,
    fresh_environment,
    running,
    wait_until,
)
from tests.waiting import PATIENCE

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux' /proc"),
]


def web(serve: Running) -> set[int]:
    return {pid for pid, command in serve.family().items() if "granian" in command}


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_what_dies_comes_back_and_nothing_stays_behind(tmp_path: Path) -> None:
    port = free_port()
    with (
        fresh_environment(tmp_path / "data") as env,
        running(["manage.py", "serve", "--port", str(port)], env) as serve,
    ):
        assert "Not set up for production: " in serve.wait_for("check --deploy")
        wait_until(lambda: answers(port))
        before = web(serve)
        (first,) = [pid for pid in before if parent(pid) == serve.pid]
        os.kill(first, signal.SIGKILL)
        serve.wait_for("web ended with -9; starting it again")
        wait_until(lambda: web(serve) and not web(serve) & before and answers(port))
        assert serve.stop(signal.SIGTERM) == 0
        assert alive(env) == {}
        assert "Traceback" not in serve.output


def test_a_serve_that_is_killed_leaves_nobody_and_the_next_one_takes_over(
    migrated: Migrated, tmp_path: Path
) -> None:
    port = free_port()
    argv = ["manage.py", "serve", "--port", str(port)]
    with migrated(tmp_path / "data") as env:
        with running(argv, env, "first") as first:
            first.wait_for("Waypost at")
            wait_until(lambda: answers(port))
            former = set(alive(env))
            with running(argv, env, "second") as second:
                assert second.process.wait(PATIENCE) == 1
                assert (
                    f"running on {env['DATA_DIR']} already (process {first.pid}, port {port})"
                    in second.output
                )
            os.kill(first.pid, signal.SIGKILL)
            first.process.wait(PATIENCE)
            with running(argv, env, "third") as third:
                third.wait_for("Waypost at")
                wait_until(lambda: answers(port))
                wait_until(lambda: not former & set(alive(env)))
                assert third.stop(signal.SIGTERM) == 0
                assert "Traceback" not in third.output
        assert alive(env) == {}


def test_an_undertaker_that_is_killed_is_replaced(migrated: Migrated, tmp_path: Path) -> None:
    port = free_port()
    with (
        migrated(tmp_path / "data") as env,
        running(["manage.py", "serve", "--port", str(port)], env) as serve,
    ):

        def undertakers() -> set[int]:
            return {pid for pid, command in serve.family().items() if "undertaker.py" in command}

        serve.wait_for("Waypost at")
        (first,) = wait_until(undertakers)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: undertakers() - {first})
        os.kill(serve.pid, signal.SIGKILL)
        wait_until(lambda: alive(env) == {})


def test_an_undertaker_knows_from_its_start_whom_it_ends() -> None:
    """The parent may be killed before it has written a line."""
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    argv = [sys.executable, "-I", undertaker.__file__, str(child.pid)]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL):
        assert child.wait(PATIENCE) == -signal.SIGTERM
