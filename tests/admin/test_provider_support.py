"""What the provider's form says of each BSP: its own fields, its callback URLs, what it can do."""

import re
from html import unescape

import pytest
from django.test import Client

from providers.connectors import CONNECTORS
from providers.features import Feature
from tests.factories import make_provider

ADD = "/admin/providers/provider/add/"


@pytest.mark.parametrize("slug", CONNECTORS)
def test_the_form_says_what_it_needs_what_it_can_do_and_what_not(operator: Client, slug: str) -> None:
    connector = CONNECTORS[slug]
    shown = unescape(operator.get(ADD, {"connector_slug": slug}).content.decode())
    option = re.search(rf'<option value="{slug}"[^>]*>([^<]*)</option>', shown)
    assert option
    assert ("not tried on a live account" in option[1]) is not connector.tried_live
    assert ("Not tried on a live account" in shown) is not connector.tried_live
    assert connector.webhook_setup in shown
    for feature in Feature:
        reason = connector.lacks.get(feature)
        assert (f"✗ {feature}: {reason}" if reason else f"✓ {feature}") in shown
    for field in (*connector.credentials, *connector.options):
        assert field.help in shown, field.name


@pytest.mark.parametrize("slug", CONNECTORS)
def test_a_saved_provider_shows_the_addresses_to_enter_at_the_bsp(operator: Client, slug: str) -> None:
    credentials = {field.name: "x" for field in CONNECTORS[slug].credentials if field.required}
    provider = make_provider(connector_slug=slug, credentials=credentials)
    page = operator.get(f"/admin/providers/provider/{provider.pk}/change/").content.decode()
    hears = Feature.DELIVERED not in CONNECTORS[slug].lacks
    assert (provider.webhook_url in page) == hears
