"""The simulator: fake BSPs and a fake CleverTap behind one port, in a thread of their own."""

import asyncio
import secrets
import signal
import threading
import time
from collections.abc import Callable
from copy import deepcopy
from types import TracebackType
from typing import Self, TypeVar

import msgspec
from aiohttp import web

from simulator import control, traffic
from simulator.accounts import Account, Accounts
from simulator.application import application
from simulator.behaviour import Behaviour
from simulator.courier import Courier
from simulator.dialects import DIALECTS
from simulator.dialects.base import Dialect, Inbound, Post
from simulator.engine import Engine
from simulator.journal import Journal, SendRecord, SinkRecord, WebhookRecord
from simulator.templates import Catalogue, Template
from simulator.traffic import Traffic

_BACKLOG = 4096
_STARTED_WITHIN = 10.0

T = TypeVar("T")


class Simulator:
    """`with Simulator() as sim:` runs it in a thread; `run()` runs it here until a signal comes."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, behaviour: Behaviour | None = None) -> None:
        self.host = host
        self.port = port  # 0 until it runs; a restarted simulator keeps its port
        self.behaviour = behaviour or Behaviour()
        self._usual = deepcopy(self.behaviour)
        self.accounts = Accounts()
        self.catalogue = Catalogue(self.behaviour)
        self.journal = Journal(self.behaviour)
        self._courier = Courier(self.behaviour, self.journal)
        self.engine = Engine(self.accounts, self.catalogue, self.behaviour, self.journal, self._courier)
        self.traffic: Traffic | None = None  # what the fake CleverTap posts by itself
        self._thread: threading.Thread | None = None
        self._running = threading.Event()
        self._failure: BaseException | None = None

    # what one does with it

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

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
        """The callbacks that the fake CleverTap took; `sink_refused` has the others."""
        return list(self.journal.sink)

    @property
    def sink_refused(self) -> list[SinkRecord]:
        return list(self.journal.sink_refused)

    @property
    def pending(self) -> int:
        """Webhooks that are still to come; 0 when the simulator has nothing left to do."""
        return self._courier.pending

    def add_account(self, account: Account) -> Account:
        if account.dialect not in DIALECTS:
            raise ValueError(f"no dialect {account.dialect!r}; there are {', '.join(DIALECTS)}")
        return self.accounts.add(account, DIALECTS[account.dialect])

    def set_templates(self, account: str, templates: list[Template]) -> None:
        self.catalogue.set(account, templates)

    def inbound(self, account: str, sender: str, **content: object) -> str:
        """The user writes to the account; the fields are those of `control.InboundRequest`."""
        wanted = msgspec.convert({"account": account, "from": sender, **content}, control.InboundRequest)
        return self._call(lambda: self.write(wanted))

    def handshake(self, account: str) -> bool:
        """Ask the gateway to prove that the webhook URL is the account's own."""
        return asyncio.run_coroutine_threadsafe(self.verify_webhook(account), self._loop).result()

    def reset(self) -> None:
        """Forget all records, attempts, pending webhooks and settings; keep accounts and templates."""
        self._call(self.clear)

    def wait_until(self, condition: Callable[[], T], timeout: float = 5.0) -> T:
        """The condition's value as soon as it is true, or TimeoutError."""
        end = time.monotonic() + timeout
        while not (value := condition()):
            if time.monotonic() > end:
                raise TimeoutError(f"not true within {timeout} s; {self.journal.summary()['counts']}")
            time.sleep(0.02)
        return value

    # the same on the simulator's own loop, for the control API

    def clear(self) -> None:
        self._courier.clear()
        self.engine.clear()
        self.journal.clear()
        self.behaviour.replace(self._usual)

    def write(self, wanted: control.InboundRequest) -> str:
        account, dialect = self._account(wanted.account)
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
        status, answer = await self._courier.ask(post)
        return status == 200 and dialect.proven(challenge, answer)

    def _account(self, name: str) -> tuple[Account, Dialect]:
        account = self.accounts.named(name)
        if account is None:
            raise ValueError(f"no account {name!r}")
        return account, DIALECTS[account.dialect]

    # life

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._failure = None
        self._running.clear()
        self._thread = threading.Thread(target=self._run_in_thread, name="simulator", daemon=True)
        self._thread.start()
        if not self._running.wait(_STARTED_WITHIN) or self._failure:
            raise RuntimeError("the simulator did not start") from self._failure

    def stop(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        self._thread = None

    def _run_in_thread(self) -> None:
        try:
            asyncio.run(self.serve())
        except BaseException as error:
            self._failure = error
            self._running.set()

    def run(self, announce: Callable[[str], None]) -> None:
        """Serve until SIGINT or SIGTERM."""
        asyncio.run(self.serve(announce))

    async def serve(self, announce: Callable[[str], None] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._loop.add_signal_handler(number, self._stop.set)
        self.engine.closing = False
        await self._courier.start()
        runner = web.AppRunner(application(self), access_log=None, shutdown_timeout=1.0)
        try:
            await runner.setup()
            await web.TCPSite(runner, self.host, self.port, backlog=_BACKLOG).start()
            self.port = runner.addresses[0][1]
            self._running.set()
            if announce:
                announce(self.url)
            posting = asyncio.create_task(traffic.run(self.traffic or Traffic(), self.journal))
            await self._stop.wait()
            posting.cancel()
        finally:
            self._running.clear()
            self.engine.closing = True
            await runner.cleanup()
            await self._courier.stop()

    def _call(self, work: Callable[[], T]) -> T:
        """Run on the simulator's loop, where all its state lives."""

        async def on_loop() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(on_loop(), self._loop).result()
