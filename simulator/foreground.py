"""The simulator as a program: its options, and running it until a signal comes."""

import argparse
import gc
from pathlib import Path

import msgspec

from simulator.accounts import Account
from simulator.behaviour import Behaviour
from simulator.server import Simulator
from simulator.traffic import Traffic


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="The address to listen at. Default: 127.0.0.1")
    parser.add_argument("--port", type=int, default=8100, help="Default: 8100")
    parser.add_argument("--delay", type=float, default=0.05, help="How many seconds later a BSP answers.")
    parser.add_argument("--accounts", type=Path, help="A JSON file, as for /_control/accounts.")
    parser.add_argument("--traffic", type=Path, help="A JSON file that says what CleverTap posts on its own.")
    parser.add_argument("--no-record", action="store_true", help="Keep counts only, for load tests.")


def run(
    host: str, port: int, delay: float, accounts: Path | None, traffic: Path | None, no_record: bool
) -> None:
    simulator = Simulator(host, port, Behaviour(answer_delay=delay, record=not no_record))
    if accounts is not None:
        for account in msgspec.json.decode(accounts.read_bytes(), type=list[Account]):
            simulator.add_account(account)
    if traffic is not None:
        simulator.traffic = msgspec.json.decode(traffic.read_bytes(), type=Traffic)
    # Under load there are tens of thousands of timers. Each full garbage collection looks through all of
    # them, which costs a fifth of the throughput.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    simulator.run(lambda url: print(f"Simulator on {url}; open it in a browser to watch.", flush=True))
