"""`manage.py templates`: the report of an import, and what CleverTap sends on saving a template."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from campaigns.sending import dispatch
from providers.models import Provider
from templates_app.imports import runs
from templates_app.models import Template
from tests.callbacks import meta
from tests.endpoints import Endpoint
from tests.factories import make_provider
from tests.gateway import post

BODY = {"type": "BODY", "text": "Hello {{1}}, order {{2}}"}
BUTTONS = {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Track", "url": "https://x.example/{{1}}"}]}


@pytest.fixture
def reachable(db: None, endpoint: Endpoint) -> Provider:
    return make_provider(nickname="Shop", endpoint=endpoint.url)


def make(provider: Provider, *components: Any, **values: Any) -> Template:
    defaults = {"name": "order_ready", "language": "en", "components": list(components) or [BODY]}
    return Template.objects.create(provider=provider, **defaults | values)


def check(*arguments: str) -> Any:
    out = StringIO()
    try:
        call_command("templates", "check", *arguments, "--json", stdout=out)
    finally:
        shown = out.getvalue()
    return json.loads(shown)


def test_the_payload_is_clevertaps(reachable: Provider, endpoint: Endpoint) -> None:
    make(reachable, BODY, BUTTONS)
    checked = check("Shop", "order_ready", "en")
    assert checked["ok"]
    [sent] = endpoint.got
    assert (sent["msgId"], sent["isTemplate"]) == ("0|0|0|0", True)
    assert sent["template"] == {"namespace": "order_ready", "languageCode": "en"}
    body = next(part for part in sent["components"] if part["type"] == "body")
    assert [one["text"] for one in body["body"]["parameters"]] == ["0", "1"]
    assert checked["request"]["method"] == "POST"
    assert (checked["status"], json.loads(checked["response"])) == (200, {"status": "success"})
    assert checked["milliseconds"] >= 0


def test_a_refusal_fails(reachable: Provider, endpoint: Endpoint) -> None:
    make(reachable)
    refusal = {"status": "failed", "error": {"code": 2001, "message": "no such template"}}
    endpoint.reply = lambda _: (400, {}, json.dumps(refusal).encode())
    with pytest.raises(CommandError, match="no such template"):
        check("Shop", "order_ready", "en")


def test_what_cannot_be_sent_is_not(db: None) -> None:
    """The connector says what its BSP lacks, before any request."""
    provider = make_provider(nickname="Shop", connector_slug="interakt", credentials={"api_key": "k"})
    make(provider, {"type": "HEADER", "format": "LOCATION"}, BODY)
    with pytest.raises(CommandError, match="Nothing was sent"):
        check("Shop", "order_ready", "en")


def test_what_is_not_there_is_named(reachable: Provider) -> None:
    make(reachable, language="hi")
    with pytest.raises(CommandError, match="it is there in hi"):
        check("Shop", "order_ready", "en")
    with pytest.raises(CommandError, match="there are: Shop"):
        check("Nobody", "order_ready", "en")


def imported(nickname: str, *arguments: str) -> tuple[Any, int]:
    """The report, and the exit status."""
    out = StringIO()
    try:
        call_command("templates", "import", nickname, "--json", *arguments, stdout=out)
    except CommandError as error:
        return json.loads(out.getvalue()), error.returncode
    return json.loads(out.getvalue()), 0


def test_the_report_of_an_import(db: None, endpoint: Endpoint) -> None:
    url = endpoint.url.removesuffix("/messages") + "/list"
    make_provider(nickname="Shop", import_endpoint=url)
    item = {"name": "a", "language": "en", "components": [BODY]}

    def listed(*items: Any) -> None:
        endpoint.pages["/list?limit=500"] = (200, {}, json.dumps({"data": items}).encode())

    listed(item, {"name": "bad"})
    report, status = imported("Shop")
    names = ("created", "changed", "unchanged", "unsupported", "failed", "vanished", "pages", "error")
    assert [report[name] for name in names] == [1, 0, 0, 0, 1, 0, 1, ""]
    assert (status, report["details"]["failed"]) == (0, [{"template": "bad", "reason": "no language"}])
    listed()
    report, status = imported("Shop")
    assert (status, report["pages"], report["vanished"]) == (1, 1, 0)
    assert "The list is empty" in report["error"]
    report, status = imported("Shop", "--allow-empty")
    assert (status, report["vanished"]) == (0, 1)


def test_an_import_under_way_is_not_joined(reachable: Provider) -> None:
    runs.start(reachable)
    report, status = imported("Shop")
    assert status == 1
    assert "under way" in report["error"]


NAMED = {"type": "BODY", "text": "Hello {{name}}, order {{order_id}}"}
REPLIES = {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Yes"}]}
PICTURE = {"type": "HEADER", "format": "IMAGE"}
CARD = {"components": [PICTURE, {"type": "BODY", "text": "Only {{1}}"}, REPLIES]}


@pytest.mark.parametrize(
    "components",
    [
        pytest.param([BODY], id="numbered"),
        pytest.param([NAMED], id="named"),
        pytest.param([{"type": "HEADER", "format": "TEXT", "text": "Hi {{name}}"}, NAMED], id="named header"),
        pytest.param([{"type": "HEADER", "format": "DOCUMENT"}, BODY], id="document"),
        pytest.param([{"type": "HEADER", "format": "LOCATION"}, BODY], id="location"),
        pytest.param([BODY, REPLIES], id="buttons"),
        pytest.param([BODY, {"type": "CAROUSEL", "cards": [CARD, CARD]}], id="carousel"),
    ],
)
def test_the_bsp_gets_what_a_message_of_clevertaps_becomes(
    db: None, endpoint: Endpoint, components: list[Any]
) -> None:
    """CleverTap sends values without names, and places without a name: no check may bring more."""
    endpoint.reply = lambda _: (200, {}, b'{"messages": [{"id": "wamid.1"}]}')
    options = {"base_url": endpoint.url.removesuffix("/messages"), "location_name": "Shop"}
    options |= {"location_address": "1 High Street"}
    provider = meta.number(nickname="Shop", options=options)
    make(provider, *components)
    payload = json.loads(check("Shop", "order_ready", "en")["payload"])
    assert "parameter_name" not in json.dumps(payload)
    assert post(provider, payload | {"msgId": "7|1767225600|20260105|7|0"}).json == {"status": "success"}
    dispatch.drain(provider.pk)
    checked, sent = [{**one, "biz_opaque_callback_data": ""} for one in endpoint.got]
    assert checked == sent
    names = [one.get("parameter_name") for one in checked["template"]["components"][-1].get("parameters", [])]
    assert components[-1] is not NAMED or names == ["name", "order_id"]
