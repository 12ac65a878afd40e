"""The simulator's state: customers, templates and messages; without a port."""

import secrets
import time
from copy import deepcopy

import msgspec

from simulator.accounts import Account, Accounts
from simulator.behaviour import Behaviour
from simulator.courier import Courier
from simulator.dialects import DIALECTS
from simulator.dialects.base import KINDS_OF_SOME, Dialect, Inbound, Post
from simulator.engine import Engine
from simulator.journal import Journal, SendRecord, SinkRecord, WebhookRecord
from simulator.templates import Catalogue, Template


class InboundRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A message the user writes. `reply_to` is a message id or a reference, or `newest`; `about` the id of an
    earlier message of the user's, for an edit or a revoke. A user whose number is withheld has no `from`."""

    account: str
    sender: str = msgspec.field(name="from", default="")
    type: str = "text"
    text: str = ""
    payload: str = ""
    media_url: str = ""
    mime_type: str = ""
    filename: str = ""
    latitude: float = 0.0
    longitude: float = 0.0
    name: str = "Asha"
    user_id: str = ""
    username: str = ""
    reply_to: str = ""
    about: str = ""


class World:
    """It belongs to one event loop. Other threads may read only the settings and the records."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self._usual = deepcopy(self.behaviour)
        self.accounts = Accounts()
        self.catalogue = Catalogue(self.behaviour)
        self.journal = Journal(self.behaviour)
        self.courier = Courier(self.behaviour, self.journal)
        self.engine = Engine(self.accounts, self.catalogue, self.behaviour, self.journal, self.courier)

    @property
    def requests(self) -> list[SendRecord]:
        """The sends that arrived, oldest first."""
        return list(self.journal.requests)

    @property
    def webhooks(self) -> list[WebhookRecord]:
        """Every attempt to post a webhook."""
        return list(self.journal.webhooks)

    @property
    def sink(self) -> list[SinkRecord]:
        """The callbacks that the fake CleverTap accepted; `sink_refused` has the others."""
        return list(self.journal.sink)

    @property
    def sink_refused(self) -> list[SinkRecord]:
        return list(self.journal.sink_refused)

    @property
    def pending(self) -> int:
        """Webhooks that are still to come; 0 when the simulator has nothing left to do."""
        return self.courier.pending

    def add_account(self, account: Account) -> Account:
        if account.dialect not in DIALECTS:
            raise ValueError(f"no dialect {account.dialect!r}; there are {', '.join(DIALECTS)}")
        return self.accounts.add(account, DIALECTS[account.dialect])

    def set_templates(self, account: str, templates: list[Template]) -> None:
        self.catalogue.set(account, templates)

    def clear(self) -> None:
        self.courier.clear()
        self.engine.clear()
        self.journal.clear()
        self.behaviour.replace(self._usual)

    def write(self, wanted: InboundRequest) -> str:
        account, dialect = self._account(wanted.account)
        if wanted.type in KINDS_OF_SOME and wanted.type not in dialect.plays:
            raise ValueError(f"{dialect.name} tells of no {wanted.type}")
        if not wanted.sender and not wanted.user_id:
            raise ValueError("a user has a number (from), a user id (user_id) or both")
        fields = msgspec.structs.asdict(wanted)
        del fields["account"]
        reference = fields.pop("reply_to")
        target = self.journal.find(account.name, reference) if reference else None
        if reference and target is None:
            raise ValueError(f"no message {reference!r} from {account.name}")
        event = Inbound(id="in-" + secrets.token_hex(8), at=time.time(), reply_to=target, **fields)
        self.engine.inbound(dialect, account, event)
        return event.id

    async def verify_webhook(self, name: str) -> bool:
        account, dialect = self._account(name)
        challenge = str(secrets.randbelow(10**10))
        asked = dialect.handshake(account, challenge)
        if asked is None:
            raise ValueError(f"{dialect.name} asks for no proof")
        post = Post(asked, b"", method="GET") if isinstance(asked, str) else asked
        status, answer = await self.courier.ask(post)
        return status == 200 and dialect.proven(challenge, answer)

    def _account(self, name: str) -> tuple[Account, Dialect]:
        account = self.accounts.named(name)
        if account is None:
            raise ValueError(f"no account {name!r}")
        return account, DIALECTS[account.dialect]
