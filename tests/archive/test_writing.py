"""What is in the files: everything once, by day and provider, with late reports as corrections."""

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from archive import batches, checking, datasets, tables
from archive.models import Cursor, Run
from archive.target import Target
from campaigns.ledger import lives
from identities import pseudonyms
from lib import phone
from providers.models import Provider
from tests.admin.conftest import inbound
from tests.archive.conftest import archive
from tests.factories import make_provider
from tests.stats.conftest import NOW, accepted, replied, reported
from tests.waiting import PATIENCE

pytestmark = pytest.mark.django_db
NUMBER = "919876512340"
DAY = timedelta(days=1)


@pytest.fixture
def shop(db: None) -> Provider:
    return make_provider(nickname="Shop / Süd")


def rows(dataset: str) -> list[dict[str, Any]]:
    """Of all files in the manifest, in the order in which they were written."""
    target = Target()
    return [
        row
        for manifest in batches.manifests(target, dataset)
        for file in manifest.files
        for row in pq.read_table(io.BytesIO(target.read(file.path))).to_pylist()
    ]


def paths() -> list[str]:
    return [path for path, _ in Target().names("") if path.endswith(".parquet")]


def sound() -> bool:
    return list(checking.problems(Target())) == []


def test_a_message_with_all_that_came_back_is_written_once(place: str, shop: Provider) -> None:
    message = accepted(shop, to=NUMBER, payload='{"a": 1}', content='{"secret": 1}')
    reported(message, "sent", "delivered", "read")
    replied(message)
    inbound(shop, NUMBER, text="a secret")
    run = archive()
    assert run.counts == {"messages": 1, "reports": 4, "costs": 1, "replies": 1, "campaigns": 1}
    (written,) = rows("messages")
    assert (written["id"], written["msg_id"], written["template"]) == (message.pk, message.msg_id, "welcome")
    assert (written["accepted_at"], written["kind"], written["untracked"]) == (
        message.accepted_at,
        "template",
        False,
    )
    assert [each["kind"] for each in rows("reports")] == ["sent", "delivered", "viewed", "replied"]
    assert {each["message"] for each in (*rows("reports"), *rows("costs"))} == {message.pk}
    (cost,) = rows("costs")
    assert (cost["category"], cost["type"], cost["billable"]) == ("marketing", "regular", True)
    assert [each["code"] for each in rows("campaigns")] == ["c1"]
    assert archive().counts == {}
    assert sound()


def test_files_lie_by_day_and_provider(directory: str, shop: Provider) -> None:
    other = make_provider(nickname="Bank")
    accepted(shop), accepted(other), accepted(other, NOW - DAY)
    archive()
    folders = [path.rsplit("/", 1)[0] for path in paths() if path.startswith("messages/")]
    assert folders == [
        "messages/day=2026-03-17/provider=Bank",
        "messages/day=2026-03-18/provider=Bank",
        "messages/day=2026-03-18/provider=Shop%20%2F%20S%C3%BCd",
    ]


@pytest.mark.parametrize(
    ("setting", "shown"),
    [("whole", NUMBER), ("masked", phone.masked(NUMBER)), ("hashed", None)],
)
def test_numbers_are_whole_masked_or_hashed(
    directory: str, shop: Provider, settings: Any, setting: str, shown: str | None
) -> None:
    settings.ARCHIVE_NUMBERS = setting
    accepted(shop, to=NUMBER)
    inbound(shop, NUMBER)
    archive()
    for dataset in ("messages", "replies"):
        (row,) = rows(dataset)
        assert row["person"] == pseudonyms.of(NUMBER)
        assert row["number"] == (shown or row["person"])


def test_texts_are_written_only_where_that_is_set(directory: str, shop: Provider, settings: Any) -> None:
    accepted(shop, content='{"text": "one"}')
    archive()
    settings.ARCHIVE_TEXTS = True
    accepted(shop, content='{"text": "two"}')
    archive()
    assert [row["content"] for row in rows("messages")] == [None, '{"text": "two"}']


def test_a_late_report_is_a_correction_of_its_day(directory: str, shop: Provider) -> None:
    message = accepted(shop, NOW - 2 * DAY)
    reported(message, "sent")
    with time_machine.travel(NOW - DAY, tick=False):
        assert archive().corrections == 0
    with time_machine.travel(NOW, tick=False):
        reported(message, "delivered")
        run = archive()
    corrections = [
        file.path.split("/")[:2]
        for manifest in batches.manifests(Target())
        for file in manifest.files
        if file.correction
    ]
    assert corrections == [["reports", "day=2026-03-16"]]
    assert run.corrections == 1


