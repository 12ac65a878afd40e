"""What keeps reports and inbound messages from CleverTap."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min

from callbacks.models import Outlet, Reply
from campaigns.models import Event, Forward
from operations.kinds.base import Found, Kind, Severity, in_list, listed, of_provider
from providers.models import Provider

FAILURES = 3  # calls in a row that failed
_OWED: dict[str, Any] = {Outlet.Kind.DELIVERY: Event, Outlet.Kind.INBOUND: Reply}
_PARKED_KEPT = timedelta(days=3)


def _failing(now: datetime) -> Iterable[Found]:
    failing = Outlet.objects.filter(failures__gte=FAILURES, provider__archived_at=None)
    outlets = list(failing.select_related("provider"))
    owed = {kind: _owed(model, outlets) for kind, model in _OWED.items()} if outlets else {}
    for outlet in outlets:
        what = outlet.get_kind_display()
        yield Found(
            f"outlet:{outlet.pk}",
            f"CleverTap's URL for {what} failed {outlet.failures:,} times in a row: {outlet.last_error}",
            f"{what} of {outlet.provider}",
            outlet.provider_id,
            messages=owed[outlet.kind].get(outlet.provider_id, 0),
            since=outlet.last_success_at,
        )


def _owed(model: Any, outlets: Iterable[Outlet]) -> dict[int, int]:
    """How many items wait to be forwarded for each provider."""
    mine = model.objects.filter(
        provider__in=[outlet.provider_id for outlet in outlets], forward=Forward.PENDING
    )
    return dict(mine.order_by().values_list("provider").annotate(Count("pk")))


def _parked(model: Any, what: str) -> Callable[[datetime], list[Found]]:
    def find(now: datetime) -> list[Found]:
        providers = dict(Provider.in_use().values_list("pk", "nickname"))
        # The index on what is parked begins with the provider.
        mine = model.objects.filter(
            provider__in=list(providers), forward=Forward.PARKED, received_at__gt=now - _PARKED_KEPT
        )
        rows = (
            mine.order_by()
            .values_list("provider")
            .annotate(Count("pk"), Min("received_at"), Max("forward_error"))
        )
        return [
            Found(
                of_provider(pk),
                f"CleverTap did not accept {count:,} {what} of the last three days: {error}",
                providers[pk],
                pk,
                count,
                since=first,
            )
            for pk, count, first, error in rows
        ]

    return find


_RETRY = "Read the reason, correct it, and use Retry in the list"

KINDS = (
    Kind(
        "clevertap_outlet_failing",
        "CleverTap does not accept reports or inbound messages",
        Severity.CRITICAL,
        _failing,
        in_list("Check that the callback URL is the one on CleverTap's page", "callbacks_outlet"),
        listed("callbacks_forwardcall"),
    ),
    Kind(
        "reports_parked",
        "Reports were parked",
        Severity.WARNING,
        _parked(Event, "reports"),
        in_list(_RETRY, "campaigns_event", forward=Forward.PARKED.value),
        listed("campaigns_event", forward=Forward.PARKED.value),
    ),
    Kind(
        "replies_parked",
        "Inbound messages were parked",
        Severity.WARNING,
        _parked(Reply, "inbound messages"),
        in_list(_RETRY, "callbacks_reply", forward=Forward.PARKED.value),
        listed("callbacks_reply", forward=Forward.PARKED.value),
    ),
)
