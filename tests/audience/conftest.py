"""CSV files of contacts, and uploading them at once."""

import io
from typing import Any

import pytest

from audience import drafts, opting, upload
from audience.models import Contact, Upload


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    opting.forget()


def csv_file(text: str | bytes) -> io.BytesIO:
    return io.BytesIO(text if isinstance(text, bytes) else text.encode())


def taken_over(text: str | bytes, name: str = "users.csv", **values: Any) -> Upload:
    """The finished upload of a file."""
    draft = drafts.draft(name, csv_file(text), by="mira")
    for field, value in values.items():
        setattr(draft, field, value)
    assert upload.start(draft)
    upload.drain()
    draft.refresh_from_db()
    return draft


def counts(done: Upload) -> tuple[int, int, int, int]:
    return done.created, done.updated, done.unchanged, done.failed


def contact(identity: str) -> Contact:
    return Contact.objects.get(identity=identity)
