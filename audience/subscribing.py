"""Sends to CleverTap's subscribe API who opted out or in. The rows of Subscription are the queue.

POST `{"d": [{"type": "whatsapp", "value": "+15550100777", "status": "Unsubscribe"}]}`, at most
1,000 in a call, with the account's headers; the answer names what was not processed. Source:
CleverTap, Subscribe API.
"""

import threading
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from random import uniform
from typing import Any

import msgspec
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from audience.models import OptSetting, Subscription
from lib import reading, sql
from lib.http import HttpRequest, HttpResponse
from lib.redact import Redactor
from lib.transport import TransportError, transport
from lib.wakeup import wake
from providers import leases
from providers.encrypted_fields import Sealed

BATCH = 1000
TIMEOUT = 20.0
# Seconds between tries of an API that does not answer, then the last one again and again.
LADDER = (5, 30, 300, 1800, 7200)
PATIENCE = timedelta(days=3)
# Statuses that are about the content; any other refusal is about the account or the API.
CONTENT_STATUSES = (400, 413, 422)

State = Subscription.State


def _due_of(provider_id: int) -> bool:
    """Whether a provider's oldest waiting change is due. Newer ones wait behind it, to keep the order."""
    pending = Subscription.objects.filter(state=State.PENDING, provider_id=provider_id)
    oldest = pending.order_by("id").values_list("next_attempt_at", flat=True).first()
    return oldest is not None and oldest <= timezone.now()


def due() -> list[int]:
    """The providers that have something to send now."""
    pending = Subscription.objects.filter(state=State.PENDING).order_by()
    return [pk for pk in pending.values_list("provider_id", flat=True).distinct() if _due_of(pk)]


def drain(
    provider_id: int | None = None,
    *,
    woken: threading.Event | None = None,
    stop: threading.Event | None = None,
) -> int:
    """Sends CleverTap everything that is due, for one provider or for all. Returns how many changes. Skips a
    provider that another worker works on."""
    posted = 0
    for pk in due() if provider_id is None else [provider_id]:
        step, more = partial(_step, pk), partial(_due_of, pk)
        posted += leases.work(f"subscribe:{pk}", step, more, woken=woken, stop=stop)
    return posted


def _step(provider_id: int, hold: leases.Hold) -> leases.Progress:
    """Sends the oldest changes."""
    if not _due_of(provider_id):
        return leases.Progress(0, 0)
    waiting = _latest(provider_id)
    return leases.Progress(_tell(provider_id, waiting, hold), moved=len(waiting))


def _latest(provider_id: int) -> list[Subscription]:
    """The oldest waiting changes. Only the last of each number is kept: the others are no longer needed."""
    pending = Subscription.objects.filter(provider_id=provider_id, state=State.PENDING)
    rows = list(pending.order_by("id")[:BATCH])
    last = {row.phone: row for row in rows}
    passed = [row.pk for row in rows if last[row.phone] is not row]
    pending.filter(pk__in=passed).update(
        state=State.DONE, error="A later choice of the same number was sent."
    )
    return list(last.values())


def _tell(provider_id: int, rows: Sequence[Subscription], hold: leases.Hold) -> int:
    """One call, and one for each row when the API refuses them for their content."""
    setting = OptSetting.objects.filter(provider_id=provider_id).first()
    if setting is None or not setting.subscribe_url:
        return _park(rows, "The provider's opt-out words name no subscribe API any more.")
    if isinstance(setting.account, Sealed):
        return _postpone(rows, "The account's passcode cannot be decrypted. Enter it again.")
    response = hold.awaited(transport.begin(_request(setting, rows), TIMEOUT))
    if isinstance(response, TransportError):
        return _postpone(rows, str(response))
    words = Redactor([setting.account.get("passcode", "")]).text(_words(response))
    if 200 <= response.status < 300:
        payload = _payload(response)
        # A login page or a proxy's page is not an answer of CleverTap, so nothing counts as sent.
        return _postpone(rows, words) if payload is None else _settle(rows, payload)
    if response.status not in CONTENT_STATUSES:
        return _postpone(rows, words)
    if len(rows) == 1:
        return _park(rows, words)
    return sum(_tell(provider_id, [row], hold) for row in rows)


