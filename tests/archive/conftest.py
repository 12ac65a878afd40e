from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from archive import writing
from archive.models import Run
from tests.waiting import PATIENCE


@pytest.fixture(params=["directory", "bucket"])
def place(request: pytest.FixtureRequest) -> str:
    """Where the archive is: a directory, or a bucket of a real server."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def directory(settings: Any, tmp_path: Path) -> str:
    settings.ARCHIVE_TO = str(tmp_path / "archive")
    return str(settings.ARCHIVE_TO)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(settings: Any, s3: str, tmp_path: Path) -> str:
    import requests

    name = f"b{abs(hash(tmp_path))}"
    assert requests.put(f"{s3}/{name}", timeout=PATIENCE).ok
    settings.ARCHIVE_BUCKET_ENDPOINT, settings.ARCHIVE_BUCKET_KEY, settings.ARCHIVE_BUCKET_SECRET = (
        s3,
        "a",
        "b",
    )
    settings.ARCHIVE_TO = f"s3://{name}/waypost"
    return str(settings.ARCHIVE_TO)


def archive() -> Run:
    """One run, to its end."""
    run = Run.start(timezone.now()) or Run.begin(timezone.now())
    assert run is not None
    assert writing.work(run), run.error
    run.refresh_from_db()
    return run
