"""Processes killed in the middle of their work: what was promised is kept, and nothing is sent twice."""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Event
from time import sleep

import pytest
import requests

from broadcasts.models import Broadcast, Recipient
from campaigns.models import Status
from tests.faults.conftest import Installation
from tests.gateway import template
from tests.processes import manage, wait_until
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.processes]


def test_a_worker_killed_in_mid_batch_loses_nothing_and_repeats_nothing(
    installation: Installation,
) -> None:
    installation.simulator.behaviour.answer_delay = PATIENCE  # nothing that is under way ends before the kill
    payloads = [template() for _ in range(150)]  # more than go at once
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(installation.post, payloads))
    names = {payload["msgId"] for payload in payloads}
    wait_until(lambda: len(installation.simulator.requests) > 20)
    installation.kill("manage.py worker", "celery")
    installation.simulator.behaviour.answer_delay = 0.0
    interrupted = {name for name, status in installation.statuses().items() if status == Status.SENDING}
    assert interrupted
    installation.leases_expire()
    wait_until(installation.idle)
    statuses = {name: status for name, status in installation.statuses().items() if name in names}
    assert len(statuses) == 150
    assert set(statuses.values()) <= {Status.ACCEPTED, Status.UNKNOWN}
    assert {name for name, status in statuses.items() if status == Status.UNKNOWN} <= interrupted
    for name, status in statuses.items():
        assert installation.sends(name) == 1 or (status == Status.UNKNOWN and installation.sends(name) == 0)
    installation.sound()


def test_a_web_server_killed_under_load_has_kept_whatever_it_promised(installation: Installation) -> None:
    stop = Event()
    numbers = count()

    def keep_posting(_: int) -> list[str]:
        promised = []
        while not stop.is_set():
            payload = template(msgId=f"web-{next(numbers)}", to="15550100001")
            try:
                if installation.post(payload):
                    promised.append(payload["msgId"])
            except requests.RequestException:
                sleep(0.05)
        return promised

    with ThreadPoolExecutor(8) as pool:
        posting = [pool.submit(keep_posting, number) for number in range(8)]
        try:
            wait_until(lambda: any(name.startswith("web-") for name in installation.statuses()))
            installation.kill("granian")
            before = len(installation.statuses())
            wait_until(lambda: len(installation.statuses()) > before + 20)
        finally:
            stop.set()
        promised = {name for future in posting for name in future.result(PATIENCE)}
    assert promised
    assert promised <= set(installation.statuses())
    wait_until(installation.idle)
    assert {installation.sends(name) for name in promised} == {1}
    installation.sound()


def test_a_message_posted_many_times_at_once_is_one_message(installation: Installation) -> None:
    """By two web processes that know nothing of each other."""
    payload = template()
    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(installation.post, [payload] * 20))
    wait_until(lambda: installation.statuses()[payload["msgId"]] == Status.ACCEPTED)
    rows = installation.rows(f"SELECT id FROM campaigns_message WHERE msg_id = '{payload['msgId']}'")
    assert len(rows) == 1
    assert installation.sends(payload["msgId"]) == 1
    installation.sound()


def test_messages_are_accepted_while_the_broker_is_down(installation: Installation) -> None:
    if installation.broker is None:
        pytest.skip("there is no broker")
    installation.kill_broker()
    wait_until(lambda: not installation.sending())  # who still lingers needs no wake-up
    payloads = [template() for _ in range(20)]
    assert all(map(installation.post, payloads))  # a task that came before the end may still send some
    installation.start_broker()
    wait_until(installation.idle)
    assert {installation.sends(payload["msgId"]) for payload in payloads} == {1}
    installation.sound()


def test_a_worker_in_the_middle_of_its_calls_outlives_the_broker(installation: Installation) -> None:
    if installation.broker is None:
        pytest.skip("there is no broker")

    def workers() -> set[int]:
        return {pid for pid, command in installation.family().items() if "celery" in command}

    before = workers()
    installation.simulator.behaviour.answer_delay = PATIENCE
    payloads = [template() for _ in range(2)]
    assert installation.post(payloads[0])
    wait_until(lambda: installation.sends(payloads[0]["msgId"]))
    installation.kill_broker()
    assert installation.post(payloads[1])
    installation.start_broker()
    wait_until(lambda: installation.sends(payloads[1]["msgId"]))
    installation.simulator.behaviour.answer_delay = 0.0
    wait_until(installation.idle)
    assert {installation.statuses()[each["msgId"]] for each in payloads} == {Status.ACCEPTED}
    assert workers() == before
    installation.sound()


