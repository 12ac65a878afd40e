"""The message log: what it finds, that indexes find it, that it never counts, and the export."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import openpyxl
import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext

from campaigns.log import export, search
from campaigns.models import Message, Status
from lib import listing, phone
from providers.models import Provider
from tests import months
from tests.admin.conftest import failed, unknown
from tests.factories import MessageFactory, make_provider

LIST = "/admin/campaigns/message/"


def found(operator: Client, **query: str) -> list[int]:
    return [row.pk for row in operator.get(LIST, query).context["cl"].result_list]


def test_an_empty_log_says_what_to_do(operator: Client) -> None:
    shown = operator.get(LIST).content.decode()
    assert "No message yet" in shown
    assert "Refused requests" in shown


def test_a_search_without_result_says_so(operator: Client) -> None:
    shown = operator.get(LIST, {"q": "4711"}).content.decode()
    assert "No message was found for “4711”" in shown
    assert "No message yet" not in shown


@pytest.fixture
def wanted(bsp: Provider) -> Message:
    """One message among others."""
    MessageFactory.create_batch(5, provider=bsp, bsp_id="wamid.other")
    message: Message = MessageFactory(
        provider=bsp, to="919812345678", msg_id="4930004|1731583253|20241114|4930004", bsp_id="wamid.HBgM=="
    )
    return message


@pytest.mark.parametrize(
    "term",
    [
        "919812345678",
        "+919812345678",
        "+91 98123-45678",
        "919812",
        "+9198",
        "4930004|1731583253|20241114|4930004",
        "4930004|1731",
        "4930004",
        "wamid.HBgM==",
        " 919812345678 ",
    ],
)
def test_it_finds_by_phone_msg_id_and_bsp_id(operator: Client, wanted: Message, term: str) -> None:
    assert found(operator, q=term) == [wanted.pk]


@pytest.mark.parametrize(
    "term", ["9198123456789", "812345678", "4930004|2", "wamid.HBgM", "wamid", "%", "_", "'"]
)
def test_it_finds_nothing_else(operator: Client, wanted: Message, term: str) -> None:
    assert found(operator, q=term) == []


def test_a_bsp_id_that_two_providers_share_is_found_twice(operator: Client, wanted: Message) -> None:
    other = MessageFactory(provider=make_provider(), bsp_id=wanted.bsp_id)
    assert found(operator, q="wamid.HBgM==") == [other.pk, wanted.pk]


def test_tests_are_found_by_their_common_id(operator: Client, wanted: Message) -> None:
    test = MessageFactory(provider=wanted.provider, msg_id="0|0|0|0", untracked=True)
    assert found(operator, q="0|0|0|0") == [test.pk]


@pytest.mark.parametrize("term", ["0|0|0", "0|0|0|0|", "0|", "0"])
def test_and_by_no_part_of_it(operator: Client, wanted: Message, term: str) -> None:
    MessageFactory(provider=wanted.provider, msg_id="0|0|0|0", untracked=True)
    assert found(operator, q=term) == []


def plan(rows: QuerySet[Any]) -> str:
    """How the database means to run it among a million messages."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(
                "UPDATE pg_class SET relpages = 1, reltuples = 1000000"
                " WHERE relname LIKE 'campaigns_message_m_'"
            )
    return months.plan(rows)


@pytest.mark.parametrize("term", ["919812345678", "9198", "4930004|1731", "wamid.HBgM=="])
def test_the_search_goes_through_indexes(wanted: Message, term: str) -> None:
    how = plan(search.search(Message.objects.order_by("-id"), term))
    assert "message_once" in how
    assert "message_bsp_id" in how
    assert "SCAN campaigns_message\n" not in how + "\n"
    assert "Seq Scan" not in how
    if phone.typed(term):
        assert "message_person" in how


