"""What names a person has their grams, however it is written; what upkeep has read is not read again."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from campaigns.models import Attempt, Message
from identities import pseudonyms
from privacy import erasing, finding, gists, grams, mentions
from privacy.gists import Table
from privacy.models import Erasure, Gist
from privacy.needles import needles
from tests.admin.conftest import webhook
from tests.factories import make_provider
from tests.privacy.planting import STRANGER, plant, traces
from tests.privacy.test_no_trace import NUMBER, SPELLINGS, TRACE
from tests.stats.conftest import accepted, submitted

IDENTITY, MAIL, USER_ID = "customer-81723", "asha.rao@example.org", "IN.8A1F2B3C4D5E"
WHO = needles([NUMBER, USER_ID], [IDENTITY, MAIL])
JOINTS = ("", " ", "-", " (", ") ", r"\u00a0", r"\n", "%20", ".", "é", "\n")
on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite looks through all")


def has(text: str) -> bool:
    """Whether the text has all grams of one of the person's names."""
    found = set(grams.of_text(text))
    return any(each <= found for each in WHO.grams or ())


@pytest.mark.parametrize("spelling", [*SPELLINGS.values(), IDENTITY, MAIL, USER_ID, f"x=%22{NUMBER}%22"])
@pytest.mark.parametrize("around", ["{}", "of {}!", '{{"a": [1, "{}"], "b": 2026}}', "12 {} 34"])
def test_what_names_somebody_has_their_grams(spelling: str, around: str) -> None:
    text = around.format(spelling)
    assert WHO.found(text)
    assert has(text)


@given(st.lists(st.sampled_from(JOINTS), min_size=11, max_size=11), st.text(max_size=9), st.text(max_size=9))
def test_a_number_written_in_any_way_has_its_grams(joints: list[str], before: str, after: str) -> None:
    written = "".join(digit + joint for digit, joint in zip(NUMBER, [*joints, ""], strict=True))
    text = before + written + after
    assert has(text) or not WHO.found(text)


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_a_number_in_base64_has_its_grams(before: bytes, after: bytes) -> None:
    assert has(f"wamid.{base64.b64encode(before + NUMBER.encode() + after).decode()}")


def test_others_have_others() -> None:
    assert not has("Call +91 98765 12341, or write to asha.rai@example.org about IN.8A1F2B3C4D5F")
    assert not has(f"wamid.{base64.b64encode(b'919876512341').decode()}")


def test_what_a_row_says_of_its_own_person_is_left_out() -> None:
    coded = base64.b64encode(NUMBER.encode()).decode()
    text = f"to {NUMBER}, wamid.{coded}, {USER_ID}, order 774421"
    assert set(grams.of_others(text, [NUMBER, USER_ID])) == {"774421"}
    assert "876512340" in set(grams.of_others(text, [STRANGER]))


@pytest.mark.parametrize("name", ["asha_kumar", "9876"])
def test_a_name_without_grams_is_looked_for_everywhere(name: str) -> None:
    assert needles([NUMBER], [name], least=1).grams is None


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretches of one row, which are old at once; and no key of another test's database."""
    monkeypatch.setattr(pseudonyms, "_known", (0.0, ""))
    for label, table in gists.TABLES.items():
        monkeypatch.setitem(gists.TABLES, label, table._replace(rows=1, old=timedelta(days=-1)))


@on_postgresql
@pytest.mark.django_db
def test_stretches_that_do_not_name_somebody_are_not_read(
    small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = make_provider()
    rows = [webhook(provider, body=f"to {number}".encode()) for number in (STRANGER, NUMBER, STRANGER)]
    assert gists.make(timezone.now(), 60) == 3
    rows.append(webhook(provider, body=b"new"))
    read: list[int] = []
    monkeypatch.setattr(
        mentions, "naming", lambda found, _: read.extend(found.values_list("pk", flat=True)) or []
    )
    after: int | None = 0
    while after is not None:
        after = mentions.look(type(rows[0]), WHO, after, 500).last
    assert read == [rows[1].pk, rows[3].pk]


@on_postgresql
@pytest.mark.django_db
def test_an_attempt_is_of_whom_its_message_is_for(small: None) -> None:
    message = accepted(make_provider(), to=NUMBER)
    submitted(message)
    Attempt.objects.update(request=f'{{"to": "{NUMBER}"}}')
    Message.objects.update(content=f"for {NUMBER}", payload=f"to {NUMBER}, not {STRANGER}")
    gists.make(timezone.now(), 60)
    assert set(Gist.objects.values_list("table", flat=True)) == {"campaigns.Message", "campaigns.Attempt"}
    for model in (Message, Attempt):
        assert gists.ahead(model, WHO.grams, 0) == (model.objects.get().pk, None)
    other = needles([STRANGER]).grams
    assert gists.ahead(Message, other, 0).upto == message.pk


@on_postgresql
@pytest.mark.django_db
def test_a_stretch_waits_until_it_is_whole_and_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gists, "TABLES", {"callbacks.Webhook": Table("received_at", rows=2)})
    provider, now = make_provider(), timezone.now()
    rows = [webhook(provider) for _ in range(3)]
    assert gists.make(now, 60) == 0
    assert gists.make(now + timedelta(hours=2), 60) == 1
    assert Gist.objects.get().upto == rows[1].pk
    type(rows[0]).objects.filter(pk__lte=rows[1].pk).delete()
    assert gists.make(now + timedelta(hours=2), 60) == 0
    assert not Gist.objects.exists()


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("whose", [NUMBER, STRANGER], ids=["in their rows", "in those of others"])
def test_nothing_is_left_with_gists(spelling: str, whose: str, small: None) -> None:
    planted: Any = plant(spelling, NUMBER, whose=whose)
    gists.make(timezone.now(), 60)
    made = {label for label in gists.TABLES if any(each._meta.label == label for each in planted)}
    assert set(Gist.objects.values_list("table", flat=True)) == made == set(gists.TABLES)
    erasure = erasing.start(finding.person(f"+{NUMBER}"), "asha", "a letter", timezone.now())
    erasing.drain()
    erasure.refresh_from_db()
    assert erasure.state == Erasure.State.DONE, (erasure.table, erasure.left, erasure.error)
    assert sorted(traces(TRACE)) == []
