"""Infobip's own models of reports and answers. It has none of WhatsApp's messages."""

import json
from typing import Any

import pytest

from lib.http import HttpRequest, HttpResponse
from providers.connectors import CONNECTORS
from providers.messages import Outcome, StatusUpdate, Unhandled, WebhookItem
from tests.connectors import cases
from tests.connectors.cases import Case

INFOBIP = CONNECTORS["infobip"]
# The numbers of the groups, which their list names in this order.
GROUPS = dict(enumerate(["ACCEPTED", "PENDING", "UNDELIVERABLE", "DELIVERED", "EXPIRED", "REJECTED"]))
KINDS = {1: "sent", 2: "failed", 3: "delivered", 4: "failed", 5: "failed"}
REFERENCE = "wp-1-1"


@pytest.fixture(scope="module")
def models() -> Any:
    """Loaded here, for it takes seconds, and every worker loads all modules of tests."""
    from infobip_api_client import models

    return models


def told(payload: str) -> WebhookItem:
    [item] = INFOBIP.read_webhook(
        HttpRequest("POST", "https://gw.example.test/h", {}, payload.encode()), cases.config("infobip", {})
    )
    return item


def test_the_groups_are_theirs(models: Any) -> None:
    assert [each.value for each in models.MessageGeneralStatus] == list(GROUPS.values())


def status(group: int) -> dict[str, Any]:
    return {"groupId": group, "groupName": GROUPS[group], "id": 1, "name": "A_NAME", "description": "Why"}


@pytest.mark.parametrize("group", GROUPS)
def test_reports_of_each_group(models: Any, group: int) -> None:
    """As the models of both their APIs write them."""
    report = {
        "messageId": "m-1", "callbackData": REFERENCE, "sentAt": "2026-10-01T09:00:00.000+0000",
        "doneAt": "2026-10-01T09:00:01.000+0000", "messageCount": 1, "status": status(group),
        "error": {"id": 0},
    }  # fmt: skip
    newer = {"event": "DELIVERY", "channel": "WHATSAPP", "sender": "1", "destination": "2", "bulkId": "b"}
    written = [
        models.SmsDeliveryResult.from_dict({"results": [report | {"to": "34600111222"}]}),
        models.MessagesApiDeliveryReport.from_dict({"results": [report | newer]}),
    ]
    for one in written:
        item = told(one.model_dump_json(by_alias=True, exclude_none=True))
        if group not in KINDS:
            assert isinstance(item, Unhandled)
            continue
        assert isinstance(item, StatusUpdate)
        assert (item.kind, item.reference, item.bsp_id) == (KINDS[group], REFERENCE, "m-1")


@pytest.mark.parametrize(("slug", "case"), cases.parameters("webhook", "items", of="infobip"))
def test_our_reports_are_theirs(models: Any, slug: str, case: Case) -> None:
    payload = case["request"].get("json", {})
    results = [one for one in payload.get("results", []) if isinstance(one, dict) and "status" in one]
    # Their list of error groups is of SMS alone; a group that is new is no model's.
    reports = [
        one | {"error": one["error"] | {"groupName": "OK"}} if "error" in one else one
        for one in results
        if one["status"].get("groupName") in GROUPS.values()
    ]
    for report in reports:
        theirs = models.SmsDeliveryResult.from_dict({"results": [report]}).results[0]
        assert (theirs.message_id, theirs.callback_data) == (report["messageId"], report.get("callbackData"))


@pytest.mark.parametrize("group", GROUPS)
def test_answers_to_a_send(models: Any, group: int) -> None:
    answer = models.MessageResponse.from_dict(
        {"messages": [{"messageId": REFERENCE, "status": status(group)}]}
    )
    result = INFOBIP.parse_response(HttpResponse(200, {}, answer.to_json().encode()))
    failed = KINDS.get(group) == "failed"
    assert result.outcome is (Outcome.REJECTED if failed else Outcome.ACCEPTED)
    assert failed or result.bsp_id == REFERENCE


def test_refusals(models: Any) -> None:
    violation = {"property": "messages[0].content.templateName", "violation": "must not be empty"}
    told = {"errorCode": "E400", "description": "Bad request", "action": "Check it", "resources": []}
    answer = models.ApiError.from_dict(told | {"violations": [violation]})
    result = INFOBIP.parse_response(HttpResponse(400, {}, answer.to_json().encode()))
    assert (result.outcome, result.bsp_code) == (Outcome.REJECTED, "E400")
    assert "must not be empty" in result.text
    assert json.loads(answer.to_json())["violations"] == [violation]
