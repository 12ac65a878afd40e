"""Which holds forbid an erasure."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Model, Q, QuerySet

from callbacks.models import ForwardCall, Reply, Webhook
from campaigns.models import Message, Refusal
from identities import known, pseudonyms
from privacy import finding
from privacy.finding import Person
from privacy.models import Hold

# Tables of a provider's rows, and of those the ones that name a campaign.
_OF_PROVIDERS = (Message, Refusal, Reply, Webhook, ForwardCall)
_OF_CAMPAIGNS = (Message, Refusal)


def over(who: Person) -> Hold | None:
    """The first hold on the person, or on a campaign or a provider of which messages are theirs."""
    return next((hold for hold in _holds() if is_over(hold, who)), None)


def is_over(hold: Hold, who: Person) -> bool:
    if hold.number and not pseudonyms.is_one(hold.number):
        names = known.all_names([hold.number])[hold.number]
        if not known.spelt(names).isdisjoint(who.spelt):
            return True
    return any(_is_over_rows(hold, rows) for rows in (finding.messages(who), finding.replies(who)))


def over_rows(model: type[Model], keys: Sequence[int]) -> Hold | None:
    """The first hold on a campaign or a provider of which these rows are."""
    if model not in _OF_PROVIDERS or not keys:
        return None
    rows = model._base_manager.filter(pk__in=keys)
    return next((hold for hold in _holds() if _is_over_rows(hold, rows)), None)


def _holds() -> QuerySet[Hold]:
    return Hold.objects.order_by("pk")


def _is_over_rows(hold: Hold, rows: QuerySet[Any]) -> bool:
    which = Q(pk__in=())
    if hold.campaign and rows.model in _OF_CAMPAIGNS:
        which |= Q(campaign=hold.campaign)
    if is_for_a_provider(hold):
        which |= Q(provider=hold.provider_id)
    return rows.filter(which).exists()


def is_for_a_provider(hold: Hold) -> bool:
    """Whether it is for all of the provider, and not for a campaign or a person there."""
    return bool(hold.provider_id) and not hold.campaign and not hold.number