def test_what_is_named_later_is_in_the_next_days_list(directory: str, shop: Provider) -> None:
    accepted(shop)
    with time_machine.travel(NOW, tick=False):
        archive(), archive()
    with time_machine.travel(NOW + DAY, tick=False):
        archive()
    assert [row["archived_at"].day for row in rows("campaigns")] == [18, 19]


def test_many_rows_are_many_batches(directory: str, shop: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "ROWS", 3)
    monkeypatch.setattr(tables, "AT_ONCE", 2)
    ids = [accepted(shop).pk for _ in range(8)]
    archive()
    written = list(batches.manifests(Target(), "messages"))
    assert [sum(file.rows for file in each.files) for each in written] == [3, 3, 2]
    assert [row["id"] for row in rows("messages")] == ids
    assert sound()


class Killed(BaseException):
    pass


@pytest.mark.parametrize("step", range(12))
def test_whoever_dies_at_any_step_is_followed_by_one_who_writes_nothing_twice(
    place: str, shop: Provider, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """A step is a write to the place or a note in the database."""
    other = make_provider(nickname="Bank")
    for provider in (shop, other):
        reported(accepted(provider), "sent")
    ids = sorted(row.pk for row in (accepted(shop), accepted(other, NOW - DAY)))
    steps = iter(range(100))

    def dying(real: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            if next(steps) == step:
                raise Killed
            return real(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(Target, "write", dying(Target.write))
        patch.setattr(batches, "_begin", dying(batches._begin))
        patch.setattr(batches, "_end", dying(batches._end))
        with pytest.raises(Killed):
            archive()
    Run.objects.update(next_step_at=timezone.now())
    archive()
    written = [row["id"] for row in rows("messages")]
    assert len(written) == len(set(written)) == 4
    assert set(ids) <= set(written)
    assert len(rows("reports")) == 2
    assert sound()


def test_files_of_whoever_died_that_nobody_needs_are_taken_away(
    directory: str, shop: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted(shop)
    old = accepted(shop, NOW - 2 * DAY)
    with monkeypatch.context() as patch:
        patch.setattr(batches, "_end", lambda at: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            archive()
    old.delete()
    Run.objects.update(next_step_at=timezone.now())
    archive()
    assert old.pk not in {row["id"] for row in rows("messages")}
    assert sound()


def test_after_a_restore_what_the_lost_hours_wrote_is_not_written_again(
    directory: str, shop: Provider
) -> None:
    lives.begin()
    before = accepted(shop)
    archive()
    Cursor.objects.all().delete()  # the backup is older than the archive
    lives.begin()
    after = accepted(shop)
    archive()
    assert [row["id"] for row in rows("messages")] == [before.pk, after.pk]
    assert sound()


def test_a_place_that_cannot_be_written_is_tried_again(directory: str, shop: Provider, settings: Any) -> None:
    accepted(shop)
    settings.ARCHIVE_TO = "/proc/archive"
    with pytest.raises(AssertionError, match="cannot be written"):
        archive()
    assert Run.objects.get().state == Run.State.OPEN
    settings.ARCHIVE_TO = directory
    Run.objects.update(next_step_at=timezone.now())
    archive()
    assert len(rows("messages")) == 1


def test_files_say_which_schema_they_have(directory: str, shop: Provider) -> None:
    accepted(shop)
    archive()
    (path,) = (path for path in paths() if path.startswith("messages/"))
    about = pq.read_schema(io.BytesIO(Target().read(path))).metadata
    assert about == {b"waypost.dataset": b"messages", b"waypost.schema": str(datasets.VERSION).encode()}


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="on SQLite one writes at a time")
def test_a_message_that_is_committed_late_is_not_left_out(directory: str) -> None:
    """It has the smaller id, and another message was committed before it."""
    shop = make_provider()
    taken, may_commit = threading.Event(), threading.Event()

    def slowly() -> int:
        with transaction.atomic():
            pk = accepted(shop).pk
            taken.set()
            may_commit.wait(PATIENCE)
        connection.close()
        return pk

    with ThreadPoolExecutor(2) as pool:
        late = pool.submit(slowly)
        assert taken.wait(PATIENCE)
        later = accepted(shop, campaign="c2").pk
        run = pool.submit(archive_and_close)
        while not Run.objects.exists():
            time.sleep(0.01)
        assert not batches.settled(timezone.now())
        may_commit.set()
        assert run.result(PATIENCE).counts["messages"] == 2
    assert [row["id"] for row in rows("messages")] == [late.result(), later]


def archive_and_close() -> Run:
    try:
        return archive()
    finally:
        connection.close()


def test_a_bucket_that_is_not_there_is_said(bucket: str, shop: Provider, settings: Any) -> None:
    settings.ARCHIVE_TO = "s3://nobody/waypost"
    with pytest.raises(AssertionError, match="cannot be written"):
        archive()
    assert "does not exist" in Run.objects.get().error
