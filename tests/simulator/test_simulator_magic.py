"""Every magic number, through Interakt's dialect unless the BSP matters."""

import threading
import time

import pytest
import requests

from simulator.behaviour import MAGIC
from tests.waiting import PATIENCE


def number(ending):
    return f"91981230{ending}"


def kinds(got):
    return [one.json["type"].removeprefix("message_api_") for one in got]


def test_page_and_tests_know_the_same_numbers():
    assert list(MAGIC) == [str(9001 + n) for n in range(17)] + [str(9100 + n) for n in range(11)]


def test_9001_is_never_read(send_interakt, webhooks):
    assert send_interakt(number(9001)).status_code == 201
    assert kinds(webhooks(2)) == ["sent", "delivered"]


@pytest.mark.parametrize(("ending", "code"), [(9002, "131026"), (9003, "131049")])
def test_9002_and_9003_fail(send_interakt, webhooks, ending, code):
    send_interakt(number(ending))
    (one,) = webhooks(1)
    message = one.json["data"]["message"]
    assert (one.json["type"], message["message_status"]) == ("message_api_failed", "Failed")
    assert message["channel_error_code"] == code
    assert message["channel_failure_reason"]


def test_9002_fails_at_meta(send_meta, webhooks):
    send_meta("+" + number(9002))
    (status,) = webhooks(1)[0].json["entry"][0]["changes"][0]["value"]["statuses"]
    assert (status["status"], status["errors"][0]["code"]) == ("failed", 131026)


def test_9004_is_never_reported(send_interakt, webhooks):
    assert send_interakt(number(9004)).status_code == 201
    webhooks(0)


def test_9005_is_throttled_once_per_recipient_and_message(sim, send_interakt, webhooks):
    first = send_interakt(number(9005), "a")
    assert (first.status_code, first.headers["Retry-After"]) == (429, "1")
    assert send_interakt(number(9005), "b").status_code == 201, "under whatever reference it comes again"
    assert [one.attempt for one in sim.requests] == [1, 2]
    webhooks(3)


def test_9006_is_down_once(send_interakt, webhooks):
    first = send_interakt(number(9006))
    assert first.status_code == 503
    assert first.headers["Content-Type"].startswith("text/html")
    assert send_interakt(number(9006)).status_code == 201
    webhooks(3)


def test_a_whole_account_is_throttled_or_down_until_told_otherwise(sim, send_interakt, webhooks):
    sim.behaviour.throttle_seconds = 60
    for mode, status, wait in (("throttle", 429, "60"), ("outage", 503, "1")):
        sim.behaviour.answer_modes = {"interakt": mode}
        for reference in "ab":
            answer = send_interakt(number(1234), reference)
            assert (answer.status_code, answer.headers["Retry-After"]) == (status, wait)
    sim.behaviour.answer_modes = {}
    assert send_interakt(number(1234), "a").status_code == 201
    webhooks(3)


def test_9007_is_taken_but_never_answered(sim, send_interakt, webhooks):
    sim.behaviour.hold = 0.2
    with pytest.raises(requests.ConnectionError):
        send_interakt(number(9007))
    webhooks(3)
    assert sim.requests[0].answer == "held"
    assert sim.requests[0].message_id


def test_9007_lets_go_when_the_simulator_stops(sim, send_interakt):
    caught = []

    def call():
        try:
            send_interakt(number(9007))
        except requests.ConnectionError as error:
            caught.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    sim.wait_until(lambda: sim.requests)
    sim.stop()
    caller.join(PATIENCE)
    assert caught


def test_9008_comes_twice(send_interakt, webhooks):
    send_interakt(number(9008))
    got = webhooks(6)
    assert kinds(got) == ["sent", "sent", "delivered", "delivered", "read", "read"]
    assert got[0].body == got[1].body


def test_9009_comes_backwards(send_interakt, webhooks):
    send_interakt(number(9009))
    assert kinds(webhooks(3)) == ["read", "delivered", "sent"]


def test_9010_is_refused(sim, send_interakt, send_clevertap, webhooks):
    assert send_interakt(number(9010)).status_code == 400
    assert send_clevertap("+" + number(9010)).json()["error"]["code"] == 2001
    webhooks(0)
    assert [one.answer for one in sim.requests] == ["refused", "refused"]


def test_9011_is_unauthorised(sim, send_interakt, send_meta, send_clevertap, webhooks):
    answers = [send_interakt(number(9011)), send_meta("+" + number(9011)), send_clevertap("+" + number(9011))]
    assert [one.status_code for one in answers] == [401, 401, 401]
    webhooks(0)
    assert {one.answer for one in sim.requests} == {"unauthorised"}


def test_9012_is_cut_off_and_not_taken(sim, send_interakt, webhooks):
    with pytest.raises(requests.ConnectionError):
        send_interakt(number(9012))
    webhooks(0)
    assert sim.requests[0].message_id == ""


def test_9013_and_9017_are_taken_with_an_odd_answer(send_interakt, webhooks):
    empty, html = send_interakt(number(9013)), send_interakt(number(9017))
    assert (empty.status_code, empty.content) == (200, b"")
    assert (html.status_code, html.headers["Content-Type"]) == (200, "text/html")
    webhooks(6)


def test_9014_replies(send_interakt, webhooks):
    send_interakt(number(9014))
    got = webhooks(4)
    reply = next(one.json["data"]["message"] for one in got if one.json["type"] == "message_received")
    assert (reply["chat_message_type"], reply["message_content_type"]) == ("CustomerMessage", "Text")


def test_9015_clicks(send_interakt, send_meta, webhooks, receiver, sim):
    send_interakt(number(9015))
    click = webhooks(4)[3].json
    assert click["type"] == "message_api_clicked"
    assert click["data"]["event"]["click_type"] == "CTA"
    assert click["data"]["event"]["callbackData"] == "712|1767225600|20260105|712"
    receiver.got.clear()
    wamid = send_meta("+" + number(9015)).json()["messages"][0]["id"]
    tap = webhooks(4)[3].json["entry"][0]["changes"][0]["value"]["messages"][0]
    assert (tap["type"], tap["context"]["id"]) == ("button", wamid)


def test_9016_reports_before_it_answers(sim, send_interakt, receiver, webhooks):
    sim.behaviour.delays = (30, 30, 30)
    arrived = []
    thread = threading.Thread(target=lambda: arrived.append((send_interakt(number(9016)), time.monotonic())))
    thread.start()
    sim.wait_until(lambda: receiver.got)
    thread.join(PATIENCE)
    assert arrived[0][0].status_code == 201
    (record,) = sim.requests
    assert record.answer == "late"
    assert [one.status for one in record.statuses] == ["sent"]


def test_magic_can_be_switched_off(sim, send_interakt, webhooks):
    sim.behaviour.magic = False
    assert send_interakt(number(9010)).status_code == 201
    webhooks(3)
