"""The set-up as a checklist. A step is ticked when it has really happened, never because a form is filled
in."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Max

from callbacks.models import Outlet
from callbacks.webhooks.kinds import Arrival
from lib import display, phone_masking
from providers.features import Feature
from providers.messages import Account
from providers.models import ROTATION_GRACE, CallCount, CallSample, Provider
from stats.query import breakdowns
from templates_app.models import ImportRun

What = CallCount.What
Last = Mapping[str, CallSample]  # the last call of each sort
# Counts tell a moment to the minute, so what was refused within it may have come before.
_MINUTE = timedelta(minutes=1)


class Tick(NamedTuple):
    """A step: done, open, or in trouble, and the sentence that says so."""

    title: str
    state: str  # done, open or trouble
    words: str


def ticks(
    provider: Provider, samples: Iterable[CallSample], arrivals: Iterable[Arrival], import_alarm: str
) -> list[Tick]:
    """Every step that this provider's connector has. `samples` are all of its calls, newest first."""
    last: dict[str, CallSample] = {}
    for sample in samples:
        last.setdefault(sample.what, sample)
    counted = breakdowns.last_at(provider.pk, "accepted", "submitted")
    steps = [_key(provider, last, counted["submitted"]), _login(last, counted["accepted"])]
    if hears(provider):
        came = _latest(*(arrival.last_at for arrival in arrivals))
        steps += [_webhook(provider, last, came), _report(provider)]
    if Feature.TEMPLATES not in provider.connector.lacks or provider.import_endpoint:
        steps.append(_templates(provider, import_alarm))
    return steps


def hears(provider: Provider) -> bool:
    """Whether the BSP reports anything back."""
    return Feature.DELIVERED not in provider.connector.lacks


def _key(provider: Provider, last: Last, submitted: datetime | None) -> Tick:
    title = "The BSP takes our credentials"
    if provider.paused_for == Account.CREDENTIALS:
        return Tick(title, "trouble", phone_masking.text(provider.paused_reason))
    replaced = provider.previous_until - ROTATION_GRACE - _MINUTE if provider.previous_until else None
    taken = _latest(submitted, _at(last, What.CONNECTED))
    if taken and (replaced is None or taken > replaced):
        return Tick(title, "done", f"Last {_clock(taken)}.")
    words = "Not since they were replaced" if taken else "Not yet"
    return Tick(title, "open", f"{words}. Use Check connection, or send a test.")


def _login(last: Last, accepted: datetime | None) -> Tick:
    title = "CleverTap posts, and is let in"
    let_in = _latest(accepted, _at(last, What.VALIDATED))
    refused = last.get(What.LOGIN)
    if refused and (let_in is None or refused.at > let_in + _MINUTE):
        return Tick(title, "trouble", f"CleverTap's last login was refused {_said(refused)}.")
    if let_in:
        return Tick(title, "done", f"Last {_clock(let_in)}.")
    return Tick(
        title, "open", "Not yet. Enter the endpoint and the login at CleverTap; saving there sends a test."
    )


def _webhook(provider: Provider, last: Last, came: datetime | None) -> Tick:
    title = "The BSP's webhooks arrive, and are verified"
    refused = last.get(What.SIGNATURE)
    if refused and (came is None or refused.at > came):
        return Tick(title, "trouble", f"The last one was refused {_said(refused)}.")
    if came:
        return Tick(title, "done", f"Last {_clock(came)}.")
    return Tick(title, "open", f"None yet. {provider.connector.webhook_setup}")


def _report(provider: Provider) -> Tick:
    title = "CleverTap takes our reports"
    outlet = Outlet.objects.filter(provider=provider, kind=Outlet.Kind.DELIVERY).first()
    if outlet and outlet.failures:
        return Tick(title, "trouble", phone_masking.text(outlet.last_error))
    if outlet and outlet.last_success_at:
        return Tick(title, "done", f"Last {_clock(outlet.last_success_at)}.")
    if not provider.delivery_url:
        return Tick(
            title, "open", "Its Delivery Report Callback URL is missing. Enter it under Settings, below."
        )
    return Tick(title, "open", "None went out yet.")


def _templates(provider: Provider, alarm: str) -> Tick:
    title = "Templates are imported"
    if alarm:
        return Tick(title, "trouble", phone_masking.text(alarm))
    done = ImportRun.objects.filter(provider=provider, state=ImportRun.State.DONE)
    last = done.aggregate(last=Max("finished_at"))["last"]
    if last:
        return Tick(title, "done", f"Last {_clock(last)}.")
    return Tick(title, "open", "Not yet. Use Import templates.")


def _said(call: CallSample) -> str:
    """`2026-11-30 20:40, username 'x' …`."""
    return f"{_clock(call.at)}, {phone_masking.text(call.text)}".rstrip(", .")


def _at(last: Last, what: CallCount.What) -> datetime | None:
    return last[what].at if what in last else None


def _latest(*moments: datetime | None) -> datetime | None:
    return max(filter(None, moments), default=None)


def _clock(at: datetime) -> str:
    return display.to_minute(at)
