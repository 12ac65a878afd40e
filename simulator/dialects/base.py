"""What a fake BSP can do, and the plain data that passes between a dialect and the engine.

A dialect knows one BSP's wire format and nothing else: no socket, no clock, no settings. It
checks requests as strictly as the real BSP, because that is how the simulator finds mistakes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from simulator.accounts import Account, Accounts
from simulator.templates import Catalogue, Template, TemplateUse

# Kinds of inbound messages that only some BSPs report: those in the dialect's `plays`.
KINDS_OF_SOME = frozenset({"reaction", "edit", "revoke", "stop_marketing", "resume_marketing"})


class Failure(Enum):
    """Why a request is refused; each dialect words it as its BSP does."""

    CREDENTIALS = "bad credentials"
    TEMPLATE = "bad template"
    NUMBER = "bad number"
    PAYLOAD = "bad payload"
    THROTTLED = "too many requests"


class Refusal(Exception):
    """A request that the BSP would refuse. `code` is the BSP's own number, when the reason has one."""

    def __init__(self, failure: Failure, detail: str, code: int = 0) -> None:
        super().__init__(detail)
        self.failure, self.detail, self.code = failure, detail, code


@dataclass(frozen=True, slots=True)
class Call:
    """An HTTP request as a dialect sees it."""

    method: str
    origin: str  # scheme://host:port the caller used
    path: str
    params: Mapping[str, str]  # the parts of the path that the route names
    query: Mapping[str, str]
    headers: Mapping[str, str]  # case-insensitive
    body: bytes
    account: Account | None = None  # the caller's, once it is known, and with it:
    templates: Sequence[Template] = ()  # what the account has


class Answer(NamedTuple):
    status: int
    body: bytes
    content_type: str = "application/json"

    @classmethod
    def json(cls, status: int, content: object) -> "Answer":
        return cls(status, msgspec.json.encode(content))


@dataclass(frozen=True, slots=True)
class Send:
    """What one request asks the BSP to deliver."""

    to: str  # digits, with the country code
    reference: str  # the caller's own id, echoed in the webhooks
    label: str  # for people: the template's name or the text
    content: Any  # the parsed body
    template: TemplateUse | None = None
    practice: bool = False  # a set-up check: answered as a success, never sent
    marketing: bool = False  # by Meta's Marketing Messages API


@dataclass(slots=True)
class Message:
    """A message the BSP has accepted."""

    id: str
    account: Account
    send: Send
    at: float  # epoch seconds


@dataclass(frozen=True, slots=True)
class Status:
    """One thing that happened to a message."""

    message: Message
    status: str  # sent, delivered, read, failed or clicked
    at: float
    failure: int = 0  # as Meta numbers it


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """Something the user wrote to, or tapped for, the business."""

    id: str
    sender: str  # digits; empty for a user of Meta's who has a username and whose number is withheld
    at: float
    # text, image, video, audio, document, location, button, button_reply, and the dialect's `plays`.
    type: str = "text"
    text: str = ""  # the text, the caption or the button's label
    payload: str = ""  # of a button
    media_url: str = ""
    mime_type: str = ""
    filename: str = ""
    latitude: float = 0.0
    longitude: float = 0.0
    name: str = "Asha"  # the user's profile name
    user_id: str = ""  # Meta's id of the user
    username: str = ""
    reply_to: Message | None = None
    about: str = ""  # the id of the earlier message that an edit or a revoke is about

    @property
    def address(self) -> str:
        """The number, or the user id in its place."""
        return self.sender or self.user_id


class Post(NamedTuple):
    """A webhook, ready to be posted. With an empty URL, nothing is posted."""

    url: str
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Anything else the BSP serves, such as its template list."""

    method: str
    path: str
    answer: Callable[[Call, Accounts, Catalogue], Answer]


class Dialect(ABC):
    """One BSP. Subclasses live in one file each and are listed in `simulator.dialects`."""

    name: str
    send_path: str  # an aiohttp route
    needs: tuple[str, ...] = ()  # account fields without which nothing works
    endpoints: Sequence[Endpoint] = ()
    batches: bool = False  # may one webhook carry several statuses?
    plays: frozenset[str] = frozenset({"reaction"})  # kinds of inbound beside those of every BSP
    # Meta's error numbers for which this BSP has words of its own. None: it passes all of Meta's on.
    failures: frozenset[int] | None = None
    reports_clicks: bool = False  # otherwise the user's tap comes as an inbound button

    @abstractmethod
    def identity(self, account: Account) -> str:
        """What identifies an account in this dialect; `caller` reads the same from a request."""

    def aliases(self, account: Account) -> Sequence[str]:
        """What else `caller` may read for this account, where a BSP gives it several users."""
        return ()

    @abstractmethod
    def caller(self, call: Call) -> str: ...

    def trusts(self, account: Account, call: Call) -> bool:
        """Whether the request carries the account's credentials; true where `caller` is the credential."""
        return True

    def stranger(self, call: Call) -> Answer:
        """The answer to a caller without an account."""
        return self.refuse(Refusal(Failure.CREDENTIALS, "unknown account"))

    @abstractmethod
    def read(self, call: Call) -> Send:
        """Parse and check a send; raise Refusal as the BSP would."""

    @abstractmethod
    def new_id(self, send: Send) -> str: ...

    @abstractmethod
    def accept(self, message: Message) -> Answer: ...

    @abstractmethod
    def refuse(self, refusal: Refusal) -> Answer: ...

    @abstractmethod
    def statuses(self, account: Account, events: Sequence[Status]) -> Post:
        """The webhook for these statuses; more than one only where `batches` is set."""

    @abstractmethod
    def inbound(self, account: Account, event: Inbound) -> Post: ...

    def inbound_events(self, event: Inbound) -> Sequence[Inbound]:
        """The events that the BSP posts for one act of the user; most BSPs post one."""
        return (event,)

    def handshake(self, account: Account, challenge: str) -> Post | str | None:
        """The request by which the BSP asks a webhook URL to prove that it is the account's own: a post, or
        a URL to get. None where the BSP asks for no proof."""
        return None

    def proven(self, challenge: str, answer: bytes) -> bool:
        """Whether an answer with status 200 is the proof."""
        return answer == challenge.encode()
