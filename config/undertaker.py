"""Ends the children of a process that was killed. Started by `config/processes.py`; run as a file, because it
needs nothing but Python.

Its arguments name the process groups that are there when it starts. Its standard input names the others: 123
for a group that began, -123 for one that has ended. The input ends when the parent has ended, for whatever
reason.
"""

import os
import signal
import sys
import time

PATIENCE = 45.0  # seconds; as in config/processes.py
LOOK = 0.1


def main() -> None:
    groups = {int(group) for group in sys.argv[1:]}
    for line in sys.stdin:
        group = int(line)
        if group > 0:
            groups.add(group)
        else:
            groups.discard(-group)
    end = time.monotonic() + PATIENCE
    left = [group for group in groups if signalled(group, signal.SIGTERM)]
    while left and time.monotonic() < end:
        time.sleep(LOOK)
        left = [group for group in left if signalled(group, 0)]
    for group in left:
        signalled(group, signal.SIGKILL)


def signalled(group: int, number: int) -> bool:
    """Sends the signal. Returns whether any process of the group was there to get it."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS has the second for a group of zombies
        return False
    return True


if __name__ == "__main__":
    main()
