"""Looking through a file before it is taken over: a short one at once, a long one by a worker."""

import threading
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from audience import drafts, upload
from audience.models import Contact, Upload
from tests.admin.conftest import operator, operator_user
from tests.audience.conftest import csv_file
from tests.audience.test_pages import UPLOADS, columns, do, text
from tests.conftest import Woken

__all__ = ["operator", "operator_user"]

pytestmark = pytest.mark.django_db

ROWS = 12
FILE = "identity,phone,other,MSG-whatsapp,Points\n" + "".join(
    f"p{n},+9198123{n:05d},98123{n:05d},TRUE,{n}\n" for n in range(ROWS)
)


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is too long for a page."""
    monkeypatch.setattr(drafts, "AT_ONCE", ROWS - 1)
    monkeypatch.setattr(drafts, "TOLD_EVERY", 5)


def drafted() -> Upload:
    return drafts.draft("users.csv", csv_file(FILE), by="mira")


def state_of(draft: Upload) -> str:
    draft.refresh_from_db()
    return draft.state


def test_a_short_file_is_looked_through_at_once(woken: Woken) -> None:
    draft = drafted()
    assert state_of(draft) == "draft"
    assert upload.survey_of(draft).consent == {"in": ROWS}
    assert woken() == set()


def test_a_long_file_is_looked_through_by_a_worker(long: None, woken: Woken) -> None:
    draft = drafted()
    assert (state_of(draft), draft.mapping, draft.survey) == ("reading", [], {})
    assert woken() == {drafts.TASK}
    assert drafts.drain() == 1
    assert (state_of(draft), draft.done, draft.worker) == ("draft", 0, "")
    assert [entry["to"] for entry in draft.mapping][:2] == ["identity", "phone"]
    assert upload.survey_of(draft).consent == {"in": ROWS}
    assert not drafts.due()


def test_its_page_shows_how_far_it_is_and_then_asks(
    long: None, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SimpleUploadedFile("users.csv", FILE.encode())
    assert "It waits for a worker" in text(operator.post(f"{UPLOADS}choose/", {"file": file}, follow=True))
    draft = Upload.objects.get()
    part = f"{UPLOADS}{draft.pk}/progress/?looking=1"
    shown: list[str] = []
    tell = drafts._tell

    def seen(mine: Upload, stop: Any, done: int) -> None:
        tell(mine, stop, done)
        shown.append(text(operator.get(part)))

    monkeypatch.setattr(drafts, "_tell", seen)
    drafts.drain()
    assert len(shown) == 6, "twice through the file, told at rows 0, 5 and 10"
    assert 'id="looking-done">10<' in shown[2]
    assert "looked through for what its columns are" in shown[2]
    assert 'id="looking-done">5<' in shown[4]
    assert "consent is counted" in shown[4]
    assert operator.get(part)["HX-Refresh"] == "true"
    page = text(operator.get(f"{UPLOADS}{draft.pk}/change/"))
    assert "consent-preview" in page
    assert f"<dt>{ROWS}</dt><dd>opted in</dd>" in page
    assert not Contact.objects.exists()


def test_only_what_a_change_makes_unknown_is_looked_for_again(long: None, operator: Client) -> None:
    draft = drafted()
    drafts.drain()
    draft.refresh_from_db()
    url = f"{UPLOADS}{draft.pk}/columns/"
    do(operator, url, **columns(draft, check="yes") | {"column-4-type": "text"})
    assert state_of(draft) == "draft", "the type of an attribute changes nothing of that"
    do(operator, url, **columns(draft, check="yes") | {"column-3-to": "skip"})
    assert state_of(draft) == "draft", "nothing speaks of consent any more"
    do(operator, url, **columns(draft, check="yes") | {"column-3-to": "opted_in"})
    assert "Waypost is still reading the file" in do(operator, url, **columns(draft, start="yes"))
    assert state_of(draft) == "reading"
    drafts.drain()
    assert state_of(draft) == "draft"
    assert upload.survey_of(draft).consent == {"in": ROWS}


def test_other_numbers_are_looked_at_before_the_start(long: None, operator: Client) -> None:
    draft = drafted()
    drafts.drain()
    draft.refresh_from_db()
    url = f"{UPLOADS}{draft.pk}/columns/"
    other = {"column-1-to": "skip", "column-2-to": "phone"}
    shown = do(operator, url, **columns(draft, start="yes") | other)
    assert "another column holds the numbers now" in shown
    drafts.drain()
    draft.refresh_from_db()
    assert "Choose the country" in do(operator, url, **columns(draft, start="yes"))
    assert state_of(draft) == "draft"
    do(operator, url, **columns(draft, start="yes", country="IN"))
    assert state_of(draft) == "queued"


def test_a_worker_that_is_told_to_end_leaves_it_to_the_next(long: None) -> None:
    draft = drafted()
    ended = threading.Event()
    ended.set()
    assert drafts.work(draft, ended)
    assert (state_of(draft), draft.worker) == ("reading", "")
    assert drafts.drain() == 1
    assert state_of(draft) == "draft"


def test_what_a_dead_worker_left_is_begun_anew(long: None) -> None:
    draft = drafted()
    Upload.objects.filter(pk=draft.pk).update(worker="dead", seen_at=Now(), done=7)
    assert drafts.drain() == 0, "it may still be alive"
    Upload.objects.filter(pk=draft.pk).update(seen_at=timezone.now() - drafts.SILENCE * 2)
    assert drafts.drain() == 1
    assert state_of(draft) == "draft"


def test_it_can_be_discarded_meanwhile(long: None, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = drafted()
    tell = drafts._tell

    def discarded(mine: Upload, stop: Any, done: int) -> None:
        if done:
            upload.cancel(Upload.objects.get(pk=mine.pk))
        tell(mine, stop, done)

    monkeypatch.setattr(drafts, "_tell", discarded)
    assert drafts.drain() == 1
    assert (state_of(draft), bool(draft.file)) == ("cancelled", False)


def test_a_file_that_is_gone_ends_it(long: None) -> None:
    draft = drafted()
    draft.file.storage.delete(draft.file.name)
    assert drafts.drain() == 1
    assert (state_of(draft), bool(draft.file)) == ("failed", False)
    assert "Nothing was imported. Choose the file again." in draft.error
