"""Which provider a part of a webhook is for.

One app of Meta's has one webhook URL for all its numbers, so the URL alone does not tell. What the
payload names goes to the provider that has it, and to no other.
"""

from collections.abc import Sequence
from functools import cached_property

from providers.connectors.base import Config
from providers.messages import (
    AccountUpdate,
    Receiver,
    StatusUpdate,
    TemplateUpdate,
    Unhandled,
    WebhookItem,
)
from providers.models import Provider


class Directory:
    """All providers as they were a moment ago, and the ways from their webhook URLs."""

    def __init__(self) -> None:
        found = Provider.objects.prefetch_related("callback_tokens").order_by("pk")
        self.providers = {provider.pk: provider for provider in found}
        self._configs: dict[int, Config] = {}
        self._routes: dict[int, Routes] = {}

    def config(self, provider: Provider) -> Config:
        if (config := self._configs.get(provider.pk)) is None:
            config = self._configs[provider.pk] = provider.config
        return config

    def routes(self, provider_id: int) -> "Routes":
        if (routes := self._routes.get(provider_id)) is None:
            routes = self._routes[provider_id] = Routes(self.providers[provider_id], self)
        return routes


class Routes:
    """The ways from one provider's webhook URL."""

    def __init__(self, provider: Provider, directory: Directory) -> None:
        self.provider = provider
        self.directory = directory
        self._found: dict[Receiver, list[Provider]] = {}

    def of(self, item: WebhookItem) -> list[Provider]:
        """The providers that the item is for: several for news of an account, none if not ours."""
        receiver = None if isinstance(item, Unhandled) else item.receiver
        if receiver is None:
            return [self.provider]
        found = self._found.get(receiver)
        if found is None:
            found = self._found[receiver] = self._receivers(receiver)
        if isinstance(item, TemplateUpdate | AccountUpdate):
            return found
        if not found and isinstance(item, StatusUpdate) and item.reference:
            return [self.provider]  # the ledger looks for our own reference at all of the BSP's providers
        return found[:1]

    def _receivers(self, receiver: Receiver) -> list[Provider]:
        """Those that have the number or account, the URL's provider first."""
        connector = self.provider.connector
        here = connector.receives(receiver, self.directory.config(self.provider))
        if here and not _names_account_alone(receiver):
            return [self.provider]
        others = [one for one in self._others if connector.receives(receiver, self.directory.config(one))]
        mine = [self.provider] if here or (here is None and not others) else []
        return [*mine, *others]

    @cached_property
    def _others(self) -> Sequence[Provider]:
        slug, everyone = self.provider.connector_slug, self.directory.providers.values()
        others = [one for one in everyone if one.connector_slug == slug and one.pk != self.provider.pk]
        return [one for one in others if self._vouches(one)]

    def _vouches(self, other: Provider) -> bool:
        """Whether a webhook that is verified for our provider is verified for the other one, too.

        If webhooks are not verified, a login that both share shows that the account is the same.
        """
        ours, theirs = self.directory.config(self.provider), self.directory.config(other)
        connector = self.provider.connector
        proofs = [name for name in connector.proof if ours.secrets(name)]
        logins = [field.name for field in connector.credentials if field.secret]
        return any(set(ours.secrets(name)) & set(theirs.secrets(name)) for name in proofs or logins)


def _names_account_alone(receiver: Receiver) -> bool:
    return not (receiver.number or receiver.number_id)
