"""Everything that people do with a provider, in the admin and on the command line: create, new login, rotate,
pause, archive."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from lib import crypto
from lib.wakeup import wake
from providers.connectors import CONNECTORS
from providers.description import urls
from providers.encrypted_fields import Sealed
from providers.messages import Account
from providers.models import ROTATION_GRACE, ApiCredential, CallbackToken, Provider
from providers.validation import validate


@dataclass(frozen=True, slots=True)
class Login:
    """Generated credentials, shown once. `headers` is what CleverTap is to send."""

    label: str
    headers: Mapping[str, str]
    username: str = ""
    password: str = ""


@transaction.atomic
def create(provider: Provider, *, unlimited: bool = False) -> Login:
    """Saves a new provider with its callback URLs and its login for CleverTap.

    Without a rate of its own it gets the one its BSP publishes, unless it is to be `unlimited`.
    """
    connector = CONNECTORS.get(provider.connector_slug)
    if connector and connector.default_rate and provider.rate_count is None and not unlimited:
        provider.rate_count, provider.rate_period = connector.default_rate
    provider.full_clean()
    validate(provider)
    provider.save()
    for purpose in CallbackToken.Purpose:
        CallbackToken.objects.create(provider=provider, purpose=purpose)
    return new_login(provider)


def new_login(provider: Provider, header_names: tuple[str, ...] = ()) -> Login:
    """Generates Basic credentials, or values for the given headers. The credentials before these keep
    working for a grace time. Older ones stop working."""
    if header_names:
        headers = {name: crypto.token() for name in header_names}
        login = Login(", ".join(header_names), headers)
        digests = {name.lower(): crypto.digest(value) for name, value in headers.items()}
    else:
        username = f"{slugify(provider.nickname)[:40] or 'waypost'}-{crypto.token(4)}"
        password = crypto.token()
        login = Login(username, {"Authorization": "Basic …"}, username, password)
        digests = {"authorization": crypto.digest(f"{username}:{password}")}
    with transaction.atomic():
        provider.api_credentials.filter(expires_at__isnull=False).delete()
        provider.api_credentials.update(expires_at=timezone.now() + ROTATION_GRACE)
        ApiCredential.objects.create(provider=provider, label=login.label, headers=digests)
    return login


@transaction.atomic
def rotate_callback(provider: Provider, purpose: str, grace: timedelta = ROTATION_GRACE) -> str:
    """A new callback URL; the old one works until the grace time ends."""
    current = provider.callback_tokens.filter(purpose=purpose, expires_at__isnull=True)
    current.update(expires_at=timezone.now() + grace)
    CallbackToken.objects.create(provider=provider, purpose=purpose)
    return urls(provider)[f"{'webhook' if purpose == 'webhook' else purpose + '_callback'}_url"]


def set_credentials(provider: Provider, values: Mapping[str, str]) -> None:
    """Replaces the given credentials. Replaced ones still verify webhooks for a grace time.

    Credentials that cannot be read are replaced as a whole, with all that was stored along with them.
    """
    if not any(values.values()) and isinstance(provider.credentials, Sealed):
        return
    if isinstance(provider.credentials, Sealed) or isinstance(provider.previous_credentials, Sealed):
        provider.previous_credentials, provider.previous_until = {}, None
    if isinstance(provider.import_credentials, Sealed) and not provider.import_endpoint:
        provider.import_credentials = {}
    replaced = {
        name: provider.credentials[name]
        for name, value in values.items()
        if provider.credentials.get(name) not in (None, "", value)
    }
    provider.credentials = {name: value for name, value in (provider.credentials | values).items() if value}
    if replaced:
        provider.previous_credentials = provider.previous | replaced
        provider.previous_until = timezone.now() + ROTATION_GRACE


def set_import_credentials(provider: Provider, values: Mapping[str, str]) -> None:
    """Changes the credentials that are sent to the template list endpoint. An empty value removes one. The
    names are `username` and `password`, or `header:NAME`."""
    if not any(values.values()) and isinstance(provider.import_credentials, Sealed):
        return
    merged = provider.import_credentials | values
    provider.import_credentials = {name: value for name, value in merged.items() if value}


def pause(provider: Provider, reason: str, account: Account | None = None) -> None:
    """Stops sending; Waypost keeps what CleverTap posts meanwhile. `account` says what is wrong with the
    account, if that is the reason."""
    provider.state, provider.paused_reason = Provider.State.PAUSED, reason[:500]
    provider.paused_for = account or ""
    Provider.objects.filter(pk=provider.pk).update(
        state=provider.state, paused_reason=provider.paused_reason, paused_for=provider.paused_for
    )


def archive(provider: Provider) -> None:
    """Takes the provider out of use: nothing is sent, CleverTap finds no endpoint, and lists and menus leave
    it out. Its webhooks are still accepted, and everything stays readable."""
    Provider.objects.filter(pk=provider.pk).update(
        archived_at=timezone.now(),
        state=Provider.State.PAUSED,
        paused_reason="It is in the archive.",
        paused_for="",
        is_default=False,
    )


def restore(provider: Provider) -> None:
    """Takes the provider out of the archive. It stays paused until somebody resumes it."""
    Provider.objects.filter(pk=provider.pk).update(
        archived_at=None, paused_reason="It came back from the archive."
    )


def resume(provider: Provider) -> None:
    """Sends again at once, also messages that wait for a retry. An archived provider must be restored
    first."""
    Provider.in_use().filter(pk=provider.pk).update(
        state=Provider.State.ACTIVE,
        paused_reason="",
        paused_for="",
        hold_until=None,
        hold_reason="",
        hold_for="",
        marketing_held_until=None,
        account_refusals=0,
        account_failures=0,
    )
    wake("campaigns.resumed", provider.pk)
