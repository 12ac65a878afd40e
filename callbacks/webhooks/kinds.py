"""Which kinds of webhooks a provider has ever got, and when last: shows which ones are not subscribed to."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from callbacks.models import WebhookKind
from lib import sql
from providers.models import Provider

LONGEST = 60
MOST = 100  # the most kinds kept for a provider besides those to subscribe to: the names come from outside


class _Kind(NamedTuple):
    """One row to store; the names are the columns of callbacks.WebhookKind."""

    provider_id: int
    kind: str
    first_at: datetime
    last_at: datetime


class Arrival(NamedTuple):
    """A kind of webhook: what it is for, where the BSP asks for a subscription, and when it came last."""

    kind: str
    purpose: str
    last_at: datetime | None


def note(seen: Mapping[tuple[int, str], datetime]) -> None:
    """Keeps when each kind came to each provider. Webhooks that are read again move nothing back."""
    cut = {(provider_id, kind[:LONGEST]): at for (provider_id, kind), at in sorted(seen.items())}
    kept = _kept({provider_id for provider_id, _ in cut}, cut)
    rows = [_Kind(*key, at, at) for key, at in cut.items() if key in kept]
    later = f"excluded.last_at > {WebhookKind._meta.db_table}.last_at"
    conflict = f"(provider_id, kind) DO UPDATE SET last_at = excluded.last_at WHERE {later}"
    if rows:
        sql.insert(WebhookKind, _Kind._fields, rows, conflict=conflict)


def _kept(providers: Collection[int], wanted: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those of the wanted kinds that have a row, or may have one."""
    known = set(WebhookKind.objects.filter(provider__in=providers).values_list("provider_id", "kind"))
    named = Provider.objects.in_bulk(providers)
    kept = set()
    for provider_id, kind in wanted:
        declared = named[provider_id].connector.webhook_fields
        others = sum(one == provider_id and other not in declared for one, other in known)
        if (provider_id, kind) in known or kind in declared or others < MOST:
            kept.add((provider_id, kind))
            known.add((provider_id, kind))
    return kept


def arrivals(provider: Provider) -> list[Arrival]:
    """The fields to subscribe to first, each with its last arrival, then whatever else has come."""
    came = dict(WebhookKind.objects.filter(provider=provider).values_list("kind", "last_at"))
    wanted = provider.connector.webhook_fields
    return [
        *(Arrival(kind, purpose, came.pop(kind, None)) for kind, purpose in wanted.items()),
        *(Arrival(kind, "", last_at) for kind, last_at in came.items()),
    ]
