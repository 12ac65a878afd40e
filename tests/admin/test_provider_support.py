"""What the provider's form says of each BSP: its own fields, its callback URLs, what it can do."""

import re
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from providers.connectors import CONNECTORS, get
from providers.features import Feature
from tests.factories import make_provider

ADD = "/admin/providers/provider/add/"


@pytest.fixture(scope="module")
def form(django_db_setup: None, django_db_blocker: object) -> str:
    """The form is the same for every test here, and large."""
    with django_db_blocker.unblock(), transaction.atomic():  # type: ignore[attr-defined]
        client = Client()
        client.force_login(User.objects.create_superuser("support"))
        content = client.get(ADD).content.decode()
        transaction.set_rollback(True)
    return unescape(content)


def block(form: str, slug: str) -> str:
    """What the page shows while that connector is chosen."""
    found = re.search(rf'data-connector="{slug}".*?More in <code>docs/providers/{slug}\.md', form, re.DOTALL)
    assert found, slug
    return found[0]


@pytest.mark.parametrize("slug", CONNECTORS)
def test_a_connector_nobody_has_tried_says_so(form: str, slug: str) -> None:
    option = re.search(rf'<option value="{slug}"[^>]*>([^<]*)</option>', form)
    assert option
    assert ("not tried on a live account" in option[1]) is not get(slug).tried_live
    assert ("Not tried on a live account" in block(form, slug)) is not get(slug).tried_live


@pytest.mark.parametrize("slug", CONNECTORS)
def test_what_it_can_do_and_what_not_is_shown_with_the_reason(form: str, slug: str) -> None:
    shown = block(form, slug)
    assert get(slug).webhook_setup in shown
    for feature in Feature:
        reason = get(slug).lacks.get(feature)
        assert (f"✗ {feature}: {reason}" if reason else f"✓ {feature}") in shown


@pytest.mark.parametrize("slug", CONNECTORS)
def test_every_field_says_where_its_value_is_found(form: str, slug: str) -> None:
    for field in (*get(slug).credentials, *get(slug).options):
        assert field.help in form, field.name


@pytest.mark.parametrize("slug", CONNECTORS)
def test_a_saved_provider_shows_the_addresses_to_enter_at_the_bsp(operator: Client, slug: str) -> None:
    credentials = {field.name: "x" for field in get(slug).credentials if field.required}
    provider = make_provider(connector=slug, credentials=credentials)
    page = operator.get(f"/admin/providers/provider/{provider.pk}/change/").content.decode()
    assert provider.webhook_url in page
