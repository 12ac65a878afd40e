"""A secret that no key opens stops what needs it and nothing else, and everybody is told what to do."""

import json
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from audience import subscribing
from audience.models import OptSetting, Subscription
from callbacks.forwarding import forward
from callbacks.webhooks import ingest
from campaigns.models import Message, Status
from campaigns.sending import dispatch
from lib import keys
from lib.crypto import NO_KEY
from operations.alarms import deliver
from operations.incidents.look import look
from operations.kinds import KINDS
from operations.models import Channel
from providers import connection_check, destinations
from providers.connectors import CONNECTORS
from providers.encrypted_fields import Sealed
from providers.models import UNREADABLE, Provider
from templates_app.imports import runs
from tests import gateway
from tests.admin.test_provider_form import FORM
from tests.endpoints import Endpoint
from tests.factories import make_provider
from tests.processes import Migrated, fresh_environment, manage

THEIRS, OURS, NEW = (Fernet.generate_key().decode() for _ in range(3))
LOGIN = {"username": "shop", "password": "pass-w0rd-31"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(settings: Any, endpoint: Endpoint) -> Provider:
    """A provider whose credentials were stored with a key that is no longer ours."""
    settings.FIELD_ENCRYPTION_KEYS = [THEIRS]
    made = make_provider(
        nickname="Shop", endpoint=endpoint.url, credentials=LOGIN, delivery_url=f"{endpoint.url}/delivery"
    )
    settings.FIELD_ENCRYPTION_KEYS = [OURS]
    stored = Provider.objects.get(pk=made.pk)
    stored.login = made.login  # type: ignore[attr-defined]
    return stored


def keyless(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As after the loss of the file with the generated key."""
    settings.FIELD_ENCRYPTION_KEYS = []
    settings.FIELD_ENCRYPTION_KEY_FILE = tmp_path / "field_encryption_keys.key"
    monkeypatch.setattr(keys, "_kept", ())


def ran(*argv: str) -> str:
    out = StringIO()
    call_command(*argv, stdout=out, stderr=out)
    return out.getvalue()


def form_of(provider: Provider, **changes: str) -> dict[str, Any]:
    own = {name: getattr(provider, name) for name in ("nickname", "endpoint", "delivery_url")}
    return FORM | own | changes


@pytest.mark.parametrize("lost", ["another key", "no key"])
def test_all_but_sending_goes_on(
    shop: Provider,
    endpoint: Endpoint,
    settings: Any,
    lost: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    if lost == "no key":
        keyless(settings, monkeypatch, tmp_path)
    payload = gateway.template()
    assert gateway.post(shop, payload).body == gateway.SUCCESS
    assert dispatch.drain(shop.pk) == 0
    message = Message.objects.get()
    assert (message.status, endpoint.got) == (Status.QUEUED, [])

    Message.objects.update(status=Status.ACCEPTED)
    report = {"msgId": payload["msgId"], "status": "delivered", "timestamp": int(timezone.now().timestamp())}
    assert gateway.call_back(shop, "delivery", {"statuses": [report]}).status == 200
    assert ingest.drain() == 1
    forward.drain(shop.pk)
    assert [each["status"] for call in endpoint.got for each in call["statuses"]] == ["delivered"]

    settings.FIELD_ENCRYPTION_KEYS = [OURS, THEIRS]
    gateway.post(shop, gateway.template())
    assert dispatch.drain(shop.pk) == 1, "with the key back, nothing has to be entered"


@pytest.mark.parametrize("slug", ["vonage", "gupshup-enterprise"])
def test_intake_refuses_nothing_for_credentials_that_cannot_be_read(settings: Any, slug: str) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [THEIRS]
    fields = CONNECTORS[slug].credentials
    provider = make_provider(connector_slug=slug, credentials={field.name: "x" for field in fields})
    settings.FIELD_ENCRYPTION_KEYS = [OURS]
    assert gateway.post(provider, gateway.freeform()).body == gateway.SUCCESS


def test_a_webhook_that_nothing_proves_now_is_to_be_sent_again(settings: Any) -> None:
    """It is neither believed nor lost: BSPs repeat what is answered with 503."""
    settings.FIELD_ENCRYPTION_KEYS = [THEIRS]
    given = {"api_key": "k", "webhook_secret": "h00k"}
    provider = make_provider(connector_slug="interakt", credentials=given)
    settings.FIELD_ENCRYPTION_KEYS = [OURS]
    assert gateway.call_back(provider, "webhook", {"type": "x"}).status == 503
    settings.FIELD_ENCRYPTION_KEYS = [OURS, THEIRS]
    assert gateway.call_back(provider, "webhook", {"type": "x"}).status == 401


def test_pages_and_commands_say_it(shop: Provider, admin_client: Client) -> None:
    page = f"/admin/providers/provider/{shop.pk}/change/"
    for url in ("/admin/", "/admin/providers/provider/", page):
        shown = admin_client.get(url).content.decode()
        assert ("cannot be decrypted" in shown) or url == "/admin/", url
    assert UNREADABLE in admin_client.get(page).content.decode()
    assert json.loads(ran("provider", "list", "--json"))[0]["unreadable"] == UNREADABLE
    assert UNREADABLE in ran("provider", "list")
    assert connection_check.check(shop).verdict == UNREADABLE
    assert runs.import_now(shop).error.startswith(UNREADABLE)


def test_a_report_of_what_is_wrong_reaches_everybody(
    shop: Provider, settings: Any, admin_client: Client
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [THEIRS]
    Channel.objects.create(name="on call", address="json://127.0.0.1/")
    settings.FIELD_ENCRYPTION_KEYS = [OURS]
    mine, others = KINDS["credentials_unreadable"], KINDS["secrets_unreadable"]
    opened = {each.kind: each.text for each in look(timezone.now(), [mine, others]).opened}
    assert opened[mine.slug] == UNREADABLE
    assert f"operations.Channel {Channel.objects.get().pk} (on call), address" in opened[others.slug]
    ready = admin_client.get("/readyz").json()
    assert (ready["status"], ready["checks"]["secrets"]["ok"]) == ("degraded", False)
    assert f"providers.Provider {shop.pk} (Shop), credentials" in ran("check")
    with pytest.raises(CommandError, match=rf"Provider {shop.pk} \(Shop\), credentials"):
        ran("rotate_keys")


def test_they_are_entered_again_on_the_page(shop: Provider, admin_client: Client, endpoint: Endpoint) -> None:
    page = f"/admin/providers/provider/{shop.pk}/change/"
    admin_client.post(page, form_of(shop, max_concurrency="60"))
    shop.refresh_from_db()
    assert shop.max_concurrency == 60
    assert isinstance(shop.credentials, Sealed), "another field loses none of them"

    entered = {f"credential__generic__{name}": value for name, value in LOGIN.items()}
    admin_client.post(page, form_of(shop, **entered))
    shop.refresh_from_db()
    assert (shop.credentials, shop.unreadable) == (LOGIN, "")
    ran("rotate_keys")  # nothing is left that no key opens
    gateway.post(shop, gateway.template())
    assert dispatch.drain(shop.pk) == 1


def test_they_are_entered_again_on_the_command_line(shop: Provider) -> None:
    ran("provider", "set", "Shop", "--rate", "40/minute")
    assert Provider.objects.get().unreadable
    ran("provider", "set", "Shop", "--credential", "username=shop", "--credential", "password=p")
    assert Provider.objects.get().credentials == {"username": "shop", "password": "p"}


def test_what_cannot_be_read_is_not_sent_elsewhere_once_its_key_is_back(shop: Provider) -> None:
    shop.endpoint = "http://127.0.0.1:9/mine"
    with pytest.raises(ValidationError, match="Enter them again"):
        destinations.check(shop, [], [])


def test_no_key_is_made_beside_what_another_one_encrypted(
    shop: Provider,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    admin_client: Client,
) -> None:
    keyless(settings, monkeypatch, tmp_path)
    entered = {f"credential__generic__{name}": value for name, value in LOGIN.items()}
    page = f"/admin/providers/provider/{shop.pk}/change/"
    assert NO_KEY in admin_client.post(page, form_of(shop, **entered)).content.decode()
    with pytest.raises(CommandError, match="set FIELD_ENCRYPTION_KEYS to a new one"):
        ran("rotate_keys")
    assert not settings.FIELD_ENCRYPTION_KEY_FILE.exists()


def test_a_new_database_gets_a_key_and_an_old_one_none(migrated: Migrated, tmp_path: Path) -> None:
    with fresh_environment(tmp_path / "empty") as env:
        manage(env, "check")
    assert not (tmp_path / "empty" / "field_encryption_keys.key").exists(), "settings alone make none"
    with migrated(tmp_path / "old") as env:
        key = tmp_path / "old" / "field_encryption_keys.key"
        assert len(key.read_text()) == 44
        key.unlink()
        manage(env, "migrate", "--verbosity", "0")
        manage(env, "provider", "list")
        assert not key.exists()


def test_who_has_a_second_factor_hears_why_it_is_not_taken(settings: Any, client: Client) -> None:
    asha = User.objects.create_superuser("asha", password="four unrelated words here")
    settings.FIELD_ENCRYPTION_KEYS = [THEIRS]
    TOTP.activate(asha, "JBSWY3DPEHPK3PXP")
    settings.FIELD_ENCRYPTION_KEYS = [OURS]
    client.post("/admin/login/", {"login": "asha", "password": "four unrelated words here"})
    shown = client.post("/admin/account/factors/authenticate/", {"code": "123456"}, follow=True)
    assert "Your second factor cannot be read" in shown.content.decode()
    with pytest.raises(CommandError, match="second factor of asha"):
        ran("rotate_keys")
    ran("second_factor", "reset", "--user", "asha")
    assert not Authenticator.objects.exists()


def test_alarms_and_opt_outs_wait(provider: Provider, settings: Any, endpoint: Endpoint) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [THEIRS]
    channel = Channel.objects.create(name="own", how="webhook", address=endpoint.url, secret="s")
    account = {"account_id": "a", "passcode": "p"}
    OptSetting.objects.create(provider=provider, subscribe_url=endpoint.url, account=account)
    settings.FIELD_ENCRYPTION_KEYS = [OURS]
    now = timezone.now()
    Subscription.objects.create(
        provider=provider, phone="15550100777", status="Unsubscribe", created_at=now, next_attempt_at=now
    )
    assert "cannot be decrypted" in deliver.test(Channel.objects.get(pk=channel.pk))
    subscribing.drain(provider.pk)
    assert "cannot be decrypted" in Subscription.objects.get().error
    assert endpoint.got == []


def test_keys_are_rotated_without_a_moment_in_which_somebody_cannot_read(settings: Any) -> None:
    """The four steps of docs/deployment.md: at each, processes of the step before and after run together."""
    steps = [[OURS], [OURS, NEW], [NEW, OURS], [NEW, OURS], [NEW]]
    settings.FIELD_ENCRYPTION_KEYS = steps[0]
    make_provider(credentials={"password": "kept"})
    for number, (before, after) in enumerate(pairwise(steps), 1):
        for writing, reading in ((before, after), (after, before)):
            settings.FIELD_ENCRYPTION_KEYS = writing
            if number == 3:
                ran("rotate_keys")
            Provider.objects.get().save()
            settings.FIELD_ENCRYPTION_KEYS = reading
            assert Provider.objects.get().credentials == {"password": "kept"}, number
