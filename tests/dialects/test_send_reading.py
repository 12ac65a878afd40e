"""CleverTap's send payload: what is read from each case, and that nothing else can come of any."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects.clevertap.requests import (
    Send,
    campaign_parts,
    decode,
    is_verification,
    read_send,
    unwrap,
)
from providers.messages import AnswerCode, Malformed, Refused
from tests.dialects import cases
from tests.dialects.cases import Case
from tests.dialects.shapes import nearly_sends


def understood(case: Case) -> Send:
    quirks = case.get("quirks", {})
    payload = decode(cases.body(case))
    payload = unwrap(payload) if quirks.get("unwrap_body", True) else payload
    return read_send(payload, quirks.get("default_country", ""))


@pytest.mark.parametrize("case", cases.parameters("send", "read"))
def test_reading(case: Case) -> None:
    found = cases.plain(understood(case))
    assert {key: found[key] for key in case["read"]} == case["read"]


@pytest.mark.parametrize("case", cases.parameters("send", "http"))
def test_malformed(case: Case) -> None:
    with pytest.raises(Malformed) as malformed:
        understood(case)
    assert f"Bad Request: {malformed.value}".startswith(case["answer"]["message"])


def test_every_refusal_has_a_code_of_clevertaps() -> None:
    answers = [case["answer"] for _, case in cases.read("send") if "answer" in case]
    assert {answer["error"]["code"] for answer in answers if "error" in answer} <= set(AnswerCode)


@pytest.mark.parametrize("case", cases.parameters("verification"))
def test_verification_is_recognised(case: Case) -> None:
    assert is_verification(unwrap(decode(cases.body(case))))


@pytest.mark.parametrize("namespace", ["", "verify", "whatsapp:hsm:technology:generic:verify2", ["a"], None])
def test_other_templates_are_no_verification(namespace: Any) -> None:
    assert not is_verification({"template": {"namespace": namespace}})


@given(st.text())
def test_campaign_parts_never_fail(msg_id: str) -> None:
    campaign, batch, variant = campaign_parts(msg_id)
    assert len(campaign) <= 64
    assert len(batch) in (0, 8)
    assert len(variant) <= 32


@given(nearly_sends())
def test_whatever_the_payload_it_is_sent_refused_or_malformed(payload: dict[str, Any]) -> None:
    try:
        send = read_send(unwrap(decode(json.dumps(payload).encode())), "91")
    except (Refused, Malformed):
        return
    assert send.to.isdigit()
    assert "\x00" not in repr(cases.plain(send))
    assert json.dumps(cases.plain(send.content))


@given(st.binary())
def test_whatever_the_bytes_only_objects_are_decoded(body: bytes) -> None:
    with suppress(Malformed):
        assert isinstance(decode(body), dict)
