"""Templates with named variables: CleverTap sends values without names, in the order of the variables."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from campaigns.models import Message
from providers.connectors import CONNECTORS
from providers.dialects.clevertap.requests import read_send
from providers.dialects.placeholders import numbered
from providers.messages import Card, Header, Outbound, Registered, TemplateContent, Value
from providers.models import Provider
from templates_app.content.components import shape
from templates_app.content.names import named
from templates_app.gate.prepare import prepare
from templates_app.gate.validate import payload_of
from templates_app.models import Template
from tests.connectors import cases
from tests.factories import make_provider
from tests.gateway import SUCCESS, post

SEND: dict[str, Any] = json.loads((Path(__file__).parent / "sends" / "named_template.json").read_text())
COMPONENTS: list[dict[str, Any]] = [
    {"type": "HEADER", "format": "TEXT", "text": "Oi {{nome}}"},
    {"type": "BODY", "text": "Sobre {{assunto}} em {{quando}}"},
]
PARAMETERS = [
    {"type": "header", "parameters": [{"type": "text", "parameter_name": "nome", "text": "Ana"}]},
    {
        "type": "body",
        "parameters": [
            {"type": "text", "parameter_name": "assunto", "text": "fatura"},
            {"type": "text", "parameter_name": "quando", "text": "hoje"},
        ],
    },
]


def make(provider: Provider) -> Template:
    return Template.objects.create(
        provider=provider,
        name="retomada",
        language="pt_BR",
        parameter_format="NAMED",
        bsp_id="HX1",
        components=COMPONENTS,
        details={"slots": {"header": ["1"], "body": ["2", "3"]}},
    )


def built(slug: str, provider: Provider) -> str:
    """The body that the connector of that name makes of CleverTap's message."""
    send = read_send(SEND)
    prepared = prepare(provider.pk, send.content)
    outbound = Outbound(
        "wp-1-1", send.msg_id, send.to, "15550100001", prepared.content, registered=prepared.registered
    )
    return CONNECTORS[slug].build_request(outbound, cases.config(slug, {})).body.decode()


@pytest.mark.parametrize("slug", ["meta", "360dialog", "vonage", "exotel", "kaleyra"])
def test_connectors_in_metas_format_send_the_names(provider: Provider, slug: str) -> None:
    make(provider)
    body = built(slug, provider)
    assert msgspec.json.encode(PARAMETERS[1]["parameters"][0]).decode() in body
    for parameter in (*PARAMETERS[0]["parameters"], *PARAMETERS[1]["parameters"]):
        assert msgspec.json.encode(parameter).decode() in body


@pytest.mark.parametrize(
    "slug",
    [
        "infobip", "gupshup", "gupshup-enterprise", "interakt", "haptik", "haptik-legacy", "kaleyra-v1",
        "twilio",
    ],
)  # fmt: skip
def test_connectors_that_number_variables_send_them_in_order(provider: Provider, slug: str) -> None:
    make(provider)
    body = built(slug, provider)
    assert "parameter_name" not in body
    assert "Ana" in body
    assert -1 < body.find("fatura") < body.find("hoje")


def test_every_connector_is_one_or_the_other(provider: Provider) -> None:
    make(provider)
    for slug in CONNECTORS:
        assert "fatura" in built(slug, provider)


def test_the_message_is_taken_at_the_door(db: None) -> None:
    provider = make_provider(waba_number="15550100001")
    make(provider)
    assert post(provider, SEND).body == SUCCESS
    assert Message.objects.get().template == "retomada"


def test_validating_sends_what_clevertap_would(provider: Provider) -> None:
    """Without names: they are filled in on the way, as in every message."""
    template = make(provider)
    payload = payload_of(template)
    assert "parameter_name" not in json.dumps(payload)
    prepared = prepare(provider.pk, read_send(payload).content)
    assert isinstance(prepared.content, TemplateContent)
    assert [value.name for value in prepared.content.body] == ["assunto", "quando"]


def test_names_by_position() -> None:
    card = [{"type": "BODY", "text": "{{price}} and {{1}}"}]
    parts = [*COMPONENTS, {"type": "CAROUSEL", "cards": [{"components": card}]}]
    content = TemplateContent(
        "n",
        "en",
        header=Header("text", values=(Value("Ana"),)),
        body=(Value("a"), Value("b")),
        cards=(Card(body=(Value("5"), Value("6"))), Card(body=(Value("7"),))),
    )
    found = named(content, shape(parts))
    assert found.header == Header("text", values=(Value("Ana", "nome"),))
    assert found.body == (Value("a", "assunto"), Value("b", "quando"))
    assert found.cards == (Card(body=(Value("5", "price"), Value("6", "1"))), Card(body=(Value("7"),)))


@pytest.mark.parametrize(
    "body",
    [
        (Value("a"),),  # too few
        (Value("a"), Value("b"), Value("c")),
        (Value("b", "quando"), Value("a", "assunto")),  # named already
        (Value("a", "assunto"), Value("b")),
    ],
)
def test_other_values_stay_as_they_are(body: tuple[Value, ...]) -> None:
    assert named(TemplateContent("n", "en", body=body), shape(COMPONENTS)).body == body


def test_numbering_goes_by_the_registered_text() -> None:
    registered = Registered("1", tuple(COMPONENTS))
    content = TemplateContent("n", "en", body=(Value("b", "quando"), Value("a", "assunto")))
    assert numbered(content, registered).body == (Value("a"), Value("b"))
    other = TemplateContent("n", "en", body=(Value("b", "when"), Value("a", "assunto")))
    assert numbered(other, registered).body == other.body
    assert numbered(content, None).body == content.body
