"""Every send case, posted: what is answered, and what the database then holds."""

import json

import pytest

from campaigns.models import Message, Refusal
from providers.models import Provider
from tests.dialects import cases
from tests.dialects.cases import Case
from tests.gateway import SUCCESS, post


def configured(provider: Provider, case: Case) -> Provider:
    provider.stored_quirks = case.get("quirks", {})
    provider.save()
    return provider


@pytest.mark.parametrize("case", cases.parameters("send", "read"))
def test_a_readable_message_is_accepted_and_kept(provider: Provider, case: Case) -> None:
    answer = post(configured(provider, case), cases.body(case))
    assert (answer.status, answer.body) == (200, SUCCESS)
    message = Message.objects.get()
    assert json.loads(message.content) == case["read"]["content"]
    for name in ("msg_id", "to", "to_raw", "custom_props", "notes"):
        if name in case["read"]:
            assert getattr(message, name) == case["read"][name]
    assert json.loads(message.payload) == json.loads(cases.body(case))


@pytest.mark.parametrize("case", cases.parameters("send", "answer"))
def test_any_other_is_answered_with_its_reason(provider: Provider, case: Case) -> None:
    answer = post(configured(provider, case), cases.body(case))
    assert answer.status == case.get("http", 200)
    assert answer.content_type == "application/json"
    if answer.status == 200:
        assert answer.json == case["answer"]
    else:
        assert list(answer.json) == ["message"]
        assert answer.json["message"].startswith(case["answer"]["message"])
    assert not Message.objects.exists()
    assert Refusal.objects.count() == (answer.status == 200)


@pytest.mark.parametrize("case", cases.parameters("verification"))
def test_verification_succeeds_and_leaves_nothing(provider: Provider, case: Case) -> None:
    answer = post(provider, cases.body(case))
    assert (answer.status, answer.body) == (200, SUCCESS)
    assert not Message.objects.exists()
    assert not Refusal.objects.exists()
