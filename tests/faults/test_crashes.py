"""Processes killed in the middle of their work: what was promised is kept, and nothing is sent twice."""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Event
from time import monotonic

import pytest
import requests

from campaigns.models import Status
from tests.faults.conftest import Installation
from tests.gateway import template
from tests.processes import wait_until

pytestmark = [pytest.mark.processes]

OPEN = {Status.QUEUED.value, Status.SENDING.value}


def test_a_worker_killed_in_mid_batch_loses_nothing_and_repeats_nothing(
    installation: Installation,
) -> None:
    installation.simulator.behaviour.answer_delay = 0.5
    payloads = [template() for _ in range(150)]  # more than go at once
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(installation.post, payloads))
    names = {payload["msgId"] for payload in payloads}
    wait_until(lambda: len(installation.simulator.requests) > 20, 30)
    installation.kill("manage.py worker", "celery")
    installation.simulator.behaviour.answer_delay = 0.0
    interrupted = {name for name, status in installation.statuses().items() if status == Status.SENDING}
    assert interrupted
    installation.leases_expire()
    wait_until(lambda: not OPEN & set(installation.statuses().values()), 60)
    statuses = {name: status for name, status in installation.statuses().items() if name in names}
    assert len(statuses) == 150
    assert set(statuses.values()) <= {Status.ACCEPTED, Status.UNKNOWN}
    assert {name for name, status in statuses.items() if status == Status.UNKNOWN} <= interrupted
    for name, status in statuses.items():
        assert installation.sends(name) == 1 or (status == Status.UNKNOWN and installation.sends(name) == 0)
    installation.sound()


def test_a_web_server_killed_under_load_has_kept_whatever_it_promised(installation: Installation) -> None:
    killed, stop = Event(), Event()
    numbers = count()

    def keep_posting(_: int) -> list[str]:
        promised = []
        while not stop.is_set():
            payload = template(msgId=f"web-{next(numbers)}", to="15550100001")
            try:
                if installation.post(payload):
                    promised.append(payload["msgId"])
            except requests.RequestException:
                killed.wait(1)
        return promised

    with ThreadPoolExecutor(8) as pool:
        posting = [pool.submit(keep_posting, number) for number in range(8)]
        wait_until(lambda: any(name.startswith("web-") for name in installation.statuses()), 30)
        installation.kill("granian")
        killed.set()
        before = len(installation.statuses())
        wait_until(lambda: len(installation.statuses()) > before + 20, 30)
        stop.set()
        promised = {name for future in posting for name in future.result(30)}
    assert promised
    assert promised <= set(installation.statuses())
    wait_until(lambda: not OPEN & set(installation.statuses().values()), 60)
    assert {installation.sends(name) for name in promised} == {1}
    installation.sound()


def test_a_message_posted_many_times_at_once_is_one_message(installation: Installation) -> None:
    """By two web processes that know nothing of each other."""
    payload = template()
    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(installation.post, [payload] * 20))
    wait_until(lambda: installation.statuses()[payload["msgId"]] == Status.ACCEPTED, 30)
    rows = installation.rows(f"SELECT id FROM campaigns_message WHERE msg_id = '{payload['msgId']}'")
    assert len(rows) == 1
    assert installation.sends(payload["msgId"]) == 1
    installation.sound()


def test_messages_are_accepted_as_fast_while_the_broker_is_down(installation: Installation) -> None:
    if installation.broker is None:
        pytest.skip("there is no broker")
    installation.kill_broker()
    wait_until(lambda: not installation.sending())  # who still lingers needs no wake-up
    payloads = [template() for _ in range(20)]
    for payload in payloads:
        began = monotonic()
        assert installation.post(payload)
        assert monotonic() - began < 1.0
    assert {installation.statuses()[payload["msgId"]] for payload in payloads} == {Status.QUEUED}
    installation.start_broker()
    wait_until(lambda: not OPEN & set(installation.statuses().values()), 60)
    assert {installation.sends(payload["msgId"]) for payload in payloads} == {1}
    installation.sound()


def test_a_body_in_chunks_is_read(installation: Installation) -> None:
    """Some HTTP clients never say how long a body will be."""
    payload = template()
    answer = requests.post(
        installation.url + installation.path,
        data=iter([json.dumps(payload)[:20].encode(), json.dumps(payload)[20:].encode()]),
        headers=installation.login | {"Content-Type": "application/json"},
        timeout=10,
    )
    assert answer.content == b'{"status":"success"}'
    assert payload["msgId"] in installation.statuses()
