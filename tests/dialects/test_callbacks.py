"""CleverTap's callbacks, both ways: read tolerantly from BSPs, written strictly to CleverTap."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects.clevertap import callbacks as clevertap_callbacks
from providers.dialects.clevertap.callbacks import (
    Report,
    read_inbound,
    read_statuses,
    write_inbound,
    write_statuses,
)
from providers.messages import Malformed, Reply, ReportCode, StatusUpdate
from providers.quirks import Quirks, load
from tests.dialects import cases
from tests.dialects.cases import Case
from tests.dialects.shapes import anything

READERS = {"delivery": read_statuses, "inbound": read_inbound}


def tagged(items: list[Any]) -> list[dict[str, Any]]:
    return [{type(item).__name__: cases.plain(item)} for item in items]


@pytest.mark.parametrize(
    ("folder", "case"),
    [
        pytest.param(folder, *p.values, id=f"{folder}-{p.id}")
        for folder in READERS
        for p in cases.parameters(folder)
    ],
)
def test_reading(folder: str, case: Case) -> None:
    if "malformed" in case:
        with pytest.raises(Malformed, match=case["malformed"]):
            READERS[folder](case["receives"])
    else:
        assert tagged(READERS[folder](case["receives"])) == case["items"]


@pytest.mark.parametrize("case", cases.parameters("report"))
def test_writing_reports(case: Case) -> None:
    reports = msgspec.convert(case["reports"], list[Report])
    assert write_statuses(reports, load(case.get("quirks", {}))) == case["writes"]


@pytest.mark.parametrize("case", cases.parameters("reply"))
def test_writing_inbound_messages(case: Case) -> None:
    reply = msgspec.convert(case["reply"], Reply)
    written = write_inbound(reply, "15550001111", case.get("answers", ""), load(case.get("quirks", {})))
    assert written == case["writes"]


def test_every_switch_of_the_callbacks_has_a_case() -> None:
    shown = {
        name
        for folder in ("report", "reply")
        for _, case in cases.read(folder)
        for name in case.get("quirks", {})
    }
    ours = set(Quirks.__struct_fields__[Quirks.__struct_fields__.index("payload_version") :])
    assert shown == ours - {"forward_sent", "statuses_per_request", "from_user_id"}, (
        "those say what is sent when"
    )


@pytest.mark.parametrize("code", ReportCode)
def test_every_code_comes_back_as_it_was(code: ReportCode) -> None:
    report = Report("a", "failed", 1767603900, code, "Why")
    (entry,) = write_statuses([report], Quirks())["statuses"]
    assert read_statuses({"statuses": [entry]}) == [
        StatusUpdate("failed", 1767603900, msg_id="a", code=code, bsp_code=str(int(code)), text="Why")
    ]


statuses = st.lists(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(["msgId", "status", "timestamp", "ts", "error", "url"], anything)
    )
)


@given(
    st.dictionaries(st.just("statuses"), anything | statuses) | st.dictionaries(st.text(max_size=3), anything)
)
def test_whatever_comes_it_is_read_or_malformed(payload: dict[str, Any]) -> None:
    for reader in READERS.values():
        try:
            items = reader(payload)
        except Malformed:
            continue
        assert msgspec.json.encode(items)


@given(
    st.fixed_dictionaries(
        {
            "from": st.just("15550100777"),
            "type": st.sampled_from([*clevertap_callbacks._MEDIA, "text", "location", "button", ""]),
        },
        optional=dict.fromkeys(
            [
                "text",
                "image",
                "file",
                "document",
                "audio",
                "location",
                "button",
                "timestamp",
                "context",
                "id",
            ],
            anything,
        ),
    )
)
def test_what_is_read_can_be_written(payload: dict[str, Any]) -> None:
    (reply,) = read_inbound(payload)
    assert isinstance(reply, Reply)
    assert msgspec.json.decode(msgspec.json.encode(reply), type=Reply) == reply, "it is stored like that"
    for quirks in (Quirks(), Quirks(unsupported_replies="text", mime_style="extension")):
        assert json.dumps(write_inbound(reply, "1", "", quirks))
