"""What CleverTap's answer says about the items of the request."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from callbacks.forwarding.owed import Item
from campaigns.models import Forward
from lib import reading
from lib.http import HttpResponse
from lib.transport import NotSent, Result

# Statuses that are about the content; any other refusal is about the URL and hits everything.
CONTENT_STATUSES = (400, 413, 422)


class Verdict(NamedTuple):
    """What became of an item."""

    state: Forward
    error: str = ""


class Judgement(NamedTuple):
    verdicts: dict[int, Verdict]
    trouble: str = ""  # what is wrong with the URL; then nothing else is tried now
    answered: bool = False
    one_by_one: bool = False  # send each item alone, to find the bad one


def judge(items: Sequence[Item], answer: Result) -> Judgement:
    if not isinstance(answer, HttpResponse):
        doubt = "" if isinstance(answer, NotSent) else "It may have arrived, so CleverTap may get it twice: "
        return Judgement(_all(items, Verdict(Forward.PENDING, doubt + str(answer))), trouble=str(answer))
    if 200 <= answer.status < 300:
        return Judgement(_processed(items, unprocessed(answer.body)), answered=True)
    words = f"HTTP {answer.status}: {' '.join(answer.text.split())[:200]}"
    if answer.status not in CONTENT_STATUSES:
        return Judgement(_all(items, Verdict(Forward.PENDING, words)), trouble=words)
    if len(items) > 1:
        return Judgement({}, one_by_one=True)
    return Judgement(_all(items, Verdict(Forward.PARKED, words)))


def _all(items: Iterable[Item], verdict: Verdict) -> dict[int, Verdict]:
    return {item.pk: verdict for item in items}


class Unprocessed(NamedTuple):
    """A record that a 2xx answer says was not processed."""

    msg_id: str
    status: str
    reason: str

    def names(self, item: Item, alone: bool) -> bool:
        """Whether the record is about this item. A record without msgId is about an item that was `alone`."""
        if not self.msg_id and alone:
            return True
        return item.msg_id == self.msg_id and (not self.status or item.status == self.status.lower())


def _processed(items: Sequence[Item], refused: Sequence[Unprocessed]) -> dict[int, Verdict]:
    verdicts = _all(items, Verdict(Forward.DONE))
    for item in items:
        for record in refused:
            if record.names(item, alone=len(items) == 1):
                verdicts[item.pk] = Verdict(Forward.PARKED, record.reason)
                break
    return verdicts


def unprocessed(body: bytes) -> list[Unprocessed]:
    """The records that a 2xx answer says were not processed.

    Shape after CleverTap's other callbacks: `unprocessed: [{status, code, error, record}]`.
    """
    try:
        payload = reading.decode(body)
    except ValueError:
        return []
    entries = reading.at(payload, "unprocessed") or reading.at(payload, "UNPROCESSED_EVENTS")
    return [_unprocessed(entry) for entry in reading.objects(entries)]


def _unprocessed(entry: object) -> Unprocessed:
    record = reading.at(entry, "record")
    reason = reading.text(entry, "error") or reading.text(entry, "message") or "unprocessed"
    code = reading.text(entry, "code")
    return Unprocessed(
        msg_id=reading.text(record, "msgId") or reading.text(entry, "msgId"),
        status=reading.text(record, "status"),
        reason=f"CleverTap: {reason}" + (f" [{code}]" if code else ""),
    )
