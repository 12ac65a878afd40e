"""The login is in forms and in a query, where no header's name gives it away."""

import json

import pytest

from lib.redact import Redactor
from providers.connectors import CONNECTORS
from providers.connectors.base import Config
from providers.messages import Freeform, Outbound, TemplateContent

PASSWORDS = ["plain-Passw0rd", "a b&c=d+e%f", "pässwörd/?#", "~*!'()\"\\", "100%25", "नमस्ते"]


@pytest.mark.parametrize("password", PASSWORDS)
def test_stored_requests_show_the_user_and_not_the_password(password: str) -> None:
    connector = CONNECTORS["gupshup-enterprise"]
    other = password[::-1] + "2"
    users = {"hsm_userid": "2000190001", "two_way_userid": "2000190002"}
    config = Config(credentials=users | {"hsm_password": password, "two_way_password": other})
    message = TemplateContent("diwali", "en", body_text="Hi Mira")
    requests = [
        connector.build_request(Outbound("wp-1-1", "1|2|3|4", "919812300001", "", content), config)
        for content in (message, Freeform("text", text="Hi Mira"))
    ]
    listing = connector.templates_request(config, "")
    assert listing is not None
    stored = [Redactor([password, other]).request(request) for request in (*requests, listing)]
    for written, user in zip(stored, ("2000190001", "2000190002", "2000190001"), strict=True):
        told = json.loads(written)
        form = told["body"] or told["url"].partition("?")[2]
        assert f"userid={user}&password=•••&" in form
