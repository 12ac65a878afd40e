"""The part of `bench.archive` that runs inside the gateway's own process."""

import os
import time
from collections import Counter

from django.utils import timezone

from archive import batches, checking
from archive.target import Target
from bench.surroundings import memory


def archive_all() -> dict:
    """Writes everything, data set by data set: rows and seconds of each; and the memory after the first batch
    and at the most since."""
    now, target = timezone.now(), Target()
    rows: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    first, most = 0, 0
    for head in batches.heads():
        at = batches.cursor(head.dataset, now, target)
        began = time.monotonic()
        while written := batches.write(head, at, target, None, now):
            rows[head.dataset.name] += sum(file.rows for file in written.files)
            took = sum(memory(os.getpid()))
            first, most = first or took, max(most, took)
        seconds[head.dataset.name] = time.monotonic() - began
    size = sum(line["bytes"] for line in checking.listed(target))
    assert not list(checking.problems(target))
    return {"rows": rows, "seconds": seconds, "first": first, "most": most, "bytes": size}


COMMANDS = {"archive_all": archive_all}
