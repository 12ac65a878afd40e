"""The lists of broadcasts and of their recipients, as files and searched."""

import csv
import io
import re
import zipfile
from typing import Any

import pytest
from django.test import Client

from broadcasts.models import Broadcast, Recipient
from broadcasts.pages import exporting
from lib.listing import batches
from providers.models import Provider
from tests.admin.conftest import looker, operator, operator_user, signed_in
from tests.broadcasts.conftest import add, launched, make_broadcast

__all__ = ["looker", "operator", "operator_user", "signed_in"]

RECIPIENTS, BROADCASTS = "/admin/broadcasts/recipient/", "/admin/broadcasts/broadcast/"


@pytest.fixture
def spring(provider: Provider) -> Broadcast:
    """Three who are messaged, and two who are not; one of them is named like a formula."""
    for n in range(3):
        add(f"p{n}", phone=f"+91981230000{n}", name=f"=Person {n}")
    add("=out", phone="+919812300008", opted_in=False)
    add("+919812300009", phone="+919812300009", opted_in=False)
    return launched(make_broadcast(provider, name="=Spring"))


def table(client: Client, url: str) -> list[dict[str, str]]:
    answer = client.get(url)
    assert answer.status_code == 200, url
    text = b"".join(answer.streaming_content).decode()  # type: ignore[arg-type]
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_recipients_are_exported_as_filtered(operator: Client, spring: Broadcast, monkeypatch: Any) -> None:
    monkeypatch.setattr(exporting, "CHUNK", 2)
    rows = table(operator, f"{RECIPIENTS}export/?broadcast={spring.pk}")
    assert [(row["identity"], row["State"], row["Because"]) for row in rows] == [
        ("p2", "queued for sending", ""),
        ("p1", "queued for sending", ""),
        ("p0", "queued for sending", ""),
        ("'+919812300009", "Excluded", "not opted in"),
        ("'=out", "Excluded", "not opted in"),
    ]
    first = rows[0]
    assert (first["Campaign id"], first["Name"], first["Phone"]) == (spring.code, "'=Spring", "919812300002")
    assert first["msgId"].startswith(f"wp|{spring.code}|")
    assert (first["Variant"], first["Message"]) == ("A", "Queued")
    assert len(table(operator, f"{RECIPIENTS}export/?reason=not_opted_in")) == 2
    assert [row["identity"] for row in table(operator, f"{RECIPIENTS}export/?q=p1")] == ["p1"]
    assert len(table(operator, f"{RECIPIENTS}export/")) == 5
    assert table(operator, f"{RECIPIENTS}export/?state={Recipient.State.CONTROL.value}") == []


def test_as_a_workbook(operator: Client, spring: Broadcast) -> None:
    for url, words in ((RECIPIENTS, "'=out"), (BROADCASTS, "'=Spring")):
        assert f"{url}export/xlsx/?state=" in operator.get(f"{url}?state=").content.decode()
        answer = operator.get(f"{url}export/xlsx/")
        assert answer.status_code == 200
        book = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))  # type: ignore[arg-type]
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        assert f">{words}<" in sheet
        assert len(re.findall("<row>", sheet)) == (6 if url == RECIPIENTS else 2)


def test_broadcasts_are_exported_with_their_counters(operator: Client, spring: Broadcast) -> None:
    make_broadcast(spring.provider, name="Draft")
    draft, row = table(operator, f"{BROADCASTS}export/")
    assert (draft["Name"], draft["State"], draft["Began"]) == ("Draft", "Draft", "")
    assert (row["Campaign id"], row["Recipients"], row["Queued for sending"], row["Excluded"]) == (
        spring.code,
        "5",
        "3",
        "2",
    )
    assert (row["not opted in"], row["no phone number"]) == ("2", "0")
    assert table(operator, f"{BROADCASTS}export/?state=draft") == [draft]


def test_numbers_are_masked_in_what_is_exported(signed_in: Any, spring: Broadcast) -> None:
    analyst = signed_in(["view_recipient", "view_broadcast", "export_stats"])
    rows = table(analyst, f"{RECIPIENTS}export/")
    assert len(rows) == 5
    assert not re.search(r"98123000\d\d", str(rows))
    assert all("•" in row["Phone"] for row in rows if row["Phone"])
    assert len(table(analyst, f"{RECIPIENTS}export/?q=919812300001")) == 1


def test_who_may_only_look_exports_nothing(looker: Client, signed_in: Any, spring: Broadcast) -> None:
    blind = signed_in(["export_stats"])
    for url in (RECIPIENTS, BROADCASTS):
        for client in (signed_in(["view_recipient", "view_broadcast"]), blind):
            client.get(f"{url}export/", status=403)
            client.get(f"{url}export/xlsx/", status=403)
    assert "Export CSV" not in signed_in(["view_recipient"]).get(RECIPIENTS).content.decode()


def found(client: Client, term: str) -> list[str]:
    answer = client.get(RECIPIENTS, {"q": term})
    assert answer.status_code == 200, term
    rows = answer.context["cl"].result_list
    return sorted(row.contact.identity if row.contact else "deleted" for row in rows)


def test_somebody_is_found_by_number_or_identity(operator: Client, spring: Broadcast) -> None:
    assert found(operator, "p1") == found(operator, " +91 98123 00001") == ["p1"]
    assert found(operator, "=out") == ["=out"]
    assert found(operator, "p") == found(operator, "9198") == []
    Recipient.objects.get(contact__identity="p2").contact.delete()  # type: ignore[union-attr]
    assert found(operator, "919812300002") == ["deleted"], "found by the message it was sent"


def test_batches_hold_every_row_once(spring: Broadcast) -> None:
    other = launched(make_broadcast(spring.provider, name="Again"))
    everything = Recipient.objects.order_by()
    for rows in (
        everything,
        everything.filter(broadcast=other),
        everything.filter(state=Recipient.State.EXCLUDED),
        everything.filter(broadcast=other, phone__endswith="1"),
        everything.filter(pk__in=list(everything.values_list("pk", flat=True)[:3])),
        everything.filter(broadcast=other).filter(broadcast=spring),
    ):
        for size in (1, 2, 100):
            parts = list(batches(rows, exporting.RECIPIENTS, size))
            assert bool(parts) == rows.exists()
            assert all(0 < len(part) <= size for part in parts)
            assert sorted(pk for part in parts for pk in part) == sorted(rows.values_list("pk", flat=True))