def test_a_beginning_of_many_messages_is_looked_for_among_the_newest(
    operator: Client, bsp: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that match may be old, and others many. The list says so; the export has all of them."""
    monkeypatch.setattr(listing, "FEW", 4)
    old = [MessageFactory(provider=bsp, msg_id=f"47{n}").pk for n in range(5)]
    MessageFactory.create_batch(3, provider=bsp)
    for query in ({"q": "47"}, {"q": "47", "provider": str(bsp.pk)}):
        shown = operator.get(LIST, query)
        assert [row.pk for row in shown.context["cl"].result_list] == old[-1:]
        assert "Type more of it to see the others" in shown.content.decode()
        exported = b"".join(operator.get(f"{LIST}export/", query).streaming_content).decode()  # type: ignore[attr-defined]
        assert all(f"47{n}" in exported for n in range(5))
    shown = operator.get(LIST, {"q": "471"})
    assert [row.pk for row in shown.context["cl"].result_list] == [old[1]]
    assert "Type more of it" not in shown.content.decode()


def test_the_list_never_counts_and_asks_little(operator: Client, wanted: Message) -> None:
    MessageFactory.create_batch(60, provider=wanted.provider)
    # Filters look up the groups of their index, the newest ids of those, and the rows; a search the ids of
    # each kind first.
    for query, most in (
        ({}, 1),
        ({"p": "2"}, 1),
        ({"status": "10"}, 3),
        ({"provider": str(wanted.provider_id)}, 3),
        ({"q": "9198"}, 5),
    ):
        with CaptureQueriesContext(connection) as queries:
            response = operator.get(LIST, query)
        assert response.status_code == 200
        sql = [query["sql"] for query in queries]
        assert not [each for each in sql if "COUNT(" in each.upper()]
        assert len([each for each in sql if "campaigns_message" in each]) <= most
        # Four name campaigns, variants, templates and codes of BSPs, three note that numbers were shown.
        assert len(sql) <= 12 + most
        assert not [each for each in sql if '"payload"' in each], "the list reads no payloads"


def test_one_page_after_another(operator: Client, bsp: Provider) -> None:
    MessageFactory.create_batch(55, provider=bsp)
    first, second, third = found(operator), found(operator, p="2"), found(operator, p="3")
    assert (len(first), len(second), third) == (50, 5, [])
    assert first + second == sorted(first + second, reverse=True)
    assert "This list ends before page 3" in operator.get(LIST, {"p": "3"}).content.decode()
    assert "9999999999" not in operator.get(LIST).content.decode()
    assert "Select everything that matches" in operator.get(LIST).content.decode()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"status": "60"}, ["failed"]),
        ({"status": "30"}, ["unknown"]),
        ({"status": "10"}, ["test", "freeform"]),
        ({"status": "80"}, ["read"]),
        ({"error": "1001"}, ["failed"]),
        ({"error": "1002"}, []),
        ({"kind": "0"}, ["freeform"]),
        ({"kind": "1"}, ["test", "read", "unknown", "failed"]),
        ({"test": "yes"}, ["test"]),
        ({"test": "no"}, ["freeform", "read", "unknown", "failed"]),
        ({"status": "nonsense"}, ["test", "freeform", "read", "unknown", "failed"]),
    ],
)
def test_filters(operator: Client, bsp: Provider, query: dict[str, str], names: list[str]) -> None:
    made = {
        failed(provider=bsp).pk: "failed",
        unknown(provider=bsp).pk: "unknown",
        MessageFactory(provider=bsp, status=Status.READ).pk: "read",
        MessageFactory(provider=bsp, kind=Message.Kind.FREEFORM, template="").pk: "freeform",
        MessageFactory(provider=bsp, msg_id="0|0|0|0", untracked=True).pk: "test",
    }
    assert [made[pk] for pk in found(operator, **query)] == names


def test_the_provider_filter(operator: Client, wanted: Message) -> None:
    other = MessageFactory(provider=make_provider())
    assert found(operator, provider=str(other.provider_id)) == [other.pk]


def test_filters_and_search_together(operator: Client, bsp: Provider) -> None:
    lost = failed(provider=bsp, to="919812345678")
    failed(provider=bsp, to="14155550100")
    MessageFactory(provider=bsp, to="919812345678")
    assert found(operator, q="9198", status="60") == [lost.pk]


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_time_range(operator: Client, bsp: Provider) -> None:
    made = [
        MessageFactory(provider=bsp, accepted_at=NOON + timedelta(hours=hour)) for hour in range(0, 72, 6)
    ]
    picked = found(operator, accepted_at_from_0="2026-03-02", accepted_at_to_0="2026-03-02")
    assert picked == [message.pk for message in reversed(made) if message.accepted_at.day == 2]
    picked = found(
        operator,
        accepted_at_from_0="2026-03-02",
        accepted_at_from_1="06:00:00",
        accepted_at_to_0="2026-03-03",
        accepted_at_to_1="00:00:00",
    )
    assert picked == [made[6].pk, made[5].pk, made[4].pk, made[3].pk]
    assert found(operator, accepted_at_from_0="2027-01-01") == []
    assert found(operator, accepted_at_to_0="2025-01-01") == []
    assert len(found(operator, accepted_at_from_0="nonsense")) == 12


@pytest.mark.parametrize("hours", [-1, 0, 1, 25, 71, 72, 500])
def test_the_ids_at_the_ends_of_a_time_are_found(bsp: Provider, hours: int) -> None:
    made = [MessageFactory(provider=bsp, accepted_at=NOON + timedelta(hours=hour)) for hour in range(72)]
    Message.objects.filter(pk__in=[made[3].pk, made[40].pk]).delete()
    at = NOON + timedelta(hours=hours)
    since = search.accepted_between(Message.objects.all(), at, None)
    until = search.accepted_between(Message.objects.all(), None, at)
    assert set(since) == set(Message.objects.filter(accepted_at__gte=at))
    assert set(until) == set(Message.objects.filter(accepted_at__lte=at))


def test_a_time_range_over_no_messages(db: None) -> None:
    assert not search.accepted_between(Message.objects.all(), NOON, NOON).exists()


def test_nobody_adds_changes_or_deletes_a_message(operator: Client, wanted: Message) -> None:
    operator.get(f"{LIST}add/", status=403)
    operator.get(f"{LIST}{wanted.pk}/delete/", status=403)
    operator.post(f"{LIST}{wanted.pk}/change/", {"to": "1"}, status=403)
    assert "delete_selected" not in operator.get(LIST).content.decode()


def exported(response: Any) -> list[dict[str, str]]:
    content = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content)))


def test_the_export_holds_what_the_list_shows(operator: Client, wanted: Message) -> None:
    response = operator.get(f"{LIST}export/", {"q": "+9198"})
    assert response.streaming
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    [row] = exported(response)
    assert (row["to"], row["msg_id"], row["status"]) == (wanted.to, wanted.msg_id, "Queued")
    assert row["provider"] == wanted.provider.nickname
    assert f"export/?q={quote('+9198', safe='')}" in operator.get(LIST, {"q": "+9198"}).content.decode()


def test_the_export_goes_through_all_chunks(
    operator: Client, bsp: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "CHUNK", 4)
    made = MessageFactory.create_batch(9, provider=bsp)
    rows = exported(operator.get(f"{LIST}export/"))
    assert [int(row["id"]) for row in rows] == [message.pk for message in reversed(made)]


def test_the_export_is_a_workbook_too(operator: Client, wanted: Message) -> None:
    MessageFactory(provider=wanted.provider, to="4915100000001")
    response = operator.get(f"{LIST}export/xlsx/", {"q": "+9198"})
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(response.streaming_content))).active  # type: ignore[attr-defined]
    heading, row = ([cell.value for cell in cells] for cells in sheet.iter_rows())
    told = dict(zip(heading, row, strict=True))
    assert (told["id"], told["to"], told["untracked"]) == (wanted.pk, wanted.to, "False")


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_the_export_runs_no_formula(operator: Client, bsp: Provider, evil: str) -> None:
    MessageFactory(provider=bsp, template=evil, error_text=evil)
    [row] = exported(operator.get(f"{LIST}export/"))
    assert row["template"] == row["error_text"] == "'" + evil
