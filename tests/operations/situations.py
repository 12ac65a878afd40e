"""For every kind of incident: how the rows look when it is so, and how they look when it is over."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

from cryptography.fernet import Fernet
from django.db.models import Model
from django.db.models.expressions import RawSQL
from django.utils import timezone

from broadcasts.models import Broadcast
from callbacks.models import Outlet, Reply, Webhook
from campaigns.counting import deltas
from campaigns.models import Attempt, Event, Forward, Message, Month, Refusal, StatCount, Status
from lib.crypto import KeyRing
from operations.models import AuditFinding, Channel, Expiry, Sign
from privacy.models import Erasure
from providers import lifecycle, refused_calls
from providers.messages import Account
from providers.models import AccountEvent, CallCount, Lease, Provider
from templates_app.models import ImportRun, Template, TemplateChange
from tests.factories import MessageFactory


class Situation(NamedTuple):
    """`begin` makes it so for a provider, `end` makes it over."""

    begin: Callable[[Provider], Any]
    end: Callable[[Provider], Any]


def _pause(account: Account | None) -> Callable[[Provider], None]:
    def begin(provider: Provider) -> None:
        MessageFactory.create_batch(2, provider=provider)
        lifecycle.pause(provider, "It was paused", account)

    return begin


def _hold(hold: Provider.Hold) -> Situation:
    def begin(provider: Provider) -> None:
        until = timezone.now() + timedelta(minutes=1)
        mine = Provider.objects.filter(pk=provider.pk)
        mine.update(hold_until=until, hold_for=hold, hold_reason="HTTP 503")

    return Situation(begin, lambda provider: Provider.objects.filter(pk=provider.pk).update(hold_until=None))


def _ago(**length: float) -> Any:
    return timezone.now() - timedelta(**length)


def _webhook(provider: Provider, state: Webhook.State) -> None:
    now = timezone.now()
    Webhook.objects.create(
        provider=provider,
        source="native",
        method="POST",
        url="",
        body=b"{",
        received_at=now,
        next_attempt_at=now,
        state=state,
        summary="no JSON",
    )


def _webhooks(state: Webhook.State) -> Situation:
    return Situation(
        lambda provider: _webhook(provider, state),
        lambda provider: Webhook.objects.update(state=Webhook.State.DONE),
    )


def _calls(what: CallCount.What) -> Situation:
    return Situation(
        lambda provider: refused_calls.note(provider.pk, what, "203.0.113.7", "username 'x'"),
        lambda provider: CallCount.objects.update(minute=_ago(minutes=20)),
    )


def _failed(provider: Provider) -> None:
    counts = {StatCount.Metric.ACCEPTED: 30, StatCount.Metric.NOT_SENT: 12}
    for metric, count in counts.items():
        StatCount.objects.create(
            provider=provider,
            minute=_ago(minutes=5).replace(second=0, microsecond=0),
            campaign="1767225600",
            template="order_ready",
            metric=metric,
            code=1010 if metric == StatCount.Metric.NOT_SENT else 0,
            count=count,
        )


def _counted(provider: Provider, minutes: int = 50, **figures: int) -> None:
    minute = _ago(minutes=minutes).replace(second=0, microsecond=0)
    for metric, count in figures.items():
        StatCount.objects.create(
            provider=provider, minute=minute, metric=StatCount.Metric[metric.upper()], count=count
        )


def _unhandled(provider: Provider) -> None:
    for _ in range(12):
        refused_calls.note(provider.pk, CallCount.What.UNHANDLED, text="flows")


def _parked_report(provider: Provider) -> None:
    now = timezone.now()
    Event.objects.create(
        message=MessageFactory(provider=provider, status=Status.DELIVERED),
        provider=provider,
        kind=Event.Kind.DELIVERED,
        at=now,
        received_at=now,
        owed_since=now,
        forward=Forward.PARKED,
        forward_error="HTTP 400",
    )


def _parked_reply(provider: Provider) -> None:
    now = timezone.now()
    Reply.objects.create(
        provider=provider,
        bsp_id="wamid.1",
        sender="15550001",
        kind="text",
        at=now,
        received_at=now,
        owed_since=now,
        content="{}",
        forward=Forward.PARKED,
    )


def _silence(provider: Provider) -> None:
    for number in range(12):
        message = MessageFactory(provider=provider, status=Status.ACCEPTED)
        Attempt.objects.create(
            message=message, number=1, started_at=_ago(minutes=50 + number), outcome="accepted"
        )


def _stopped_template(provider: Provider) -> None:
    template = Template.objects.create(
        provider=provider, name="order_ready", language="en", status="PAUSED", status_reason="low quality"
    )
    TemplateChange.objects.create(template=template, at=timezone.now(), kind="status", source="webhook")


def _failing_imports(provider: Provider) -> None:
    for _ in range(5):
        ImportRun.objects.create(
            provider=provider, state="failed", error="HTTP 401", finished_at=timezone.now()
        )


def _overdue_import(provider: Provider) -> None:
    Provider.objects.filter(pk=provider.pk).update(import_every=3600, created_at=_ago(hours=9))


def _imported(provider: Provider) -> None:
    ImportRun.objects.create(provider=provider, state="done", finished_at=timezone.now())


def _counts_behind(provider: Provider) -> None:
    """The lease says when they were last folded."""
    Lease.objects.update_or_create(name=deltas.LEASE, defaults={"expires_at": _ago(hours=2)})
    StatCount.objects.create(
        provider=provider, minute=_ago(hours=2), metric=StatCount.Metric.ACCEPTED, count=1
    )


def _old_version(provider: Provider) -> None:
    mine = Provider.objects.filter(pk=provider.pk)
    mine.update(connector_slug="meta", options={"api_version": "v20.0"})


def _new_version(provider: Provider) -> None:
    Provider.objects.filter(pk=provider.pk).update(options={})


def _seal(model: type[Model], field: str) -> Callable[[Provider], None]:
    """As if the key of all its rows, or of the provider's, were lost."""

    def begin(provider: Provider) -> None:
        mine = {"pk": provider.pk} if model is Provider else {}
        sealed = KeyRing([Fernet.generate_key().decode()]).encrypt("{}")
        model._default_manager.filter(**mine).update(**{field: RawSQL("%s", [sealed])})

    return begin


