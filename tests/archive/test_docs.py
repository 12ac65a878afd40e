"""docs/archive.md: its columns are those of the files, and DuckDB's sums are those of `manage.py stats`."""

import io
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from archive import ahead, datasets
from identities import pseudonyms
from privacy import erasing, finding
from providers.models import Provider
from tests.admin.conftest import inbound
from tests.archive.conftest import archive
from tests.factories import make_provider
from tests.stats.conftest import accepted, replied, reported, submitted

pytestmark = pytest.mark.django_db
PAGE = (Path(settings.BASE_DIR) / "docs" / "archive.md").read_text()
NUMBER, OTHER = "919876512340", "919876500000"


def example(where: str) -> tuple[duckdb.DuckDBPyConnection, list[tuple[Any, ...]]]:
    """The page's example on an archive, and the answer of its last statement."""
    (text,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    database = duckdb.connect()
    database.execute(text.replace("/var/lib/waypost/archive", where))
    return database, database.fetchall()


def stats(*argv: str) -> dict[str, int]:
    out = io.StringIO()
    call_command("stats", "--json", *argv, stdout=out)
    found: dict[str, int] = json.loads(out.getvalue())
    return found


@pytest.mark.parametrize("dataset", datasets.ALL, ids=lambda each: each.name)
def test_the_page_has_the_columns_of_each_data_set(dataset: datasets.Dataset) -> None:
    section = PAGE.split(f"\n### {dataset.name}\n")[1].split("\n#")[0]
    lines = re.findall(r"^\| (`.*?) \| (\w+) \|", section, re.MULTILINE)
    told = {name: type_ for names, type_ in lines for name in re.findall(r"`(\w+)`", names)}
    assert told == {each.name: each.type.partition("[")[0] for each in dataset.columns}
    assert f"## Schema {datasets.VERSION}\n" in PAGE


def test_the_sums_are_those_of_stats(directory: str) -> None:
    for nickname in ("Shop", "Bank & Söhne"):
        provider = make_provider(nickname=nickname)
        for campaign in ("c1", "c1", "c2"):
            message = accepted(provider, timezone.now(), campaign=campaign)
            submitted(message)
            reported(message, "sent", "delivered", "read", after=0)
            replied(message, after=0)
        reported(accepted(provider, timezone.now(), campaign="c2"), "failed", after=0)
        reported(accepted(provider, timezone.now(), untracked=True, msg_id="0|0|0|0"), "sent", after=0)
        archive()
    database, rows = example(directory)
    counted = [(each, stats("--campaign", each)) for each in ("c1", "c2")]
    assert rows == [(each, figures["delivered"], figures["viewed"]) for each, figures in counted]
    assert [rows[0][1], rows[1][1]] == [4, 2]
    database.execute("SELECT count(*) FROM messages WHERE NOT untracked")
    assert database.fetchall() == [(stats()["accepted"],)]
    database.execute("SELECT DISTINCT provider FROM messages ORDER BY 1")
    assert database.fetchall() == [("Bank & Söhne",), ("Shop",)]
    for kind, figure in (("sent", "sent"), ("replied", "replied")):
        database.execute(
            "SELECT count(*) FROM reports JOIN messages AS m ON m.id = message"
            " WHERE reports.kind = ? AND NOT untracked",
            [kind],
        )
        assert database.fetchall() == [(stats()[figure],)]


def test_who_was_erased_is_left_out_and_whoever_came_back_is_not(
    directory: str, provider: Provider, settings: Any, tmp_path: Path
) -> None:
    settings.ARCHIVE_NUMBERS, settings.ARCHIVE_TEXTS = "whole", True
    settings.ERASURES_FILE, settings.MEDIA_ROOT = tmp_path / "erasures.jsonl", str(tmp_path)
    for to in (NUMBER, OTHER):
        message = accepted(provider, timezone.now(), to=to, content='{"secret": 1}')
        submitted(message)
        reported(message, "sent", after=0)
    archive()
    erasure = erasing.start(finding.person(f"+{NUMBER}"), "mira", "", timezone.now())
    taken = erasing.take(erasure)
    assert taken is not None
    erasing.work(taken)
    erasure.refresh_from_db()
    assert erasure.finished_at, erasure.error
    accepted(provider, timezone.now(), to=NUMBER, content='{"new": 1}')
    archive()
    database, _ = example(directory)
    database.execute("SELECT number, content, person FROM messages ORDER BY id")
    assert database.fetchall() == [
        (None, None, pseudonyms.of(NUMBER)),
        (OTHER, '{"secret": 1}', pseudonyms.of(OTHER)),
        (NUMBER, '{"new": 1}', pseudonyms.of(NUMBER)),
    ]


def test_the_list_of_the_erased_has_every_name_and_is_written_anew(directory: str) -> None:
    archive()
    now = timezone.now()
    ahead.erase(["~a", "~b"], now)
    ahead.erase(["~a"], now)
    archive()
    found = duckdb.sql(f"SELECT person FROM '{directory}/erased.parquet' ORDER BY 1").fetchall()
    assert found == [("~a",), ("~b",)]


def test_inbound_messages_of_the_erased_have_their_hash(directory: str, provider: Provider) -> None:
    inbound(provider, f"+{NUMBER}".removeprefix("+"))
    archive()
    found = duckdb.sql(f"SELECT person FROM '{directory}/replies/*/*/*.parquet'").fetchall()
    assert found == [(pseudonyms.of(NUMBER),)]
