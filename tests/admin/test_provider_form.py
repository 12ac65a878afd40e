"""The provider's form: what each connector asks for, secrets that never come back, errors in plain words."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from providers.connectors import CONNECTORS
from providers.connectors.base import Connector
from providers.models import Provider
from providers.pages.connector_fields import declared
from providers.pages.secret_fields import KEPT
from providers.quirks import Quirks
from tests.admin.conftest import SECRETS
from tests.factories import make_provider

ADD = "/admin/providers/provider/add/"

FORM: dict[str, Any] = {
    "nickname": "Shop 2",
    "waba_number": "+14155550100",
    "connector_slug": "generic",
    "endpoint": "http://127.0.0.1:9/messages",
    "max_concurrency": "100",
    "rate_count": "",
    "rate_period": "60",
    "validity": "1 00:00:00",
    "delivery_url": "",
    "inbound_url": "",
    "auto_reply_text": "",
    "import_endpoint": "",
    "import_limit": "500",
    "import_paging": "cursor",
    "import_every": "0",
    "import_auth": "none",
    "click_domain": "",
    "link_days": "30",
    "unknown_templates": "pass",
    "stopped_templates": "hold",
    "webhook_networks": "",
} | {
    f"quirk__{name}": value
    for name, value in ((name, getattr(Quirks(), name)) for name in Quirks.__struct_fields__)
    if value is not False
}


def change_url(provider: Provider) -> str:
    return reverse("admin:providers_provider_change", args=[provider.pk])


def text(response: Any) -> str:
    return str(response.content.decode())


def refused(response: Any) -> str:
    """The page of a form that was not accepted."""
    assert response.status_code == 200, "the form was accepted"
    return text(response)


def test_a_new_generic_provider_gets_its_addresses_and_credentials(operator: Client) -> None:
    form = FORM | {"credential__generic__username": "shop", "credential__generic__password": "pass-w0rd-31"}
    form |= {"credential__generic__header-name": "Token", "credential__generic__header-value": "t0ken-55"}
    response = operator.post(ADD, form, follow=True)
    provider = Provider.objects.get()
    assert provider.credentials == {
        "username": "shop",
        "password": "pass-w0rd-31",
        "header:Token": "t0ken-55",
    }
    assert provider.callback_tokens.count() == 3
    assert provider.api_credentials.count() == 1
    assert response.redirect_chain[-1][0] == f"/admin/providers/provider/{provider.pk}/login/"
    assert provider.api_credentials.get().label in text(response)
    assert f"/v1/{provider.public_id}/messages" in text(response)
    entry = LogEntry.objects.get()
    assert entry.is_addition()
    assert "pass-w0rd-31" not in entry.change_message


def test_a_new_provider_gets_the_rate_its_bsp_publishes(operator: Client) -> None:
    operator.post(ADD, FORM | {"connector_slug": "interakt", "credential__interakt__api_key": "k"})
    provider = Provider.objects.get()
    assert (provider.rate_count, provider.rate_period, provider.endpoint) == (40, 60, "")


def test_only_the_chosen_connectors_fields_count(operator: Client) -> None:
    form = FORM | {"connector_slug": "meta", "credential__generic__password": "not this one"}
    form |= {"credential__meta__access_token": "token", "credential__meta__phone_number_id": "123"}
    form |= {"credential__meta__app_secret": "s", "credential__meta__verify_token": "v"}
    operator.post(ADD, form)
    assert set(Provider.objects.get().credentials) == {
        "access_token",
        "phone_number_id",
        "app_secret",
        "verify_token",
    }


@pytest.mark.parametrize("connector", CONNECTORS.values(), ids=lambda each: each.slug)
def test_the_page_has_the_chosen_connectors_fields_alone(operator: Client, connector: Connector) -> None:
    shown = text(operator.get(ADD, {"connector_slug": connector.slug}))
    assert f'<option value="{connector.slug}" selected>' in shown
    own = {each.name for each in declared(connector)}
    assert own == {
        name.removesuffix("-name").removesuffix("-value")
        for name in re.findall(r'name="((?:credential|option)__[^"]+)"', shown)
    }


def test_another_connector_may_be_chosen_for_a_provider(operator: Client) -> None:
    provider = make_provider(connector_slug="interakt", credentials=SECRETS)
    shown = text(operator.get(change_url(provider), {"connector_slug": "meta"}))
    assert 'name="credential__meta__access_token"' in shown
    assert "credential__interakt" not in shown
    assert KEPT not in shown, "a secret of the former connector counts as the new one's"
    assert Provider.objects.get().connector_slug == "interakt"


def test_a_required_secret_is_asked_for_at_its_field(operator: Client) -> None:
    shown = refused(operator.post(ADD, FORM | {"connector_slug": "interakt"}))
    assert ">required.<" in shown.replace("\n", "").replace(" ", "")
    assert not Provider.objects.exists()


def test_the_validity_is_written_in_words(operator: Client) -> None:
    assert "<span>Add provider</span></h1>" in "".join(text(operator.get(ADD)).split("\n"))
    operator.post(ADD, FORM | {"validity": "2 hours 30 minutes"})
    provider = Provider.objects.get()
    assert provider.validity == timedelta(hours=2, minutes=30)
    assert 'value="2 hours 30 minutes"' in text(operator.get(change_url(provider)))
    assert "Write a time such as 1 day" in refused(
        operator.post(change_url(provider), FORM | {"validity": "soon"})
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"max_concurrency": "29"}, "greater than or equal to 30"),
        ({"max_concurrency": "1001"}, "less than or equal to 1000"),
        ({"waba_number": "hello"}, "International digits"),
        ({"rate_count": "0"}, "greater than or equal to 1"),
        ({"validity": "367 days"}, "Write a time of at most 366 days"),
        ({"validity": "-1 00:00:00"}, "Write a time of at most 366 days"),
        ({"validity": "9999999999 days"}, "The number of days must be between"),
        ({"endpoint": ""}, "needs an HTTP endpoint"),
        ({"auto_reply": "on"}, "Write the text that untracked users get as answer"),
        ({"quirk__default_country": "+91"}, "This does not fit"),
        ({"quirk__version": ""}, "This field is required"),
        ({"quirk__statuses_per_request": "0"}, "greater than or equal to 1"),
        (
            {"credential__generic__header-name": "a b", "credential__generic__header-value": "v"},
            "cannot be the name of a header",
        ),
        (
            {"credential__generic__header-name": "Token", "credential__generic__header-value": ""},
            "Token: enter its value",
        ),
        (
            {"credential__generic__header-name": ["A", "a"], "credential__generic__header-value": ["1", "2"]},
            "is there twice",
        ),
    ],
)
def test_a_mistake_is_named(operator: Client, values: dict[str, Any], words: str) -> None:
    assert words in refused(operator.post(ADD, FORM | values))


def test_an_address_on_a_private_network_is_refused(operator: Client, settings: Any) -> None:
    settings.ALLOW_PRIVATE_TARGETS = False
    assert "not a public address" in refused(operator.post(ADD, FORM))


def test_one_default_provider_at_most(operator: Client) -> None:
    make_provider(nickname="First", is_default=True)
    shown = refused(operator.post(ADD, FORM | {"is_default": "on"}))
    assert "“First” is the default provider. Remove the mark there first." in shown


def test_secrets_never_come_back(operator: Client, looker: Client, bsp: Provider) -> None:
    bsp.previous_credentials = {"api_key": "f0rmer-key-of-the-bsp"}
    bsp.save()
    digests = [d for login in bsp.api_credentials.all() for d in login.headers.values()]
    hidden = [*SECRETS.values(), "f0rmer-key-of-the-bsp", *digests, bsp.login.password]  # type: ignore[attr-defined]
    for client in (operator, looker):
        shown = text(client.get(change_url(bsp)))
        assert not [secret for secret in hidden if secret in shown]
    shown = text(operator.get(change_url(bsp)))
    assert shown.count("stored – leave empty to keep") == 2
    assert 'name="credential__interakt__webhook_secret-clear"' in shown
    assert 'name="credential__interakt__api_key-clear"' not in shown  # it is required


def test_a_secret_that_was_typed_does_not_come_back_with_an_error(operator: Client) -> None:
    form = FORM | {
        "connector_slug": "interakt",
        "credential__interakt__api_key": "typed-key-9917",
        "nickname": "",
    }
    assert "typed-key-9917" not in refused(operator.post(ADD, form))


def change(operator: Client, provider: Provider, **values: Any) -> Provider:
    form = FORM | {
        "nickname": provider.nickname,
        "connector_slug": provider.connector_slug,
        "endpoint": provider.endpoint,
    }
    response = operator.post(change_url(provider), form | values)
    assert response.status_code == 302, response.context["adminform"].form.errors
    return Provider.objects.get(pk=provider.pk)


def test_an_empty_secret_keeps_what_is_stored(operator: Client, bsp: Provider) -> None:
    changed = change(operator, bsp, nickname="Shop renamed")
    assert changed.nickname == "Shop renamed"
    assert changed.credentials == SECRETS
    assert changed.previous_credentials == {}


def test_a_replaced_secret_still_verifies_webhooks_for_a_while(operator: Client, bsp: Provider) -> None:
    changed = change(operator, bsp, credential__interakt__webhook_secret="new-hook")
    assert changed.credentials["webhook_secret"] == "new-hook"
    assert changed.config.secrets("webhook_secret") == ("new-hook", SECRETS["webhook_secret"])
    assert changed.previous_until is not None
    assert "Still verify webhooks until" in text(operator.get(change_url(bsp)))


def test_a_secret_can_be_cleared(operator: Client, bsp: Provider) -> None:
    changed = change(operator, bsp, **{"credential__interakt__webhook_secret-clear": "1"})
    assert changed.credentials == {"api_key": SECRETS["api_key"]}


def test_header_rows_are_kept_replaced_added_and_removed(operator: Client) -> None:
    provider = make_provider(credentials={"header:user": "u", "header:password": "p", "header:sid": "s"})
    names, values = ["user", "password", "api-key", ""], ["", "new", "k", ""]
    rows = {"credential__generic__header-name": names, "credential__generic__header-value": values}
    changed = change(operator, provider, **rows)
    assert changed.credentials == {"header:user": "u", "header:password": "new", "header:api-key": "k"}


def test_another_connector_takes_nothing_over_from_the_former(operator: Client, bsp: Provider) -> None:
    changed = change(operator, bsp, connector_slug="generic", endpoint="http://127.0.0.1:9/messages")
    assert (changed.credentials, changed.previous_credentials) == ({}, {})


def test_options_are_stored_when_given(operator: Client, bsp: Provider) -> None:
    secrets = {f"credential__interakt__{name}": value for name, value in SECRETS.items()}
    moved = change(operator, bsp, option__interakt__base_url="http://127.0.0.1:9", **secrets)
    assert moved.options == {"base_url": "http://127.0.0.1:9"}
    assert change(operator, bsp, option__interakt__base_url="", **secrets).options == {}


def test_switches_are_stored_where_they_differ(operator: Client, bsp: Provider) -> None:
    assert change(operator, bsp).stored_quirks == {}
    values = {"quirk__waba_match": "strict", "quirk__statuses_per_request": "5", "quirk__from_plus": "on"}
    changed = change(operator, bsp, **values)
    assert changed.stored_quirks == {"waba_match": "strict", "statuses_per_request": 5, "from_plus": True}
    assert changed.quirks.waba_match == "strict"
    form = operator.get(change_url(bsp)).context["adminform"].form
    assert form["quirk__waba_match"].value() == "strict"
    assert form["quirk__click_ts"].value() is True


def test_every_switch_is_in_one_of_the_two_groups(operator: Client, bsp: Provider) -> None:
    fieldsets = {each.name: each.fields for each in operator.get(change_url(bsp)).context["adminform"]}
    assert "quirk__unwrap_body" in fieldsets["What CleverTap sends"]
    assert "quirk__payload_version" in fieldsets["What CleverTap receives"]
    both = [*fieldsets["What CleverTap sends"], *fieldsets["What CleverTap receives"]]
    assert sorted(both) == sorted(f"quirk__{name}" for name in Quirks.__struct_fields__)


def test_saving_leaves_what_a_worker_wrote_meanwhile(
    operator: Client, bsp: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form was loaded, then the sender paused the provider, then the form was saved."""
    held = timezone.now()
    plain = Provider.save

    def save(self: Provider, **options: Any) -> None:
        Provider.objects.filter(pk=self.pk).update(state="paused", hold_until=held)
        plain(self, **options)

    monkeypatch.setattr(Provider, "save", save)
    changed = change(operator, bsp, nickname="Other")
    assert (changed.nickname, changed.state, changed.hold_until) == ("Other", "paused", held)


def test_the_log_names_fields_and_no_values(operator: Client, bsp: Provider) -> None:
    change(operator, bsp, credential__interakt__api_key="a-new-key-4471")
    [entry] = json.loads(LogEntry.objects.get().change_message)
    assert "API key" in entry["changed"]["fields"]
    assert "a-new-key-4471" not in LogEntry.objects.get().change_message


def test_the_authentication_in_use_is_told(operator: Client, bsp: Provider) -> None:
    provider = make_provider(credentials={"username": "shop", "password": "p", "header:Token": "t"})
    assert "Basic as shop; header Token" in text(operator.get(change_url(provider)))
    assert "api_key; webhook_secret" in text(operator.get(change_url(bsp)))
