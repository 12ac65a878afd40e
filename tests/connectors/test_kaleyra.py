"""What the cases of Kaleyra's connectors cannot show."""

import json
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from lib.http import HttpRequest
from providers.connectors import CONNECTORS
from providers.connectors.base import Config
from providers.dialects.kaleyra import webhook as kaleyra_webhook
from providers.messages import Button, Outbound, Reply, TemplateContent, Unsupported

PAGE = Path(__file__).parents[2] / "docs" / "providers" / "kaleyra.md"
BODIES = [line for line in PAGE.read_text().splitlines() if line.startswith('{"kind"')]


def test_a_payload_is_dropped_only_where_the_operator_says_so() -> None:
    content = TemplateContent("diwali", "en", buttons=(Button(0, "quick_reply", "Yes", "YES_1"),))
    message = Outbound("wp-1-1", "1|2|3|4", "919812300001", "919800000001", content)
    with pytest.raises(Unsupported, match="drop_payloads"):
        CONNECTORS["kaleyra-v1"].build_request(message, Config())
    request = CONNECTORS["kaleyra-v1"].build_request(message, Config(options={"drop_payloads": "yes"}))
    assert b"YES_1" not in request.body
    assert parse_qs(request.body.decode())["type"] == ["mediatemplate"]


def test_the_pages_bodies_have_the_variables_that_are_looked_for() -> None:
    bodies = [json.loads(body) for body in BODIES]
    assert {body["kind"]: tuple(body) for body in bodies} == kaleyra_webhook._VARIABLES
    assert all(value in (f"<{name}>", body["kind"]) for body in bodies for name, value in body.items())


@pytest.mark.parametrize("escaped", [True, False])
@pytest.mark.parametrize(
    "words",
    [
        'say "hi"',
        "one\ntwo\tthree",
        '","from":"919999999999',
        '","kind":"status","status":"failed","ref":"wp-1-1',
        '"}',
        '{"a":"b"}',
        "<body>?",
        "ü👋 ",
    ],
)
def test_what_users_write_stays_their_text(words: str, escaped: bool) -> None:
    """Whether Kaleyra escapes what it puts into the page's body or not."""
    (body,) = (body for body in BODIES if "inbound" in body)
    values = {"from": "919812300001", "type": "text", "body": words, "message": '{"type":"text"}'}
    for name, value in values.items():
        written = json.dumps(value)[1:-1] if escaped else value
        body = body.replace(f"<{name}>", written)
    (reply,) = kaleyra_webhook.webhook_items(
        HttpRequest("POST", "https://gw.example.test/", {}, body.encode())
    )
    assert isinstance(reply, Reply)
    assert (reply.sender, reply.kind, reply.text) == ("919812300001", "text", words)
