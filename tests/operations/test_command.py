"""`manage.py incidents`: what a program reads, and what people do without a browser."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from operations.incidents.look import look
from operations.kinds import KINDS
from operations.models import Incident
from providers.models import Provider
from tests.operations.situations import SITUATIONS

pytestmark = pytest.mark.django_db
FIELDS = ["kind", "scope", "severity", "began", "ended", "messages", "next_step"]


def run(*args: Any) -> str:
    out = StringIO()
    call_command("incidents", *map(str, args), stdout=out)
    return out.getvalue()


@pytest.fixture
def paused(provider: Provider) -> Incident:
    SITUATIONS["provider_paused_credentials"].begin(provider)
    return look(timezone.now(), [KINDS["provider_paused_credentials"]]).opened[0]


def test_a_program_reads_what_is_open(provider: Provider, paused: Incident) -> None:
    (row,) = json.loads(run("list", "--open", "--json"))
    assert list(row)[: len(FIELDS)] == FIELDS
    assert [row[name] for name in FIELDS] == [
        "provider_paused_credentials",
        f"provider:{provider.pk}",
        "critical",
        paused.began_at.isoformat(),
        None,
        2,
        "Correct the credentials, use Check connection, then Resume",
    ]
    kind = KINDS[paused.kind]
    SITUATIONS[paused.kind].end(provider)
    look(timezone.now() + kind.calm * 2, [kind])
    assert json.loads(run("list", "--open", "--json")) == []
    assert run("list", "--open") == "All is well.\n"
    (row,) = json.loads(run("list", "--json"))
    assert row["ended"] is not None


def test_somebody_looks_after_it_and_silences_it(paused: Incident) -> None:
    User.objects.create_user("mira")
    run("ack", paused.pk, "--user", "mira")
    run("silence", paused.pk, "--hours", 4, "--reason", "The BSP is asked", "--user", "mira")
    (row,) = json.loads(run("list", "--json"))
    assert row["acknowledged_by"] == "mira"
    assert row["silenced_until"] > timezone.now().isoformat()
    for wrong in (
        ["ack", paused.pk],
        ["ack", 999],
        ["silence", paused.pk, "--hours", 4, "--reason", " "],
        ["silence", paused.pk, "--hours", 0, "--reason", "x"],
        ["silence", paused.pk, "--hours", 1, "--reason", "x", "--user", "nobody"],
    ):
        with pytest.raises(CommandError):
            run(*wrong)