def _sealed_channel(provider: Provider) -> None:
    Channel.objects.create(name="on call", address="json://127.0.0.1/")
    _seal(Channel, "address")(provider)


SITUATIONS: dict[str, Situation] = {
    "credentials_unreadable": Situation(
        _seal(Provider, "credentials"), lambda provider: Provider.objects.update(credentials={})
    ),
    "secrets_unreadable": Situation(
        _sealed_channel,
        lambda provider: Channel.objects.update(address="x"),
    ),
    "provider_paused_credentials": Situation(_pause(Account.CREDENTIALS), lifecycle.resume),
    "provider_paused_account": Situation(_pause(Account.PAYMENT), lifecycle.resume),
    "provider_paused": Situation(_pause(None), lifecycle.resume),
    "provider_held_throttle": _hold(Provider.Hold.THROTTLE),
    "provider_held_outage": _hold(Provider.Hold.OUTAGE),
    "provider_marketing_held": Situation(
        lambda provider: Provider.objects.filter(pk=provider.pk).update(
            marketing_held_until=timezone.now() + timedelta(hours=1)
        ),
        lifecycle.resume,
    ),
    "queue_old": Situation(
        lambda provider: MessageFactory(provider=provider, next_attempt_at=_ago(minutes=6)),
        lambda provider: Message.objects.update(status=Status.ACCEPTED),
    ),
    "account_changed": Situation(
        lambda provider: AccountEvent.objects.create(
            provider=provider, happened_at=timezone.now(), kind="RESTRICTION", text="limited"
        ),
        lambda provider: AccountEvent.objects.update(happened_at=_ago(days=2)),
    ),
    "failures_risen": Situation(_failed, lambda provider: StatCount.objects.all().delete()),
    "clevertap_outlet_failing": Situation(
        lambda provider: Outlet.objects.create(
            provider=provider, kind="delivery", failures=4, last_error="HTTP 502"
        ),
        lambda provider: Outlet.objects.update(failures=0),
    ),
    "reports_parked": Situation(_parked_report, lambda provider: Event.objects.update(forward=Forward.DONE)),
    "replies_parked": Situation(_parked_reply, lambda provider: Reply.objects.update(forward=Forward.DONE)),
    "clevertap_login_refused": _calls(CallCount.What.LOGIN),
    "clevertap_malformed": _calls(CallCount.What.MALFORMED),
    "clevertap_answered_late": _calls(CallCount.What.LATE),
    "webhook_signature_refused": _calls(CallCount.What.SIGNATURE),
    "webhook_address_refused": _calls(CallCount.What.ADDRESS),
    "messages_refused": Situation(
        lambda provider: Refusal.objects.create(
            provider=provider, received_at=timezone.now(), code=2001, text="body.2 has no value"
        ),
        lambda provider: Refusal.objects.update(received_at=_ago(minutes=20)),
    ),
    "bsp_silent": Situation(_silence, lambda provider: _webhook(provider, Webhook.State.DONE)),
    "webhook_kind_missing": Situation(
        lambda provider: _counted(provider, submitted=12, sent=12),
        lambda provider: _counted(provider, minutes=1, delivered=1),
    ),
    "webhooks_unhandled": Situation(
        _unhandled, lambda provider: CallCount.objects.update(minute=_ago(minutes=70))
    ),
    "webhooks_quarantined": _webhooks(Webhook.State.QUARANTINED),
    "webhooks_unmatched": _webhooks(Webhook.State.UNMATCHED),
    "webhooks_not_ours": _webhooks(Webhook.State.NOT_OURS),
    "template_stopped": Situation(
        _stopped_template, lambda provider: Template.objects.update(status="APPROVED")
    ),
    "import_failing": Situation(_failing_imports, _imported),
    "import_overdue": Situation(_overdue_import, _imported),
    "broadcast_paused": Situation(
        lambda provider: Broadcast.objects.create(
            name="Spring sale", provider=provider, state="paused", reason="35 % of its messages failed"
        ),
        lambda provider: Broadcast.objects.update(state="running"),
    ),
    "process_missing": Situation(
        lambda provider: Sign.objects.create(what="worker", host="two", seen_at=_ago(minutes=3)),
        lambda provider: Sign.objects.update(seen_at=timezone.now() + timedelta(hours=1)),
    ),
    "certificate_ending": Situation(
        lambda provider: Expiry.objects.create(
            name="wa.example.com", ends_at=_ago(days=-9), looked_at=timezone.now()
        ),
        lambda provider: Expiry.objects.update(ends_at=_ago(days=-90)),
    ),
    "api_version_ending": Situation(_old_version, _new_version),
    "counts_behind": Situation(
        _counts_behind,
        lambda provider: StatCount.objects.all().delete(),
    ),
    "part_missing": Situation(
        lambda provider: Month.objects.create(number=0, began_at=_ago(days=70)),
        lambda provider: Month.objects.update(began_at=_ago(days=0)),
    ),
    "alarms_unreachable": Situation(
        lambda provider: Channel.objects.create(name="on call", address="json://127.0.0.1/", failures=3),
        lambda provider: Channel.objects.update(failures=0),
    ),
    "erasure_overdue": Situation(
        lambda provider: Erasure.objects.create(
            person="~a", asked_at=_ago(days=40), deadline=_ago(days=10), next_step_at=_ago(days=10)
        ),
        lambda provider: Erasure.objects.update(state=Erasure.State.DONE, next_step_at=None),
    ),
    "audit_finding": Situation(
        lambda provider: AuditFinding.objects.create(
            check_name="every message is in exactly one state",
            at=timezone.now(),
            problems=2,
            examples="message 5",
        ),
        lambda provider: AuditFinding.objects.update(problems=0),
    ),
}
