"""The simulator: fake BSPs and a fake CleverTap behind one port, in a thread of their own."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

import msgspec
from aiohttp import web

from simulator import traffic
from simulator.application import application
from simulator.behaviour import Behaviour
from simulator.traffic import Traffic
from simulator.world import InboundRequest, World

_BACKLOG = 4096
# Seconds. On a busy machine, late is not a failure.
_PATIENCE = 300.0

T = TypeVar("T")


class Simulator(World):
    """`with Simulator() as sim:` runs it in a thread; `run()` runs it here until a signal comes."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, behaviour: Behaviour | None = None) -> None:
        super().__init__(behaviour)
        self.host = host
        self.port = port  # 0 until it runs; a restarted simulator keeps its port
        self.traffic: Traffic | None = None  # what the fake CleverTap posts without being asked
        self._thread: threading.Thread | None = None
        self._running = threading.Event()
        self._failure: BaseException | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    # what another thread does with it

    def inbound(self, account: str, sender: str, **content: object) -> str:
        """The user writes to the account; the fields are those of `world.InboundRequest`."""
        wanted = msgspec.convert({"account": account, "from": sender, **content}, InboundRequest)
        return self._call(lambda: self.write(wanted))

    def handshake(self, account: str) -> bool:
        """Ask the gateway to prove that the webhook URL is the account's own."""
        return asyncio.run_coroutine_threadsafe(self.verify_webhook(account), self._loop).result()

    def reset(self) -> None:
        """Forget all records, attempts, pending webhooks and settings; keep accounts and templates."""
        self._call(self.clear)

    def wait_until(self, condition: Callable[[], T], timeout: float = _PATIENCE) -> T:
        """The condition's value as soon as it is true, or TimeoutError."""
        end = time.monotonic() + timeout
        while not (value := condition()):
            if time.monotonic() > end:
                raise TimeoutError(f"not true within {timeout} s; {self.journal.summary()['counts']}")
            time.sleep(0.02)
        return value

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
        if not self._running.wait(_PATIENCE) or self._failure:
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
        await self.courier.start()
        runner = web.AppRunner(application(self), access_log=None, shutdown_timeout=1.0)
        try:
            await runner.setup()
            await web.TCPSite(runner, self.host, self.port, backlog=_BACKLOG).start()
            self.port = runner.addresses[0][1]
            self._running.set()
            if announce:
                announce(self.url)
            posting = asyncio.create_task(traffic.run(self.traffic or Traffic(), self))
            await self._stop.wait()
            posting.cancel()
        finally:
            self._running.clear()
            self.engine.closing = True
            await runner.cleanup()
            await self.courier.stop()

    def _call(self, work: Callable[[], T]) -> T:
        """Run on the simulator's loop, where all its state lives."""

        async def on_loop() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(on_loop(), self._loop).result()
