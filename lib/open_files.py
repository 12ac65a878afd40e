"""How many files and connections this process may have open. Many systems begin with 1,024."""

import resource
from contextlib import suppress


def allow(wanted: int) -> None:
    """Has this process, and those that it starts, open so many, as far as they may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and most > soft:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
