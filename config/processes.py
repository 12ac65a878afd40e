"""Several processes as one: started together, restarted when one dies, stopped together.

They also end when this process is killed, by `config/undertaker.py`, a process that waits for nothing else.
"""

import contextlib
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Self

STOP_TIMEOUT = 45.0  # seconds: a send call may take 30, and its outcome must be recorded
LOOK = 0.05  # seconds between looks at the children
PAUSE = 1.0  # seconds between the end of a child and its next start


@dataclass(slots=True)
class _Child:
    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    process: subprocess.Popen[bytes]

    def signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


class _Undertaker:
    """Knows the children, and hears by the end of a pipe that this process is gone."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._start()

    def _start(self) -> None:
        # This process may be killed before it can write a line.
        argv = [sys.executable, "-I", str(Path(__file__).with_name("undertaker.py")), *map(str, self._groups)]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True, bufsize=0)

    def began(self, group: int) -> None:
        self._groups.add(group)
        self._tell(group)

    def ended(self, group: int) -> None:
        self._groups.discard(group)
        self._tell(-group)

    def _tell(self, group: int) -> None:
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError):  # `look` sees to it
            self.process.stdin.write(f"{group}\n".encode())

    def look(self) -> None:
        if self.process.poll() is not None:
            self._start()

    def stop(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


class Processes:
    """`with Processes() as processes:` leaves no child behind, whatever happens inside."""

    def __init__(self) -> None:
        self._children: list[_Child] = []
        self.stopping = False
        # From the very start, so that a signal during start-up leaves nothing behind either.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: setattr(self, "stopping", True))
        self._undertaker = _Undertaker()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        full = os.environ | (env or {})
        self._children.append(_Child(name, argv, full, self._spawn(argv, full)))

    def _spawn(self, argv: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        # A group of its own: Ctrl-C reaches only us, and we stop the children in order.
        process = subprocess.Popen(argv, env=env, start_new_session=True)
        self._undertaker.began(process.pid)
        return process

    def run(self) -> None:
        """Until SIGINT, SIGTERM or SIGHUP. A child that dies is started again a second later."""
        while not self.stopping:
            self.look()

    def look(self) -> None:
        """One look at the children, and a short wait."""
        self._undertaker.look()
        for child in self._children:
            if child.process.poll() is not None and not self.stopping:
                self._restart(child)
        sleep(LOOK)

    def _restart(self, child: _Child) -> None:
        code = child.process.returncode
        print(f"{child.name} ended with {code}; starting it again", file=sys.stderr, flush=True)
        # The children of a web server that was killed still hold its port.
        child.signal_group(signal.SIGTERM)
        sleep(PAUSE)
        child.signal_group(signal.SIGKILL)
        self._undertaker.ended(child.process.pid)
        child.process = self._spawn(child.argv, child.env)

    def stop(self) -> None:
        """Ends the children, last started first, each with its own children. They end side by side."""
        self.stopping = True
        children = self._children[::-1]
        for child in children:
            child.process.terminate()
        end = monotonic() + STOP_TIMEOUT
        for child in children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, end - monotonic()))
            child.signal_group(signal.SIGKILL)
            child.process.wait()
            self._undertaker.ended(child.process.pid)
        self._undertaker.stop()
        end_quickly()


def end_quickly() -> None:
    """Python looks through all that is loaded once more before it ends, which takes a second or two."""
    gc.freeze()


@contextlib.contextmanager
def terminal_of_our_own() -> Iterator[None]:
    """Has Ctrl-C reach this process only. It would also end `make`, which would then report an error."""
    if not sys.stdin.isatty() or os.getpgrp() == os.getpid():
        yield
        return
    before = os.tcgetpgrp(sys.stdin.fileno())
    if before != os.getpgrp():  # started in the background, where no Ctrl-C comes
        yield
        return
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # else the kernel would stop us for taking the terminal
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # after Ctrl-Z, `make` could not continue us
    os.setpgid(0, 0)
    os.tcsetpgrp(sys.stdin.fileno(), os.getpgrp())
    try:
        yield
    finally:
        os.tcsetpgrp(sys.stdin.fileno(), before)
