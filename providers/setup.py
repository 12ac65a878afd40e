"""Creating and changing providers: what the command line and the admin have in common."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify

from lib import crypto, targets
from lib.http import HEADER_NAME
from lib.wake import wake
from providers.connectors import CONNECTORS
from providers.connectors.base import Field
from providers.models import ROTATION_GRACE, ApiCredential, CallbackToken, Provider
from providers.quirks import load

EVERY_WORDS = {
    Provider.Every.NEVER: "never",
    Provider.Every.HOUR: "hour",
    Provider.Every.QUARTER_DAY: "6hours",
    Provider.Every.DAY: "day",
}
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Login:
    """Generated credentials, shown once. `headers` is what CleverTap is to send."""

    label: str
    headers: Mapping[str, str]
    username: str = ""
    password: str = ""


def check_target(url: str) -> None:
    """Raises ValidationError for a URL we would refuse to call."""
    if url and not settings.ALLOW_PRIVATE_TARGETS:
        try:
            targets.check(url)
        except targets.TargetRefused as error:
            raise ValidationError(str(error)) from error


def validate(provider: Provider) -> None:
    """Everything the model cannot know alone. Raises ValidationError by field."""
    errors: dict[str, list[str]] = {}
    connector = CONNECTORS.get(provider.connector)
    if connector is None:
        raise ValidationError({"connector": f"No such connector; there are: {', '.join(CONNECTORS)}."})
    for kind, fields, given in (
        ("credentials", connector.credentials, provider.credentials),
        ("options", connector.options, provider.options),
    ):
        errors[kind] = _unknown(fields, given) + [
            f"{field.name}: required ({field.label})."
            for field in fields
            if field.required and not given.get(field.name)
        ]
    if connector.takes_endpoint and not provider.endpoint:
        errors["endpoint"] = [f"The {connector.label} connector needs an HTTP endpoint."]
    for name in ("endpoint", "delivery_url", "inbound_url", "import_endpoint"):
        try:
            check_target(getattr(provider, name))
        except ValidationError as error:
            errors.setdefault(name, []).extend(error.messages)
    for name, value in provider.options.items():
        if name.endswith("_url"):
            try:
                check_target(value)
            except ValidationError as error:
                errors["options"] += [f"{name}: {message}" for message in error.messages]
    errors |= _import_errors(provider)
    try:
        load(provider.quirks)
    except Exception as error:
        errors["quirks"] = [str(error)]
    if found := {name: messages for name, messages in errors.items() if messages}:
        raise ValidationError(found)


def _import_errors(provider: Provider) -> dict[str, list[str]]:
    """What is wrong with the template import. The target itself is checked with the others."""
    errors: dict[str, list[str]] = {}
    stored = provider.import_credentials
    if bool(stored.get("username")) != bool(stored.get("password")):
        errors["import_credentials"] = ["Basic authentication takes a username and a password."]
    for name in (name.removeprefix("header:") for name in stored if name.startswith("header:")):
        if not HEADER_NAME.fullmatch(name):
            errors.setdefault("import_credentials", []).append(f"“{name}” cannot be the name of a header.")
    if provider.click_domain and not _HOST.fullmatch(provider.click_domain):
        errors["click_domain"] = ["Write the host alone, for example ct3.io: no https://, no path."]
    if provider.link_days < 1:
        errors["link_days"] = ["At least a day."]
    return errors


def _unknown(fields: tuple[Field, ...], given: Mapping[str, str]) -> list[str]:
    known = {field.name for field in fields}
    prefixes = tuple(name for name in known if name.endswith(":"))
    strangers = [name for name in given if name not in known and not (prefixes and name.startswith(prefixes))]
    names = ", ".join(sorted(known)) or "none"
    return [f"{name}: not one of this connector's ({names})." for name in strangers]


@transaction.atomic
def create(provider: Provider, *, unlimited: bool = False) -> Login:
    """Saves a new provider with its callback URLs and its login for CleverTap.

    Without a rate of its own it gets the one its BSP publishes, unless it is to be `unlimited`.
    """
    connector = CONNECTORS.get(provider.connector)
    if connector and connector.default_rate and provider.rate_count is None and not unlimited:
        provider.rate_count, provider.rate_period = connector.default_rate
    provider.full_clean()
    validate(provider)
    provider.save()
    for purpose in CallbackToken.Purpose:
        CallbackToken.objects.create(provider=provider, purpose=purpose)
    return new_login(provider)


def new_login(provider: Provider, header_names: tuple[str, ...] = ()) -> Login:
    """Generates Basic credentials, or values for the given headers. The former ones keep
    working for a grace time; of older ones none does."""
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
    """Replaces the given credentials. Replaced ones still verify webhooks for a grace time."""
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
    """Changes what the template list endpoint is presented; an empty value removes. Names are
    `username` and `password`, or `header:NAME`."""
    merged = provider.import_credentials | values
    provider.import_credentials = {name: value for name, value in merged.items() if value}


def pause(provider: Provider, reason: str) -> None:
    """Stops sending; what CleverTap posts meanwhile is kept."""
    Provider.objects.filter(pk=provider.pk).update(state=Provider.State.PAUSED, paused_reason=reason[:500])


def resume(provider: Provider) -> None:
    """Sends again, at once."""
    Provider.objects.filter(pk=provider.pk).update(
        state=Provider.State.ACTIVE, paused_reason="", hold_until=None, hold_reason="", credential_failures=0
    )
    wake("campaigns.send", provider.pk)


def urls(provider: Provider) -> dict[str, str]:
    """The URLs an operator copies into CleverTap and into the BSP."""
    tokens = {row.purpose: row.token for row in provider.callback_tokens.all() if row.expires_at is None}

    def url(name: str, value: str) -> str:
        return f"{settings.PUBLIC_BASE_URL}{reverse(name, args=[value])}"

    return {
        "messages_url": url("messages", provider.public_id),
        "templates_url": url("templates", provider.public_id),
        "delivery_callback_url": url("delivery", tokens["delivery"]),
        "inbound_callback_url": url("inbound", tokens["inbound"]),
        "webhook_url": url("webhook", tokens["webhook"]),
    }


def describe(provider: Provider) -> dict[str, Any]:
    """A provider as JSON, without any secret."""
    return {
        "id": provider.pk,
        "nickname": provider.nickname,
        "connector": provider.connector,
        "waba_number": provider.waba_number,
        "state": provider.state,
        "paused_reason": provider.paused_reason,
        "hold_until": provider.hold_until.isoformat() if provider.hold_until else None,
        "hold_reason": provider.hold_reason,
        "is_default": provider.is_default,
        "endpoint": provider.endpoint,
        "credentials": sorted(provider.credentials),
        "options": provider.options,
        "quirks": provider.quirks,
        "max_concurrency": provider.max_concurrency,
        "rate": f"{provider.rate_count}/{provider.get_rate_period_display()}"
        if provider.rate_count
        else None,
        "validity_seconds": int(provider.validity.total_seconds()),
        "delivery_url": provider.delivery_url,
        "inbound_url": provider.inbound_url,
        "import_endpoint": provider.import_endpoint,
        "import_limit": provider.import_limit,
        "import_paging": provider.import_paging,
        "import_credentials": sorted(provider.import_credentials),
        "import_every": EVERY_WORDS[Provider.Every(provider.import_every)],
        "click_domain": provider.click_domain,
        "link_days": provider.link_days,
        "unknown_templates": provider.unknown_templates,
        "stopped_templates": provider.stopped_templates,
    } | urls(provider)
