"""End to end on PostgreSQL: posted, sent, three reports each, all forwarded; then idle latency."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.surroundings import (
    PYTHON,
    ROOT,
    add_provider,
    control,
    cpu_seconds,
    database,
    granian,
    manage,
    postgres_cpu,
    query,
    running,
    simulator,
    table,
)

WEB, SIMULATOR = 8653, 8663
PROBES = 40


def run(messages: int = 50_000) -> str:
    with (
        tempfile.TemporaryDirectory() as folder,
        database("postgresql", Path(folder)) as env,
        running(*simulator(SIMULATOR)) as bsp,
    ):
        env |= {"PORT": str(WEB)}
        provider = customer(env)
        web_argv = granian("config.asgi:application", WEB, workers=2)
        with (
            running(web_argv, env, f"http://127.0.0.1:{WEB}/") as web,
            running([PYTHON, "manage.py", "worker"], env) as worker,
        ):
            time.sleep(3)  # until the worker is up
            idle = latency(env, provider)
            rates = _load(
                env, provider, messages, {"web": web.pid, "worker": worker.pid, "simulator": bsp.pid}
            )
        account_of_audit = json.loads(manage(env, "audit", "--json"))
    assert account_of_audit["ok"], account_of_audit
    return "\n".join([rates, idle])


def customer(env: dict[str, str]) -> dict:
    """A provider at the simulated Interakt, which posts three reports a message."""
    provider = add_provider(
        env, "--nickname", "bench", "--connector", "interakt", "--waba-number", "15550001111",
        "--credential", "api_key=k", "--credential", "webhook_secret=s",
        "--option", f"base_url=http://127.0.0.1:{SIMULATOR}", "--max-concurrency", "200",
        "--rate", "none",
        "--delivery-url", f"http://127.0.0.1:{SIMULATOR}/sink/bench/delivery",
        "--inbound-url", f"http://127.0.0.1:{SIMULATOR}/sink/bench/inbound",
    )  # fmt: skip
    account = {"dialect": "interakt", "key": "k", "secret": "s", "webhook_url": provider["webhook_url"]}
    control(SIMULATOR, "accounts", account)
    control(SIMULATOR, "behaviour", {"magic": False, "delays": [0.05, 0.1, 0.2]})
    return provider


def there_and_back(
    env: dict[str, str], provider: dict, messages: int, at_once: int = 64
) -> tuple[float, float]:
    """Has so many messages posted, sent, reported and forwarded: seconds for the posting, and for all."""
    taken, began = _forwarded(), time.monotonic()
    posted = subprocess.run(
        [PYTHON, "-m", "bench.post", provider["messages_url"], provider["username"], provider["password"],
         str(messages), str(at_once)],
        cwd=ROOT, env=os.environ | env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    answers = json.loads(posted.stdout)
    assert answers["answers"] == {'200 {"status":"success"}': messages}, answers
    while _forwarded() - taken < 3 * messages:
        if time.monotonic() - began > 600:
            raise SystemExit(f"only {_forwarded() - taken} of {3 * messages} reports arrived")
        time.sleep(0.2)
    seconds = time.monotonic() - began
    time.sleep(1)
    assert _forwarded() - taken == 3 * messages, "a report came twice"
    return answers["seconds"], seconds


def _load(env: dict[str, str], provider: dict, messages: int, parts: dict[str, int]) -> str:
    before = {name: cpu_seconds(pid) for name, pid in parts.items()} | {"PostgreSQL": postgres_cpu()}
    posting, seconds = there_and_back(env, provider, messages)
    ((read,),) = query(
        env, "SELECT count(*) FROM campaigns_message WHERE status = 80 AND msg_id NOT LIKE 'probe%'"
    )
    assert read == messages, read
    rows = [
        (
            f"{messages:,} messages, {3 * messages:,} reports, all forwarded once, audit clean",
            f"{messages / seconds:,.0f} messages/s",
            f"{seconds:.0f} s",
        ),
        ("posted and accepted meanwhile", f"{messages / posting:,.0f} messages/s", f"{posting:.0f} s"),
    ]
    after = {name: cpu_seconds(pid) for name, pid in parts.items()} | {"PostgreSQL": postgres_cpu()}
    for name in before:
        spent = after[name] - before[name]
        rows.append((f"CPU of {name}", f"{spent / messages * 1e6:,.0f} µs a message", f"{spent:.0f} s"))
    return table(
        "End to end", ("web, worker, PostgreSQL, fake BSP and CleverTap on the same 2 cores", "", ""), rows
    )


def _forwarded() -> int:
    counts = control(SIMULATOR, "summary")["counts"]
    return sum(counts.get(f"sink.delivery.{kind}", 0) for kind in ("sent", "delivered", "read", "failed"))


def latency(env: dict[str, str], provider: dict, title: str = "Idle latency", probes: int = PROBES) -> str:
    """One message at a time into an idle gateway; times from the rows it leaves."""
    login = f"{provider['username']}:{provider['password']}"
    for n in range(probes):
        payload = {
            "payloadVersion": 0.1,
            "to": "+919812300001",
            "wabaNumber": "15550001111",
            "msgId": f"probe|1|20260105|{n}",
            "isTemplate": False,
            "type": "text",
            "text": {"body": "hi"},
        }
        curl = ["curl", "-sf", "-u", login, provider["messages_url"], "-d", json.dumps(payload)]
        subprocess.run(curl, check=True, capture_output=True)
        time.sleep(0.6)
    sends = query(
        env,
        "SELECT extract(epoch FROM a.started_at - m.accepted_at) * 1000 FROM campaigns_attempt a "
        "JOIN campaigns_message m ON m.id = a.message_id WHERE m.msg_id LIKE 'probe%'",
    )
    forwards = query(
        env,
        "SELECT extract(epoch FROM f.started_at - w.received_at) * 1000 FROM campaigns_event e "
        "JOIN campaigns_message m ON m.id = e.message_id "
        "JOIN callbacks_forwardcall f ON f.id = e.forward_log "
        "JOIN callbacks_webhook w ON encode(w.body, 'escape') LIKE '%\"wp-' || m.id || '-1-%' "
        "AND encode(w.body, 'escape') LIKE '%message_api_' || "
        "CASE e.kind WHEN 1 THEN 'sent' WHEN 2 THEN 'delivered' ELSE 'read' END || '%' "
        "WHERE m.msg_id LIKE 'probe%'",
    )
    rows = []
    for name, found in (
        ("accepted → request to the BSP", sends),
        ("webhook → request to CleverTap", forwards),
    ):
        values = sorted(float(value) for (value,) in found)
        assert values, name
        worst = values[int(len(values) * 0.95)]
        rows.append((name, f"{statistics.median(values):.0f} ms", f"{worst:.0f} ms", str(len(values))))
    return table(title, ("one message at a time", "median", "p95", "measured"), rows)


if __name__ == "__main__":
    print(run(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000))
