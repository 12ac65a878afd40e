"""What Waypost writes is for its own user only, whatever the umask and the mode of the directory."""

import os
import stat
import subprocess
import sys
from pathlib import Path

WRITES = """
import django; django.setup()
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("CREATE TABLE t (x int)")
    cursor.execute("INSERT INTO t VALUES (1)")
default_storage.save("uploads/2026/people.csv", ContentFile(b"+15550100777"))
(settings.DATA_DIR / "socket").touch()
from archive.target import Target
Target().write("day=2026-01-01/messages.parquet", b"+15550100777")
import pathlib
for path in sorted(settings.DATA_DIR.rglob("*")):
    print(oct(path.stat().st_mode & 0o777), path.name)
"""


def test_every_file_under_the_data_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    env = os.environ | {
        "DATA_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'waypost.sqlite3'}",
        "ARCHIVE_TO": str(tmp_path / "archive"),
    }
    for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "STATIC_ROOT", "MEDIA_ROOT"):
        env.pop(name, None)
    told = subprocess.run(
        [sys.executable, "-c", WRITES],
        env=env | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        umask=0,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    others = ("people.csv", "secret_key.key", "socket", "messages.parquet")
    for name in ("waypost.sqlite3-wal", "waypost.sqlite3-shm", *others):
        assert name in told
    loose = [path for path in tmp_path.rglob("*") if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    assert loose == []
    assert [line for line in told.splitlines() if not line.startswith(("0o600", "0o700"))] == []
