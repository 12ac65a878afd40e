"""Several processes as one: started together, restarted when one dies, stopped together."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, sleep

STOP_TIMEOUT = 45.0


@dataclass(slots=True)
class _Child:
    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    process: subprocess.Popen[bytes]
    started: float


class Processes:
    def __init__(self) -> None:
        self._children: list[_Child] = []
        self._stopping = False

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        full = os.environ | (env or {})
        # A group of its own: Ctrl-C reaches only us, and we stop the children in order.
        process = subprocess.Popen(argv, env=full, start_new_session=True)
        self._children.append(_Child(name, argv, full, process, monotonic()))

    def run(self) -> None:
        """Until SIGINT or SIGTERM. A child that dies is started again, at most once a second."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: setattr(self, "_stopping", True))
        try:
            while not self._stopping:
                for child in self._children:
                    code = child.process.poll()
                    if code is not None and not self._stopping:
                        print(f"{child.name} ended with {code}; starting it again", file=sys.stderr)
                        sleep(max(0.0, 1.0 - (monotonic() - child.started)))
                        child.process = subprocess.Popen(child.argv, env=child.env, start_new_session=True)
                        child.started = monotonic()
                sleep(0.2)
        finally:
            self.stop()

    def stop(self) -> None:
        self._stopping = True
        for child in self._children:
            if child.process.poll() is None:
                child.process.terminate()
        deadline = monotonic() + STOP_TIMEOUT
        for child in self._children:
            try:
                child.process.wait(max(0.1, deadline - monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.process.pid, signal.SIGKILL)
