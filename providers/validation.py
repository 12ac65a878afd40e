"""What is wrong with a provider as it was entered, in the admin or on the command line."""

import re
from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError

from lib import addresses, targets
from lib.http import HEADER_NAME
from providers.connectors import CONNECTORS
from providers.connectors.base import Field
from providers.encrypted_fields import Sealed, require_key
from providers.models import Provider
from providers.quirks import load

LONGEST_VALIDITY = timedelta(days=366)
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)


def check_target(url: str) -> None:
    """Raises ValidationError for a URL we would refuse to call, or could not."""
    try:
        if url and settings.ALLOW_PRIVATE_TARGETS:
            targets.check_readable(url)
        elif url:
            targets.check(url)
    except (targets.TargetRefused, targets.Unreachable) as error:
        raise ValidationError(str(error)) from error


def validate(provider: Provider) -> None:
    """Checks what the model's own fields cannot check. Raises ValidationError by field."""
    errors: dict[str, list[str]] = {}
    connector = CONNECTORS.get(provider.connector_slug)
    if connector is None:
        raise ValidationError({"connector_slug": f"No such connector; there are: {', '.join(CONNECTORS)}."})
    for kind, fields, given in (
        ("credentials", connector.credentials, provider.credentials),
        ("options", connector.options, provider.options),
    ):
        errors[kind] = _unknown(fields, given) + [
            f"{field.name}: required."
            for field in fields
            if field.required and not given.get(field.name) and not isinstance(given, Sealed)
        ]
        errors[kind] += [
            f"{field.name}: one of {', '.join(field.choices)}."
            for field in fields
            if field.choices and given.get(field.name) and given[field.name] not in field.choices
        ]
    if not all(isinstance(each, Sealed) for each in (provider.credentials, provider.import_credentials)):
        try:
            require_key()
        except ValidationError as error:
            errors["credentials"] += error.messages
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
    if not timedelta(0) < provider.validity <= LONGEST_VALIDITY:
        errors["validity"] = [f"Write a time of at most {LONGEST_VALIDITY.days} days."]
    if provider.cap_retries and provider.validity <= timedelta(days=1):
        errors["cap_retries"] = [
            "The next attempt is a day later, so the validity must be longer than a day."
        ]
    try:
        addresses.networks(provider.webhook_networks.splitlines())
    except ValueError as error:
        errors["webhook_networks"] = [f"{error}. Write one network on each line, such as 203.0.113.0/24."]
    errors |= _import_errors(provider)
    try:
        load(provider.stored_quirks)
    except Exception as error:
        errors["stored_quirks"] = [str(error)]
    if found := {name: messages for name, messages in errors.items() if messages}:
        raise ValidationError(found)


def _import_errors(provider: Provider) -> dict[str, list[str]]:
    """What is wrong with the set-up of the template import, apart from its URL."""
    errors: dict[str, list[str]] = {}
    stored = provider.import_credentials
    if bool(stored.get("username")) != bool(stored.get("password")):
        errors["import_credentials"] = ["Basic authentication needs a username and a password."]
    for name in (name.removeprefix("header:") for name in stored if name.startswith("header:")):
        if not HEADER_NAME.fullmatch(name):
            errors.setdefault("import_credentials", []).append(f"“{name}” cannot be the name of a header.")
    if provider.click_domain and not _HOST.fullmatch(provider.click_domain):
        errors["click_domain"] = ["Write the host alone, for example ct3.io: no https://, no path."]
    if provider.link_days < 1:
        errors["link_days"] = ["Write at least one day."]
    return errors


def _unknown(fields: tuple[Field, ...], given: Mapping[str, str]) -> list[str]:
    known = {field.name for field in fields}
    prefixes = tuple(name for name in known if name.endswith(":"))
    strangers = [name for name in given if name not in known and not (prefixes and name.startswith(prefixes))]
    names = ", ".join(sorted(known)) or "none"
    return [f"{name}: not one of this connector's ({names})." for name in strangers]
