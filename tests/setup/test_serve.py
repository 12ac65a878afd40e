"""`manage.py serve`: several processes that live and end as one."""

import os
import signal
from pathlib import Path

import pytest

from tests.processes import Running, alive, answers, free_port, fresh_environment, running, wait_until

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux' /proc"),
]


def web(serve: Running) -> set[int]:
    return {pid for pid, command in serve.family().items() if "granian" in command}


def test_what_dies_comes_back_and_nothing_stays_behind(tmp_path: Path) -> None:
    port = free_port()
    with (
        fresh_environment(tmp_path / "data") as env,
        running(["manage.py", "serve", "--port", str(port)], env) as serve,
    ):
        assert "Not set up for production: " in serve.wait_for("check --deploy")
        wait_until(lambda: answers(port), timeout=20)
        before = web(serve)
        os.kill(min(before), signal.SIGKILL)  # the parent of the web's processes
        serve.wait_for("web ended with -9; starting it again")
        wait_until(lambda: web(serve) and not web(serve) & before and answers(port), timeout=20)
        assert serve.stop(signal.SIGTERM, timeout=30) == 0
        assert alive(env) == {}
        assert "Traceback" not in serve.output
