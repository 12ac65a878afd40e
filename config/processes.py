"""Several processes as one: started together, restarted when one dies, stopped together."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import sleep
from typing import Self

STOP_TIMEOUT = 45.0  # a send call may take 30 seconds, and its outcome is to be written down
LOOK = 0.1
PAUSE = 1.0  # between a child's death and its next life


@dataclass(slots=True)
class _Child:
    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    process: subprocess.Popen[bytes]

    def signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


class Processes:
    """`with Processes() as processes:` leaves no child behind, whatever happens inside."""

    def __init__(self) -> None:
        self._children: list[_Child] = []
        self.stopping = False
        # From the very start, so that a signal during start-up leaves nothing behind either.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: setattr(self, "stopping", True))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        full = os.environ | (env or {})
        self._children.append(_Child(name, argv, full, _spawn(argv, full)))

    def run(self) -> None:
        """Until SIGINT, SIGTERM or SIGHUP. A child that dies is started again a second later."""
        while not self.stopping:
            self.look()

    def look(self) -> None:
        """One look at the children, and a short wait."""
        for child in self._children:
            if child.process.poll() is not None and not self.stopping:
                self._restart(child)
        sleep(LOOK)

    def _restart(self, child: _Child) -> None:
        code = child.process.returncode
        print(f"{child.name} ended with {code}; starting it again", file=sys.stderr, flush=True)
        # What a killed web server leaves behind still answers at its port, but for nobody's good.
        child.signal_group(signal.SIGTERM)
        sleep(PAUSE)
        child.signal_group(signal.SIGKILL)
        child.process = _spawn(child.argv, child.env)

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


@contextlib.contextmanager
def terminal_of_our_own() -> Iterator[None]:
    """Ctrl-C reaches us alone. It would also end `make`, which then calls a proper end an error."""
    if not sys.stdin.isatty() or os.getpgrp() == os.getpid():
        yield
        return
    before = os.tcgetpgrp(sys.stdin.fileno())
    if before != os.getpgrp():  # started in the background, where no Ctrl-C comes
        yield
        return
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # or we would be stopped for changing it
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # make could not be continued
    os.setpgid(0, 0)
    os.tcsetpgrp(sys.stdin.fileno(), os.getpgrp())
    try:
        yield
    finally:
        os.tcsetpgrp(sys.stdin.fileno(), before)