def test_a_body_in_chunks_is_read(installation: Installation) -> None:
    """Some HTTP clients never say how long a body will be."""
    payload = template()
    answer = requests.post(
        installation.url + installation.path,
        data=iter([json.dumps(payload)[:20].encode(), json.dumps(payload)[20:].encode()]),
        headers=installation.login | {"Content-Type": "application/json"},
        timeout=PATIENCE,
    )
    assert answer.content == b'{"status":"success"}'
    assert payload["msgId"] in installation.statuses()


PEOPLE = 2000
SET_UP = f"""
from audience.models import OptChange
from audience.profiles import Profile
from audience.writing import Source, write
from broadcasts.run import lifecycle
from broadcasts.models import Broadcast
from django.utils import timezone
from providers.models import Provider
from templates_app.models import Template

people = [
    Profile(f"p{{n}}", {{"phone": f"91981{{n:07d}}", "name": f"Person {{n}}", "opted_in": n % 10 != 0}})
    for n in range({PEOPLE})
]
write(people, Source(OptChange.Why.API), timezone.now())
provider = Provider.objects.get()
Provider.objects.update(max_concurrency=200)
body = [{{"type": "BODY", "text": "Hello {{{{1}}}}"}}]
Template.objects.create(provider=provider, name="hello", language="en", components=body)
values = {{"body.1": "{{{{ profile.name }}}}"}}
variants = [
    {{"name": name, "percent": 50, "template": "hello", "language": "en", "values": values}} for name in "AB"
]
broadcast = Broadcast.objects.create(provider=provider, name="x", variants=variants, control_percent=10)
lifecycle.launch(broadcast)
"""


def test_a_broadcast_whose_workers_are_killed_again_and_again_reaches_everybody_once(
    installation: Installation,
) -> None:
    before = set(installation.statuses())
    manage(installation.env, "shell", "-c", SET_UP)

    def counted() -> dict[str, int]:
        names = ("recipients", "waiting", "queued", "control", "excluded", "cancelled")
        (row,) = installation.rows(f"SELECT {', '.join(names)} FROM {Broadcast._meta.db_table}")
        return dict(zip(names, row, strict=True))

    for goal in (400, 1000, 2200, 3000):  # while it plans, and while it sends
        wait_until(lambda goal=goal: counted()["recipients"] + counted()["queued"] > goal)  # type: ignore[misc]
        installation.kill("manage.py worker", "celery")
        found = counted()
        assert found["recipients"] == sum(found.values()) - found["recipients"]
        sleep(0.3)
        installation.leases_expire()
    state = f"SELECT state FROM {Broadcast._meta.db_table}"
    wait_until(lambda: installation.rows(state) == [("done",)])
    wait_until(installation.idle)

    found = counted()
    assert found["recipients"] == PEOPLE
    assert (found["excluded"], found["waiting"], found["cancelled"]) == (PEOPLE // 10, 0, 0)
    assert PEOPLE * 0.06 < found["control"] < PEOPLE * 0.12
    numbers = [record.to for record in installation.simulator.requests]
    assert len(numbers) == len(set(numbers)), "somebody was messaged twice"
    control = installation.rows(
        f"SELECT phone FROM {Recipient._meta.db_table} WHERE state = {Recipient.State.CONTROL.value}"
    )
    assert not {phone for (phone,) in control} & set(numbers)
    # What was on its way when its worker died may have left or not; nothing else is missing.
    theirs = {name: status for name, status in installation.statuses().items() if name not in before}
    unknown = [name for name, status in theirs.items() if status == Status.UNKNOWN]
    assert found["queued"] - len(unknown) <= len(numbers) <= found["queued"]
    installation.sound()
