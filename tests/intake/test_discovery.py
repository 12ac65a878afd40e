"""CleverTap's callback URLs taken from its requests' headers, as Kaleyra's set-up has it."""

import pytest

from campaigns.models import Message
from providers.models import Provider
from tests.factories import make_provider
from tests.gateway import SUCCESS, post, template

REPORTS = "https://cb.wzrkt.com/reports?a=ACME"
INBOUND = "https://cb.wzrkt.com/inbound?a=ACME"
HEADERS = {"delivery-report-callback-url": REPORTS, "inbound-message-callback-url": INBOUND}


@pytest.fixture
def trusting(db: None) -> Provider:
    return make_provider(stored_quirks={"trust_callback_headers": True})


def test_the_headers_of_a_request_become_the_callback_urls(trusting: Provider) -> None:
    assert post(trusting, template(), HEADERS).body == SUCCESS
    trusting.refresh_from_db()
    assert (trusting.delivery_url, trusting.inbound_url) == (REPORTS, INBOUND)


def test_a_changed_header_changes_its_url_alone(trusting: Provider) -> None:
    post(trusting, template(), HEADERS)
    post(trusting, template(), {"delivery-report-callback-url": REPORTS + "2"})
    trusting.refresh_from_db()
    assert (trusting.delivery_url, trusting.inbound_url) == (REPORTS + "2", INBOUND)


def test_without_the_switch_headers_are_not_looked_at(provider: Provider) -> None:
    assert post(provider, template(), HEADERS).body == SUCCESS
    provider.refresh_from_db()
    assert provider.delivery_url == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.org/reports",
        "https://wzrkt.com.example.org/reports",
        "http://cb.wzrkt.com/reports",
        "https://169.254.169.254/latest",
        "not a url",
        "https://[broken",
    ],
)
def test_a_url_that_is_not_clevertaps_is_ignored_and_the_message_taken(trusting: Provider, url: str) -> None:
    assert post(trusting, template(), {"delivery-report-callback-url": url}).body == SUCCESS
    trusting.refresh_from_db()
    assert trusting.delivery_url == ""
    assert Message.objects.count() == 1


def test_nobody_without_credentials_changes_a_url(trusting: Provider) -> None:
    post(trusting, template(), HEADERS | {"Authorization": "Basic d3Jvbmc6d3Jvbmc="})
    trusting.refresh_from_db()
    assert trusting.delivery_url == ""
