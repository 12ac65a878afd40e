"""Stored databases of released versions: how one is made, and how one is brought back.

A directory named after the version has `sqlite.sql.gz` and `postgresql.sql.gz`, and beside each a JSON file
with what its owner knows: keys, logins, the account at the BSP.
"""

import gzip
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import requests
from cryptography.fernet import Fernet
from django.apps import apps
from msgspec.structs import replace

from lib import schema
from simulator.server import Simulator
from tests.bsps import NUMBER, bsp
from tests.gateway import SUCCESS, basic, freeform, template
from tests.parts import TEMPLATES
from tests.processes import answers, free_port, fresh_environment, manage, running, wait_until
from tests.upgrade import dumps
from tests.waiting import PATIENCE

HERE = Path(__file__).parent
SIMULATOR = "http://simulator.invalid"  # stands for the address of the fake BSP, which is another each time
# What the next version finds empty: what a process writes about itself and goes by time, and rare work.
EMPTY = {
    "accounts_cache": "what was asked a moment ago",
    "archive_cursor": "needs a directory to write to",
    "archive_erased": "needs the archive",
    "audience_uploaderror": "rows that were refused",
    "audience_contactdate": "contacts with dates",
    "audience_phonechoice": "people with several numbers",
    "broadcasts_listed": "an uploaded list",
    "callbacks_media": "files of inbound messages",
    "callbacks_referral": "who came by an ad",
    "campaigns_horizon": "months that are gone",
    "campaigns_month": "parts of PostgreSQL",
    "campaigns_once": "parts of PostgreSQL",
    "campaigns_pricing": "a BSP that tells prices",
    "operations_waitsample": "a look each minute, which the test may be too quick for",
    "privacy_gist": "made an hour after the rows came",
    "campaigns_statcount": "is folded into points",
    "identities_alias": "people with user ids",
    "identities_person": "people with user ids",
    "operations_auditfinding": "an unsound database",
    "operations_process": "goes with the process",
    "operations_expiry": "a credential that runs out",
    "operations_sign": "a fault",
    "privacy_cursor": "retention under way",
    "privacy_erasure": "would take away what is stored here",
    "providers_accountevent": "news of an account",
    "stats_mondaymail": "a Monday",
}
DONE = """
SELECT (SELECT count(*) FROM campaigns_message WHERE status < 60)
    + (SELECT count(*) FROM campaigns_event WHERE forward = 1)
    + (SELECT count(*) FROM callbacks_webhook WHERE state IN (0, 1, 6, 7))
    + (SELECT count(*) FROM callbacks_reply WHERE forward = 1)
    + (SELECT count(*) FROM broadcasts_broadcast WHERE state IN ('scheduled', 'running'))
"""


def versions() -> list[str]:
    return sorted(each.parent.name for each in HERE.glob("*/sqlite.sql.gz"))


def store(directory: str) -> None:
    """Stores a database of this version, on the server that DATABASE_URL names or on SQLite."""
    with tempfile.TemporaryDirectory() as data, fresh_environment(Path(data)) as env:
        print(f"Stored for {make(env, Path(directory)).name.split('.')[0]}.")


def make(env: dict[str, str], directory: Path) -> Path:
    """Has this version fill the empty database of `env`, and stores what became of it."""
    known: dict[str, Any] = {"FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(), "SECRET_KEY": "x" * 50}
    env = env | known
    port = free_port()
    with Simulator() as simulator:
        gateway = f"http://127.0.0.1:{port}"
        _fill(env | {"PUBLIC_BASE_URL": gateway}, port, simulator, known)
        text = dumps.dump(env).replace(simulator.url, SIMULATOR).replace(gateway, "https://wa.example.com")
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{dumps.vendor(env)}.sql.gz"
    file.write_bytes(gzip.compress(text.encode(), mtime=0))
    file.with_suffix("").with_suffix(".json").write_text(json.dumps(known, indent=2) + "\n")
    return file


def _fill(env: dict[str, str], port: int, simulator: Simulator, known: dict[str, Any]) -> None:
    account = bsp("generic", simulator.url).account
    simulator.behaviour.delays, simulator.behaviour.follow_up = (0.0, 0.1, 0.2), 0.1
    simulator.add_account(account)
    simulator.set_templates("generic", TEMPLATES)
    manage(env, "migrate")
    known |= json.loads(_run(env, f"provider({simulator.url!r})"))
    known["account"] = msgspec.to_builtins(account)
    login = basic(known["username"], known["password"])
    with running(["manage.py", "serve", "--port", str(port), "--workers", "1"], env, "serve"):
        wait_until(lambda: answers(port))
        urls = json.loads(manage(env, "provider", "list", "--json"))[0]
        simulator.add_account(
            replace(
                account,
                number=NUMBER,
                delivery_url=urls["delivery_callback_url"],
                inbound_url=urls["inbound_callback_url"],
            )
        )
        manage(env, "templates", "import", "Acme")
        url = f"http://127.0.0.1:{port}{known['path']}"
        for payload in (template(), freeform(), template(to="919812349010"), template(to="919812349002")):
            taken = requests.post(url, json=payload, headers=login, timeout=PATIENCE)
            assert taken.content == SUCCESS
        requests.post(url, json=template(template={}), headers=login, timeout=PATIENCE)  # is refused
        requests.post(url, json=template(), headers=basic("some", "body"), timeout=PATIENCE)
        wait_until(lambda: _nothing_to_do(env))
        simulator.inbound("generic", "919812345605", text="STOP")
        _run(env, "people()")
        requests.get(f"http://127.0.0.1:{port}/l/t0ken", timeout=PATIENCE, allow_redirects=False)
        wait_until(lambda: dumps.rows(env, "SELECT id FROM campaigns_click"))
        wait_until(lambda: _nothing_to_do(env))
    _run(env, "waiting({path!r}, {username!r}, {password!r})".format(**known))
    manage(env, "audit")
    empty = set(_empty_tables(env))
    assert empty <= EMPTY.keys(), f"nothing is stored in {', '.join(sorted(empty - EMPTY.keys()))}"


def _run(env: Mapping[str, str], call: str) -> str:
    return manage(env, "shell", "--no-imports", "--command", f"from tests.upgrade import rows; rows.{call}")


def _nothing_to_do(env: Mapping[str, str]) -> bool:
    return dumps.rows(env, DONE) == [(0,)]


def _empty_tables(env: Mapping[str, str]) -> Iterator[str]:
    for app in schema.ours():
        for model in apps.get_app_config(app.label).get_models(include_auto_created=True):
            table = model._meta.db_table
            if not dumps.rows(env, f"SELECT 1 FROM {table} LIMIT 1"):
                yield table


def restore(env: dict[str, str], directory: Path, simulator: Simulator) -> dict[str, Any]:
    """Fills the empty database of `env`, and puts the keys into `env`. Returns what its owner knows."""
    file = directory / f"{dumps.vendor(env)}.sql.gz"
    known: dict[str, Any] = json.loads(file.with_suffix("").with_suffix(".json").read_text())
    dumps.restore(env, gzip.decompress(file.read_bytes()).decode().replace(SIMULATOR, simulator.url))
    env |= {name: known[name] for name in ("FIELD_ENCRYPTION_KEYS", "SECRET_KEY")}
    return known