def _request(setting: OptSetting, rows: Sequence[Subscription]) -> HttpRequest:
    body = {"d": [{"type": "whatsapp", "value": f"+{row.phone}", "status": row.status} for row in rows]}
    headers = {
        "Content-Type": "application/json",
        "X-CleverTap-Account-Id": setting.account.get("account_id", ""),
        "X-CleverTap-Passcode": setting.account.get("passcode", ""),
    }
    return HttpRequest("POST", setting.subscribe_url, headers, msgspec.json.encode(body))


def _payload(response: HttpResponse) -> dict[str, Any] | None:
    """The answer's JSON object, if it is one."""
    try:
        payload = reading.decode(response.body)
    except ValueError:
        return None
    return payload if isinstance(payload, dict) else None


def _settle(rows: Sequence[Subscription], payload: dict[str, Any]) -> int:
    refused = _refused(payload)
    if None in refused:  # it says that all failed, without naming any
        return _park(rows, refused[None])
    bad: dict[str, list[int]] = defaultdict(list)
    good = []
    for row in rows:
        reason = refused.get((f"+{row.phone}", row.status))
        if reason is None:
            good.append(row.pk)
        else:
            bad[reason].append(row.pk)
    for reason, pks in bad.items():
        _park([row for row in rows if row.pk in pks], reason)
    return Subscription.objects.filter(pk__in=good).update(
        state=State.DONE, told_at=timezone.now(), error="", attempts=F("attempts") + 1
    )


def _refused(payload: dict[str, Any]) -> dict[Any, str]:
    """(number, status) of what was not processed, and why; None for all of it."""
    entries = reading.objects(payload, "unprocessed")
    found: dict[Any, str] = {}
    for entry in entries:
        record = reading.at(entry, "record")
        reason = reading.text(entry, "error") or "not processed"
        key = (reading.text(record, "value"), reading.text(record, "status"))
        found[key] = f"CleverTap: {reason} [{reading.text(entry, 'code')}]"
    if not entries and reading.text(payload, "status").lower() == "fail":
        found[None] = f"CleverTap: {reading.text(payload, 'error') or 'failed, without a reason'}"
    return found


def _postpone(rows: Sequence[Subscription], reason: str) -> int:
    """Tries again later; after days it is parked, where an operator sees it."""
    now = timezone.now()
    _park([row for row in rows if row.created_at < now - PATIENCE], reason)
    fresh = [row for row in rows if row.created_at >= now - PATIENCE]
    for row in fresh:
        row.next_attempt_at = now + _wait(row.attempts)
        row.attempts += 1
        row.error = reason.replace("\0", "")[:300]
    Subscription.objects.bulk_update(fresh, ["next_attempt_at", "attempts", "error"])
    return 0


def _wait(attempts: int) -> timedelta:
    return timedelta(seconds=LADDER[min(attempts, len(LADDER) - 1)] * uniform(0.8, 1.2))


def _park(rows: Sequence[Subscription], reason: str) -> int:
    Subscription.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=State.PARKED, error=reason.replace("\0", "")[:300], attempts=F("attempts") + 1
    )
    return 0


def _words(response: HttpResponse) -> str:
    return f"HTTP {response.status}: {' '.join(response.text.split())[:200]}".replace("\0", "")


def forget(now: datetime, days: int) -> int:
    """Deletes the oldest changes that CleverTap accepted more than `days` ago. Parked ones stay. Returns how
    many."""
    done = Subscription.objects.filter(state=State.DONE).order_by("pk")
    before = now - timedelta(days=days)
    old = [pk for pk, created in done.values_list("pk", "created_at")[: sql.at_once()] if created < before]
    return Subscription.objects.filter(pk__in=old).delete()[0]


def retry(pks: Sequence[int], now: datetime) -> int:
    """Queues parked changes again and ends the wait of waiting ones, except where the number has made a later
    choice. Returns how many."""
    later = Subscription.objects.filter(
        provider=OuterRef("provider"), phone=OuterRef("phone"), pk__gt=OuterRef("pk")
    )
    again = Subscription.objects.filter(~Exists(later), pk__in=pks).exclude(state=State.DONE)
    count = again.update(state=State.PENDING, next_attempt_at=now, created_at=now)
    wake("audience.subscribe")
    return count
