"""A row for each provider: its state, what went and came last, its queue, its errors."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Max, Model, OuterRef, Subquery

from callbacks.models import Outlet, WebhookKind
from campaigns.models import Message, Status
from lib import display
from lib.admin import CappedCount, Tone, capped, list_url, page_url
from operations.home.figures import error_tone, last_hour, wait_tone
from providers.models import Provider
from stats.pages import links
from stats.query import breakdowns
from stats.query.breakdowns import Group
from stats.query.figures import RATE
from stats.query.filters import since
from stats.tables import formatting

RECENT = timedelta(days=7)
_WORST: dict[Tone, int] = {"danger": 0, "warning": 1, "info": 2, "success": 3, "": 4}


class ProviderRow(NamedTuple):
    nickname: str
    url: str
    state: str
    state_tone: Tone
    reason: str
    last_message: str
    last_webhook: str
    last_forward: str
    queue: str
    queue_url: str
    queue_tone: Tone
    errors: str
    errors_url: str
    errors_tone: Tone

    @property
    def tone(self) -> Tone:
        """The worst of the row."""
        return min(self.state_tone, self.queue_tone, self.errors_tone, key=_WORST.__getitem__)


def rows(now: datetime, groups: Iterable[Group], waits: Mapping[int, timedelta]) -> list[ProviderRow]:
    """The worst first. `groups` and `waits` are as `figures` has them."""
    queued = CappedCount(Message.objects.filter(provider=OuterRef("pk"), status=Status.QUEUED))
    messages = breakdowns.last_accepted(since(now - RECENT, now), "provider_id")
    webhook, forward = _last(WebhookKind, "last_at"), _last(Outlet, "last_success_at")
    figures = {group.provider_id: group.figures for group in groups}

    def row(provider: Any) -> ProviderRow:
        state, tone, reason = _state(provider, now)
        own = figures.get(provider.pk)
        return ProviderRow(
            provider.nickname,
            page_url("providers_provider", provider.pk),
            state,
            tone,
            reason,
            _ago(messages.get(provider.pk), now),
            _ago(provider.webhook_at, now),
            _ago(provider.forward_at, now),
            capped(provider.queued),
            list_url("campaigns_message", provider=provider.pk, status=Status.QUEUED.value),
            wait_tone(waits.get(provider.pk, timedelta(0))),
            formatting.percent(RATE["error_rate"].of(own) if own else None),
            links.messages_behind(last_hour(now, provider), "error_rate") if own else "",
            error_tone(own) if own else "",
        )

    found = Provider.in_use().annotate(queued=queued, webhook_at=webhook, forward_at=forward)
    made = [row(provider) for provider in found.order_by("nickname")]
    return sorted(made, key=lambda each: _WORST[each.tone])


def _last(model: type[Model], column: str) -> Subquery:
    """A provider's last."""
    own = model._default_manager.filter(provider=OuterRef("pk")).order_by().values("provider")
    return Subquery(own.annotate(last=Max(column)).values("last"))


def _state(provider: Provider, now: datetime) -> tuple[str, Tone, str]:
    if provider.state == Provider.State.PAUSED:
        return "Paused", "danger", provider.paused_reason
    if provider.hold_until and provider.hold_until > now:
        failing = provider.hold_for == Provider.Hold.OUTAGE
        return "Failing" if failing else "Held", "danger" if failing else "warning", provider.hold_reason
    return "Active", "success", ""


def _ago(at: datetime | None, now: datetime) -> str:
    """In whole minutes, as the counts have it."""
    if at is None:
        return formatting.NOTHING
    minutes = max(int((now - at).total_seconds() // 60), 0)
    return (
        "just now"
        if not minutes
        else f"{display.length(timedelta(minutes=minutes)).removesuffix(' 0 s')} ago"
    )
