"""What the settings are made from: the environment, and the directory of what Waypost keeps itself."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from lib import keys

BASE_DIR = Path(__file__).resolve().parents[2]
env = environ.Env()
env.read_env(BASE_DIR / ".env")

# Whatever this process and its children write is for its own user only: the database with its -wal and -shm,
# uploads, media, reports, sockets.
os.umask(0o077)

# A relative path starts at the project, wherever the command is run from.
DATA_DIR: Path = (BASE_DIR / env.str("DATA_DIR", default="var")).resolve()
with contextlib.suppress(OSError):  # `manage.py check` names a directory that cannot be written
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)


def generated(name: str, make: Callable[[], str]) -> str:
    """The environment's value, or one made once and kept in DATA_DIR for the embedded default."""
    value: str = env.str(name, default="")
    try:
        return value or keys.keep(DATA_DIR / f"{name.lower()}.key", make)
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name} is not set, and a generated one cannot be stored in {DATA_DIR}: {error}"
        ) from error


PORT = env.int("PORT", default=8000)
# An empty line of .env.example counts as not set.
PUBLIC_BASE_URL = (env.str("PUBLIC_BASE_URL", default="") or f"http://127.0.0.1:{PORT}").rstrip("/")
