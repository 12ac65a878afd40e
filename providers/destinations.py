"""A stored secret is sent only to the address that it was entered for.

People who may change a provider's address may not see its secrets. They could have them sent to their own
server. So whoever changes the address must enter the secrets again.
"""

from collections.abc import Collection

from django.core.exceptions import ValidationError

from providers.encrypted_fields import Sealed
from providers.models import UNREADABLE, Provider

AGAIN = "Enter it again: it would be sent to another address now."


def check(now: Provider, entered: Collection[str], entered_for_list: Collection[str]) -> None:
    """Raises ValidationError, by field, if the provider would be stored with another address and with secrets
    that were not entered together with it. `entered` names the credentials that were."""
    was = Provider.objects.filter(pk=now.pk).first()
    if was is None:
        return
    errors: dict[str, list[str]] = {}
    if _addresses(was) != _addresses(now):
        open_names = {field.name for field in now.connector.credentials if not field.secret}
        secrets = now.credentials.keys() - open_names - set(entered)
        errors["credentials"] = [f"{name}: {AGAIN}" for name in sorted(secrets)]
        if isinstance(now.credentials, Sealed):  # their key may come back, and then they would be sent there
            errors["credentials"].append(UNREADABLE)
    if now.import_endpoint not in ("", was.import_endpoint):
        kept = now.import_credentials.keys() - {"username", *entered_for_list}
        errors["import_credentials"] = [f"{name}: {AGAIN}" for name in sorted(kept)]
        if was.import_endpoint and isinstance(now.import_credentials, Sealed):
            errors["import_credentials"].append(UNREADABLE)
    if found := {name: messages for name, messages in errors.items() if messages}:
        raise ValidationError(found)


def _addresses(provider: Provider) -> list[str]:
    """Everywhere that the provider's credentials are sent to."""
    options = ((field.name, field.default) for field in provider.connector.options)
    urls = [provider.options.get(name) or usual for name, usual in options if name.endswith("_url")]
    return [url.rstrip("/") for url in (provider.endpoint, *urls)]
