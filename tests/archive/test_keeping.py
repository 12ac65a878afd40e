"""Retention takes nothing that is not in the archive, and somebody is told when the archive is behind."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from archive.models import Run
from callbacks.models import Reply
from campaigns.models import Event, Forward, Message
from operations.kinds import KINDS
from privacy.models import RetentionRun
from privacy.retention import run as retention
from providers.models import Provider
from tests.admin.conftest import inbound
from tests.archive.conftest import archive
from tests.stats.conftest import accepted, reported, submitted

pytestmark = pytest.mark.django_db
OLD = timedelta(days=100)


@pytest.fixture(autouse=True)
def _ages(settings: Any) -> None:
    settings.MESSAGE_RETENTION_DAYS = 90
    settings.BODY_RETENTION_DAYS = settings.NUMBER_RETENTION_DAYS = settings.WEBHOOK_RETENTION_DAYS = 0


def old(provider: Provider) -> Message:
    message = accepted(provider, timezone.now() - OLD)
    submitted(message)
    reported(message, "sent")
    return message


def retain() -> None:
    run = RetentionRun.start(timezone.now())
    assert run is not None
    assert retention.work(run)


def test_retention_takes_what_is_written_and_waits_for_the_rest(directory: str, provider: Provider) -> None:
    old(provider)
    archive()
    waiting = old(provider)
    retain()
    assert list(Message.objects.all()) == [waiting]
    archive()
    retain()
    assert not Message.objects.exists()


def test_retention_waits_for_a_report_that_is_not_written(directory: str, provider: Provider) -> None:
    message = old(provider)
    archive()
    reported(message, "delivered")
    retain()
    assert Message.objects.exists()
    archive()
    retain()
    assert not Event.objects.exists()


def test_retention_waits_for_inbound_messages(directory: str, provider: Provider) -> None:
    inbound(provider, "919876512340", forward=Forward.DONE, received_at=timezone.now() - OLD)
    retain()
    assert Reply.objects.exists()
    archive()
    retain()
    assert not Reply.objects.exists()


def test_without_an_archive_retention_waits_for_nothing(provider: Provider) -> None:
    old(provider)
    retain()
    assert not Message.objects.exists()


def behind() -> list[str]:
    return [found.text for found in KINDS["archive_behind"].find(timezone.now())]


def test_an_archive_that_is_behind_is_an_incident(directory: str, provider: Provider) -> None:
    assert behind() == []
    run = Run.start(timezone.now() - timedelta(hours=2))
    assert run is not None
    Run.objects.update(error="The bucket cannot be reached.")
    (text,) = behind()
    assert text == "Nothing was archived for 2 h 0 min: The bucket cannot be reached."
    Run.objects.update(next_step_at=timezone.now())
    archive()
    assert behind() == []


def told(*argv: str) -> Any:
    out = io.StringIO()
    call_command("archive", *argv, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_the_command_writes_lists_and_verifies(place: str, provider: Provider) -> None:
    old(provider)
    assert told("run")["rows"] == {"messages": 1, "reports": 1, "costs": 1, "campaigns": 1}
    lines = {line["dataset"]: line for line in told("list")}
    assert (lines["messages"]["rows"], lines["messages"]["provider"]) == (1, provider.nickname)
    assert told("verify") == {"problems": []}


def test_verifying_names_what_is_missing_changed_or_a_strangers(directory: str, provider: Provider) -> None:
    from pathlib import Path

    old(provider)
    told("run")
    for dataset in ("messages", "reports"):
        (file,) = Path(directory, dataset).rglob("*.parquet")
        if dataset == "messages":
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[:-1])
            (file.parent / "a.parquet").touch()
    out = io.StringIO()
    with pytest.raises(CommandError, match="3 problems"):
        call_command("archive", "verify", stdout=out)
    for words in ("cannot be read", "SHA-256", "in no manifest"):
        assert words in out.getvalue()


def test_without_an_archive_the_command_says_how_to_get_one() -> None:
    with pytest.raises(CommandError, match="Set ARCHIVE_TO"):
        call_command("archive", "run")
