"""What CleverTap is owed, oldest first, and how it is written in CleverTap's format."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from django.db.models import QuerySet
from django.utils import timezone

from callbacks.media import signed_urls
from callbacks.models import Outlet, Reply
from campaigns.ledger import months
from campaigns.models import Event, Forward, Message
from lib import phone, sql
from providers.dialects.clevertap import callbacks as clevertap_callbacks
from providers.dialects.clevertap.callbacks import Report
from providers.messages import Reply as Inbound
from providers.models import Provider

LANES = 16
WINDOW = 500  # pending reports looked at together, and put in order


@dataclass(slots=True)
class Item:
    """One report or inbound message on its way. Items of the same `lane` are posted in order."""

    pk: int
    lane: int
    payload: Any
    received_at: datetime
    message_id: int | None = None
    msg_id: str = ""
    status: str = ""


class Taken(NamedTuple):
    items: list[Item]
    dropped: int = 0  # settled without a call: CleverTap's format has no place for them


class Owed(ABC):
    """What is owed to one of CleverTap's URLs."""

    kind: Outlet.Kind
    model: type[Event] | type[Reply]
    batch = 1  # items in one request

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.quirks = provider.quirks

    @property
    @abstractmethod
    def url(self) -> str: ...

    def open(self) -> bool:
        """Whether there is a URL, and no break after a failure."""
        if not self.url:
            return False
        outlet = Outlet.objects.filter(provider=self.provider, kind=self.kind).first()
        return outlet is None or outlet.hold_until is None or outlet.hold_until <= timezone.now()

    def pending(self) -> QuerySet[Any]:
        rows = self.model._default_manager.filter(provider=self.provider, forward=Forward.PENDING)
        return months.in_work(rows, "message" if self.model is Event else "pk")

    def due(self) -> bool:
        """Whether anything can go out now."""
        return self.open() and self.pending().exists()

    @abstractmethod
    def take(self) -> Taken:
        """The oldest of what is pending."""

    @abstractmethod
    def body(self, items: Sequence[Item]) -> Any:
        """The body of the request for some items."""

    def within(self, items: Sequence[Item]) -> list[str]:
        """Conditions in SQL that leave the parts of the table in which the rows of the items are."""
        return []


class _Event(NamedTuple):
    id: int
    message_id: int
    kind: int
    at: datetime
    received_at: datetime
    code: int | None
    bsp_code: str
    text: str
    url: str
    short_url: str
    user_agent: str
    message__msg_id: str

    @property
    def status(self) -> str:
        return Event.Kind(self.kind).name.lower()

    def report(self) -> Report:
        known = not self.bsp_code or self.bsp_code in self.text
        title = self.text if known else f"{self.text} [{self.bsp_code}]"
        return Report(
            msg_id=self.message__msg_id,
            kind=self.status,  # type: ignore[arg-type]
            timestamp=int(self.at.timestamp()),
            code=self.code or 1009,
            title=title or "Not delivered",
            url=self.url,
            short_url=self.short_url,
            user_agent=self.user_agent,
        )


class Reports(Owed):
    kind = Outlet.Kind.DELIVERY
    model = Event

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        self.batch = self.quirks.statuses_per_request

    @property
    def url(self) -> str:
        return self.provider.delivery_url

    def take(self) -> Taken:
        rows = self.pending().order_by("id").values_list(*_Event._fields)[: max(WINDOW, LANES * self.batch)]
        events = [_Event(*row) for row in rows]
        events.sort(key=lambda event: (event.message_id, event.kind, event.id))  # sent, delivered, read
        return Taken(
            [
                Item(
                    event.id,
                    event.message_id % LANES,
                    event.report(),
                    event.received_at,
                    event.message_id,
                    event.message__msg_id,
                    event.status,
                )
                for event in events
            ]
        )

    def body(self, items: Sequence[Item]) -> Any:
        return clevertap_callbacks.write_statuses([item.payload for item in items], self.quirks)

    def within(self, items: Sequence[Item]) -> list[str]:
        return [sql.within("m.message_id", [item.message_id for item in items if item.message_id])]


class Replies(Owed):
    kind = Outlet.Kind.INBOUND
    model = Reply

    @property
    def url(self) -> str:
        return self.provider.inbound_url

    def due(self) -> bool:
        return super().due() or (self.open() and self._named_by_id().exists())

    def _named_by_id(self) -> QuerySet[Reply]:
        """Messages that wait for a number and need not: CleverTap accepts the user id."""
        waiting = Reply.objects.filter(provider=self.provider, forward=Forward.NO_NUMBER)
        return waiting.exclude(user_id="") if self.quirks.from_user_id else waiting.none()

    def take(self) -> Taken:
        items = []
        dropped = []
        if self.quirks.from_user_id:
            self._named_by_id().update(forward=Forward.PENDING, owed_since=timezone.now())
        else:
            self.pending().filter(sender="").update(forward=Forward.NO_NUMBER)
        replies = list(self.pending().select_related("answers", "media").order_by("id")[:LANES])
        known = self._known({reply.sender for reply in replies})
        for reply in replies:
            payload = self._payload(reply, known)
            if payload is None:
                dropped.append(reply.pk)
            else:
                lane = hash(reply.sender or reply.user_id) % LANES
                items.append(Item(reply.pk, lane, payload, reply.received_at))
        if dropped:
            Reply.objects.filter(pk__in=dropped).update(
                forward=Forward.NONE,
                forward_error="CleverTap's format has no place for this kind of message.",
            )
        return Taken(items, len(dropped))

    def _known(self, senders: set[str]) -> dict[str, str]:
        """For people whose number has several spellings: the one that CleverTap last used. CleverTap finds
        nobody by another one."""
        people = {phone.person(each) for each in senders if len(phone.spellings(each)) > 1}
        sent = Message.objects.filter(
            provider=self.provider, person__in=people, untracked=False, reported=True
        )
        return dict(sent.order_by("id").values_list("person", "to")) if people else {}

    def _payload(self, reply: Reply, known: dict[str, str]) -> Any:
        inbound = msgspec.json.decode(reply.content, type=Inbound)
        sender = reply.sender or reply.user_id
        inbound = msgspec.structs.replace(inbound, sender=known.get(phone.person(sender), sender))
        if not inbound.timestamp:
            inbound = msgspec.structs.replace(inbound, timestamp=int(reply.at.timestamp()))
        answered = reply.answers
        msg_id = answered.msg_id if answered and answered.reported and not answered.untracked else ""
        waba_number = self.provider.waba_number.removeprefix("+")
        return clevertap_callbacks.write_inbound(
            signed_urls.reachable(reply, inbound), waba_number, msg_id, self.quirks
        )

    def body(self, items: Sequence[Item]) -> Any:
        return items[0].payload
