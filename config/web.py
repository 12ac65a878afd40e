"""How the web's processes are started: by `manage.py serve`, the units, the containers."""

import sys
from pathlib import Path

from django.conf import settings

CONNECTIONS = 16_384  # that each web process keeps open, idle ones included
BACKLOG = 4_096  # connections that wait until a process takes them


def command(host: str, port: int, workers: int) -> list[str]:
    """Granian with the ASGI application; any other ASGI server would do."""
    granian = str(Path(sys.executable).parent / "granian")
    return [
        granian, "--interface", "asgi", "--host", host, "--port", str(port), "--workers", str(workers),
        "--backlog", str(BACKLOG), "--backpressure", str(CONNECTIONS), "--http", "1", "--no-ws",
        "--http1-header-read-timeout", str(round(settings.HEADER_SECONDS * 1000)),
        "--respawn-failed-workers", "--workers-kill-timeout", "10", "--log-level", "error",
        "config.asgi:application",
    ]  # fmt: skip
