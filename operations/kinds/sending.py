"""What keeps messages from going out to a BSP, or makes them fail."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min

from campaigns.models import Message, Status
from lib import display
from operations.kinds.base import Found, Kind, Severity, listed, of_provider, on_provider
from providers.messages import Account
from providers.models import AccountEvent, Provider

_VERSION_SOON = timedelta(days=60)
_ACCOUNT_KEPT = timedelta(days=1)


_queued = listed("campaigns_message", status=Status.QUEUED.value)


def _waiting(providers: Iterable[Provider]) -> dict[int, int]:
    """How many messages wait for each, in one statement."""
    waiting = Message.objects.filter(provider__in=[each.pk for each in providers], status=Status.QUEUED)
    return dict(waiting.order_by().values_list("provider").annotate(Count("pk")))


def _paused(account: Iterable[str]) -> Callable[[datetime], list[Found]]:
    def find(now: datetime) -> list[Found]:
        paused = list(Provider.in_use().filter(state=Provider.State.PAUSED, paused_for__in=list(account)))
        waiting = _waiting(paused) if paused else {}
        return [
            Found(
                of_provider(provider.pk),
                provider.paused_reason or "Nothing is sent: the provider is paused.",
                provider.nickname,
                provider.pk,
                messages=waiting.get(provider.pk, 0),
            )
            for provider in paused
        ]

    return find


def _unreadable(now: datetime) -> Iterable[Found]:
    sealed = [provider for provider in Provider.in_use() if provider.unreadable]
    waiting = _waiting(sealed) if sealed else {}
    for provider in sealed:
        count = waiting.get(provider.pk, 0)
        yield Found(of_provider(provider.pk), provider.unreadable, provider.nickname, provider.pk, count)


def _held(hold: Provider.Hold) -> Callable[[datetime], list[Found]]:
    def find(now: datetime) -> list[Found]:
        held = list(Provider.in_use().filter(state=Provider.State.ACTIVE, hold_until__gt=now, hold_for=hold))
        waiting = _waiting(held) if held else {}
        words = "The BSP asked for a break" if hold == Provider.Hold.THROTTLE else "It fails"
        return [
            Found(
                of_provider(provider.pk),
                f"{words}: {provider.hold_reason}",
                provider.nickname,
                provider.pk,
                messages=waiting.get(provider.pk, 0),
            )
            for provider in held
        ]

    return find


def _marketing_held(now: datetime) -> Iterable[Found]:
    for provider in Provider.in_use().filter(state=Provider.State.ACTIVE, marketing_held_until__gt=now):
        text = "The BSP accepts no marketing templates from the account, so these wait. All others are sent."
        yield Found(of_provider(provider.pk), text, provider.nickname, provider.pk)


def _old_queue(now: datetime) -> Iterable[Found]:
    """Messages that could go out and have been due for too long."""
    limit = timedelta(minutes=settings.INCIDENT_QUEUE_MINUTES)
    due = Message.objects.filter(
        status=Status.QUEUED,
        next_attempt_at__lt=now - limit,
        provider__state=Provider.State.ACTIVE,
        provider__archived_at=None,
    ).exclude(provider__hold_until__gt=now)
    rows = (
        due.order_by()
        .values_list("provider", "provider__nickname")
        .annotate(Count("pk"), Min("next_attempt_at"))
    )
    sealed = {each.pk for each in Provider.in_use() if each.unreadable} if rows else set()
    for pk, nickname, count, oldest in rows:
        if pk in sealed:  # which is an incident of its own
            continue
        length = display.length(now - oldest)
        text = f"{count:,} messages have been due for up to {length}, and nothing holds them back."
        yield Found(of_provider(pk), text, nickname, pk, count, since=oldest)


def _restricted(now: datetime) -> Iterable[Found]:
    """What the BSP reported about the account within a day, for providers that this did not pause."""
    recent = AccountEvent.objects.filter(happened_at__gt=now - _ACCOUNT_KEPT, provider__archived_at=None)
    newest: dict[int, AccountEvent] = {}
    for event in recent.select_related("provider").order_by("happened_at", "pk"):
        newest[event.provider_id] = event
    for pk, event in newest.items():
        text = ": ".join(filter(None, (f"The BSP reports {event.kind}", event.text)))
        yield Found(of_provider(pk), text, event.provider.nickname, pk, since=event.happened_at)


def _old_version(now: datetime) -> Iterable[Found]:
    """Providers whose BSP soon no longer answers at the API version that they use."""
    for provider in Provider.in_use():
        ends = provider.connector.api_ends(provider.options)
        if ends is not None and ends - _VERSION_SOON <= now.date():
            text = f"{provider.connector.label} no longer answers at this API version from {ends} on."
            yield Found(of_provider(provider.pk), text, provider.nickname, provider.pk)


_OTHERS = tuple(each.value for each in Account if each != Account.CREDENTIALS)

KINDS = (
    Kind(
        "credentials_unreadable",
        "A provider's credentials cannot be read",
        Severity.CRITICAL,
        _unreadable,
        on_provider("Put the key back at the end of FIELD_ENCRYPTION_KEYS, or enter the credentials again"),
        _queued,
    ),
    Kind(
        "provider_paused_credentials",
        "A BSP refuses our credentials",
        Severity.CRITICAL,
        _paused([Account.CREDENTIALS.value]),
        on_provider("Correct the credentials, use Check connection, then Resume"),
        _queued,
    ),
    Kind(
        "provider_paused_account",
        "A BSP accepts nothing from the account",
        Severity.CRITICAL,
        _paused(_OTHERS),
        on_provider("Clear this up with Meta or the BSP, then Resume"),
        _queued,
    ),
    Kind(
        "provider_paused",
        "A provider was paused by a person",
        Severity.WARNING,
        _paused([""]),
        on_provider("Resume when it may send again"),
        _queued,
    ),
    Kind(
        "provider_held_throttle",
        "A BSP asked for a break",
        Severity.NOTICE,
        _held(Provider.Hold.THROTTLE),
        on_provider("Nothing to do; lower the rate limit if it happens often"),
        _queued,
    ),
    Kind(
        "provider_held_outage",
        "A BSP does not answer as it should",
        Severity.CRITICAL,
        _held(Provider.Hold.OUTAGE),
        on_provider("Look at the BSP's status page; sending continues automatically"),
        _queued,
    ),
    Kind(
        "provider_marketing_held",
        "A BSP accepts no marketing templates",
        Severity.CRITICAL,
        _marketing_held,
        on_provider("Switch them on at Meta, or use the Marketing Messages API, then Resume"),
        _queued,
    ),
    Kind(
        "queue_old",
        "Messages wait too long",
        Severity.CRITICAL,
        _old_queue,
        on_provider("Check that a worker runs, and the provider's limits"),
        _queued,
    ),
    Kind(
        "api_version_ending",
        "A BSP's API version ends soon",
        Severity.WARNING,
        _old_version,
        on_provider("Enter a newer version under Options of the connector, and use Check connection"),
    ),
    Kind(
        "account_changed",
        "A BSP changed what the account may do",
        Severity.WARNING,
        _restricted,
        on_provider("Read the account's history on its page"),
    ),
)
