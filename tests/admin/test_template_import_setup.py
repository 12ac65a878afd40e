"""Template import set-up: on the provider's form and on the command line."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from providers.models import Provider
from tests.admin.test_provider_form import ADD, FORM, change, change_url, refused, text
from tests.factories import make_provider

LIST = "https://lists.example.com/templates"


def test_everything_of_it_is_kept(operator: Client) -> None:
    form = FORM | {
        "import_endpoint": "http://127.0.0.1:9/list",
        "import_limit": "50",
        "import_paging": "token",
        "import_every": "3600",
        "import_auth": "both",
        "import_username": "u",
        "import_password": "p4ss-of-the-list",
        "import_headers-name": "X-Key",
        "import_headers-value": "k3y-of-the-list",
        "click_domain": "ct3.io",
        "link_days": "7",
        "unknown_templates": "refuse",
        "stopped_templates": "refuse",
    }
    operator.post(ADD, form)
    provider = Provider.objects.get()
    assert provider.import_credentials == {
        "username": "u",
        "password": "p4ss-of-the-list",
        "header:X-Key": "k3y-of-the-list",
    }
    stored = (provider.import_limit, provider.import_paging, provider.import_every, provider.click_domain)
    assert stored == (50, "token", 3600, "ct3.io")
    stored = (provider.link_days, provider.unknown_templates, provider.stopped_templates)
    assert stored == (7, "refuse", "refuse")


@pytest.fixture
def listing(db: None) -> Provider:
    return make_provider(
        import_endpoint="http://127.0.0.1:9/list",
        import_credentials={"username": "u", "password": "p4ss-of-the-list", "header:X-Key": "k3y-value-1"},
    )


def test_secrets_are_never_shown_again(operator: Client, looker: Client, listing: Provider) -> None:
    for client in (operator, looker):
        shown = text(client.get(change_url(listing)))
        assert "p4ss-of-the-list" not in shown
        assert "k3y-value-1" not in shown
    shown = text(operator.get(change_url(listing)))
    assert 'value="X-Key"' in shown
    assert shown.count("stored – leave empty to keep") == 2
    assert "Basic as u; header X-Key" in text(looker.get(change_url(listing)))


ENDPOINT = {"import_endpoint": "http://127.0.0.1:9/list", "import_username": "u"}


@pytest.mark.parametrize(
    ("values", "left"),
    [
        (
            {"import_auth": "both", "import_headers-name": "X-Key"},
            {"username": "u", "password": "p4ss-of-the-list", "header:X-Key": "k3y-value-1"},
        ),
        ({"import_auth": "basic"}, {"username": "u", "password": "p4ss-of-the-list"}),
        (
            {"import_auth": "basic", "import_password": "new"},
            {"username": "u", "password": "new"},
        ),
        ({"import_auth": "headers", "import_headers-name": "X-Key"}, {"header:X-Key": "k3y-value-1"}),
        ({"import_auth": "none"}, {}),
    ],
)
def test_what_is_chosen_is_kept_or_replaced(
    operator: Client, listing: Provider, values: dict[str, str], left: dict[str, str]
) -> None:
    rows = {"import_headers-value": ""} if "import_headers-name" in values else {}
    assert change(operator, listing, **ENDPOINT, **values, **rows).import_credentials == left


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"import_limit": "49"}, "greater than or equal to 50"),
        ({"import_limit": "501"}, "less than or equal to 500"),
        ({"import_auth": "basic"}, "Enter the username"),
        ({"import_auth": "basic", "import_username": "u"}, "Enter the password"),
        ({"import_auth": "headers"}, "Enter at least one header"),
        ({"click_domain": "https://ct3.io/"}, "Write the host alone"),
        ({"link_days": "0"}, "Write at least one day"),
    ],
)
def test_a_mistake_is_named(operator: Client, values: dict[str, str], words: str) -> None:
    assert words in refused(operator.post(ADD, FORM | values))


def test_an_endpoint_on_a_private_network_is_refused(operator: Client, settings: Any) -> None:
    settings.ALLOW_PRIVATE_TARGETS = False
    form = FORM | {"endpoint": "https://bsp.example.com/", "import_endpoint": "http://10.0.0.7/list"}
    assert "not a public address" in refused(operator.post(ADD, form))


# The command line


def run(*arguments: str) -> Any:
    out = StringIO()
    call_command("provider", *arguments, stdout=out)
    return json.loads(out.getvalue())


NEW = ("add", "--nickname", "Shop", "--connector", "generic", "--waba-number", "+919812300000")
NEW = (*NEW, "--endpoint", "http://127.0.0.1:9/messages", "--json")


def test_a_provider_is_added_with_it(db: None) -> None:
    shown = run(
        *NEW, "--import-endpoint", LIST, "--import-limit", "100", "--import-paging", "page",
        "--import-header", "X-Key=k3y=1", "--import-header", "X-App=7", "--import-basic", "u:p:w",
        "--click-domain", "ct3.io", "--import-every", "6hours", "--link-days", "14",
        "--unknown-templates", "refuse", "--stopped-templates", "refuse",
    )  # fmt: skip
    expected = {
        "import_endpoint": LIST,
        "import_limit": 100,
        "import_paging": "page",
        "import_credentials": ["header:X-App", "header:X-Key", "password", "username"],
        "import_every": "6hours",
        "click_domain": "ct3.io",
        "link_days": 14,
        "unknown_templates": "refuse",
        "stopped_templates": "refuse",
    }
    assert {name: shown[name] for name in expected} == expected
    assert "k3y=1" not in json.dumps(shown)
    credentials = Provider.objects.get().import_credentials
    assert credentials == {"username": "u", "password": "p:w", "header:X-Key": "k3y=1", "header:X-App": "7"}


def test_it_is_changed_and_taken_away(db: None) -> None:
    run(*NEW, "--import-basic", "u:p", "--import-header", "X-Key=1", "--import-endpoint", LIST)
    run("set", "Shop", "--import-header", "X-Key=2", "--json")
    assert Provider.objects.get().import_credentials["header:X-Key"] == "2"
    run("set", "Shop", "--import-header", "X-Key=", "--import-basic", "", "--import-endpoint", "", "--json")
    provider = Provider.objects.get()
    assert (provider.import_credentials, provider.import_endpoint) == ({}, "")
    shown = run("set", "Shop", "--import-every", "day", "--json")
    assert shown["import_every"] == "day"
    assert run("set", "Shop", "--import-every", "never", "--json")["import_every"] == "never"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--import-limit", "10"), "greater than or equal to 50"),
        (("--import-basic", "alone"), "write USER:PASSWORD"),
        (("--import-header", "alone"), "write KEY=VALUE"),
        (("--import-header", "a b=c"), "cannot be the name of a header"),
        (("--click-domain", "ct3.io/x"), "Write the host alone"),
    ],
)
def test_a_wrong_argument_is_named(db: None, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run(*NEW, *arguments)
    assert not Provider.objects.exists()
