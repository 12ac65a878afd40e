"""What webhooks hold, and for which provider each part is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from callbacks.models import Webhook
from providers.messages import AccountUpdate, Preference, StatusUpdate, TemplateUpdate, WebhookItem
from providers.messages import Reply as Inbound
from providers.models import Provider


@dataclass(slots=True)
class Read:
    """One webhook, what it holds, and what became of that."""

    webhook: Webhook
    items: list[WebhookItem] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    found: Counter[str] = field(default_factory=Counter)
    waits: bool = False  # for a message that it reports on
    strays: bool = False  # something in it is for nobody here
    error: str = ""


@dataclass(slots=True)
class Delivery:
    """What a batch of webhooks holds for one provider."""

    provider: Provider
    updates: list[tuple[Read, StatusUpdate]] = field(default_factory=list)
    replies: list[tuple[Read, Inbound]] = field(default_factory=list)
    templates: list[tuple[Read, TemplateUpdate]] = field(default_factory=list)
    accounts: list[tuple[Read, AccountUpdate]] = field(default_factory=list)
    preferences: list[tuple[Read, Preference]] = field(default_factory=list)

    @property
    def reads(self) -> list[Read]:
        """The webhooks that something in it came with."""
        parts = (self.updates, self.replies, self.templates, self.accounts, self.preferences)
        return [read for part in parts for read, _ in part]


def came(reads: Sequence[Read], deliveries: Sequence[Delivery]) -> dict[tuple[int, str], datetime]:
    """When each kind of webhook came last, for the URL's provider and for the provider that it was meant
    for."""
    seen: dict[tuple[int, str], datetime] = {}
    meant = [(delivery.provider.pk, read) for delivery in deliveries for read in delivery.reads]
    for provider_id, read in [*((read.webhook.provider_id, read) for read in reads), *meant]:
        for kind in read.kinds:
            at = read.webhook.received_at
            seen[provider_id, kind] = max(at, seen.get((provider_id, kind), at))
    return seen
