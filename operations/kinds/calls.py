"""Calls that Waypost refused, or answered too late."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db.models import Count, Exists, Max, Min, OuterRef, QuerySet, Sum

from campaigns.models import Message, Refusal
from lib import display
from operations.kinds.base import Found, Kind, Severity, listed, of_provider, on_provider
from providers.messages import AnswerCode
from providers.models import CallCount, CallSample

_WINDOW = timedelta(minutes=15)
What = CallCount.What


def _turned_away(
    what: CallCount.What,
    words: str,
    over: Callable[[QuerySet[CallSample]], QuerySet[CallSample]] | None = None,
) -> Callable[[datetime], Iterable[Found]]:
    """What was counted within the window, with the last sample in its text. `over` picks the last calls after
    which later ones show that the cause is corrected."""

    def find(now: datetime) -> Iterable[Found]:
        counted = CallCount.objects.filter(minute__gt=now - _WINDOW, what=what, provider__archived_at=None)
        rows = (
            counted.order_by()
            .values_list("provider", "provider__nickname")
            .annotate(Sum("calls"), Min("minute"))
        )
        found = {pk: (nickname, count, first) for pk, nickname, count, first in rows}
        newest = CallSample.objects.filter(what=what, provider__in=list(found)).order_by()
        last = newest.values("provider").annotate(newest=Max("pk")).values("newest")
        samples = {each.provider_id: each for each in CallSample.objects.filter(pk__in=last)}
        mended = (
            {each.provider_id for each in over(CallSample.objects.filter(pk__in=last))} if over else set()
        )
        for pk, (nickname, count, first) in found.items():
            sample = samples.get(pk)
            if pk in mended:
                continue
            text = f"{words}, {count:,} in a quarter of an hour"
            if sample is not None:
                came = f" from {sample.address}" if sample.address else ""
                text += f"; the last at {display.to_second(sample.at)}{came}: {sample.text}"
            yield Found(of_provider(pk), text, nickname, pk, count, since=first)

    return find


def _let_in_since(refused: QuerySet[CallSample]) -> QuerySet[CallSample]:
    """Those after which CleverTap used a valid login: it posted a message, or saved the provider again."""
    mine = {"provider": OuterRef("provider")}
    validated = CallSample.objects.filter(**mine, what=What.VALIDATED, at__gt=OuterRef("at"))
    posted = Message.objects.filter(**mine, accepted_at__gt=OuterRef("at"))
    return refused.filter(Exists(validated) | Exists(posted))


def _refused(codes: tuple[AnswerCode, ...], words: str) -> Callable[[datetime], Iterable[Found]]:
    def find(now: datetime) -> Iterable[Found]:
        recent = Refusal.objects.filter(received_at__gt=now - _WINDOW, code__in=codes, untracked=False)
        rows = (
            recent.order_by()
            .values_list("provider", "provider__nickname")
            .annotate(Count("pk"), Min("received_at"), Max("text"))
        )
        for pk, nickname, count, first, text in rows:
            yield Found(
                of_provider(pk),
                f"{words}, {count:,} in a quarter of an hour; one of them: {text}",
                nickname,
                pk,
                count,
                since=first,
            )

    return find


KINDS = (
    Kind(
        "clevertap_login_refused",
        "CleverTap's login is refused",
        Severity.CRITICAL,
        _turned_away(What.LOGIN, "CleverTap's login was refused", _let_in_since),
        on_provider("Compare the login on CleverTap's page with this provider's, or make a new one"),
    ),
    Kind(
        "clevertap_malformed",
        "CleverTap's requests cannot be read",
        Severity.CRITICAL,
        _turned_away(What.MALFORMED, "Requests could not be read"),
        on_provider("See the last calls on the provider's page"),
    ),
    Kind(
        "clevertap_answered_late",
        "CleverTap waits more than a second",
        Severity.WARNING,
        _turned_away(What.LATE, "CleverTap's calls were answered after more than a second"),
        on_provider("Give the web processes or the database more room"),
    ),
    Kind(
        "webhook_signature_refused",
        "A BSP's webhooks fail their verification",
        Severity.CRITICAL,
        _turned_away(What.SIGNATURE, "Webhooks failed their verification"),
        on_provider("Enter the secret that the BSP signs with"),
    ),
    Kind(
        "webhook_address_refused",
        "Webhooks come from addresses that may not call",
        Severity.CRITICAL,
        _turned_away(What.ADDRESS, "Webhooks came from addresses that may not call"),
        on_provider("Add the BSP's networks on the provider's form"),
    ),
    Kind(
        "messages_refused",
        "Messages are refused",
        Severity.WARNING,
        _refused((AnswerCode.TEMPLATE,), "Messages did not fit their template"),
        on_provider("Import the templates, or correct the campaign"),
        listed("campaigns_refusal", code=AnswerCode.TEMPLATE.value),
    ),
)
