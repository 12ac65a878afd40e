"""Several processes as one: started together, restarted when one dies, stopped together."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, sleep

STOP_TIMEOUT = 45.0  # a send call may take 30 seconds, and its outcome is to be written down
LOOK = 0.1


@dataclass(slots=True)
class _Child:
    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    process: subprocess.Popen[bytes]
    started: float

    def signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


class Processes:
    def __init__(self) -> None:
        self._children: list[_Child] = []
        self.stopping = False
        # From the very start, so that a signal during start-up leaves nothing behind either.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: setattr(self, "stopping", True))

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        full = os.environ | (env or {})
        self._children.append(_Child(name, argv, full, _spawn(argv, full), monotonic()))

    def run(self) -> None:
        """Until SIGINT, SIGTERM or SIGHUP. A child that dies is started again, at most once a second."""
        try:
            while not self.stopping:
                self.look()
        finally:
            self.stop()

    def look(self) -> None:
        """One look at the children, and a short wait."""
        for child in self._children:
            if child.process.poll() is not None and not self.stopping:
                self._restart(child)
        sleep(LOOK)

    def _restart(self, child: _Child) -> None:
        code = child.process.returncode
        print(f"{child.name} ended with {code}; starting it again", file=sys.stderr, flush=True)
        child.signal_group(signal.SIGTERM)  # what a killed web server leaves behind holds its port
        sleep(max(0.0, 1.0 - (monotonic() - child.started)))
        child.process = _spawn(child.argv, child.env)
        child.started = monotonic()

    def stop(self) -> None:
        """Ends the children, last started first, each with its own children."""
        self.stopping = True
        for child in reversed(self._children):
            child.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(STOP_TIMEOUT)
            child.signal_group(signal.SIGKILL)
            child.process.wait()


def _spawn(argv: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # A group of its own: Ctrl-C reaches only us, and we stop the children in order.
    return subprocess.Popen(argv, env=env, start_new_session=True)
