"""How webhooks leave: settings, retries, order."""

import hashlib
import hmac

import pytest

from simulator.server import Simulator


def kinds(got):
    return [one.json["type"].removeprefix("message_api_") for one in got]


def test_webhooks_can_be_switched_off(sim, send_interakt, webhooks):
    sim.behaviour.webhooks = False
    send_interakt()
    webhooks(0)


def test_delays_keep_webhooks_back(sim, send_interakt, receiver):
    sim.behaviour.delays = (0, 60, 90)
    send_interakt()
    sim.wait_until(lambda: receiver.got and sim.pending == 1)
    assert kinds(receiver.got) == ["sent"]


def test_all_may_fail(sim, send_interakt, webhooks):
    sim.behaviour.fail_fraction, sim.behaviour.fail_code = 1.0, 131053
    send_interakt()
    (one,) = webhooks(1)
    assert one.json["data"]["message"]["channel_error_code"] == "131053"


def test_all_may_come_twice(sim, send_interakt, webhooks):
    sim.behaviour.duplicate_fraction = 1.0
    send_interakt()
    assert kinds(webhooks(6)) == ["sent", "sent", "delivered", "delivered", "read", "read"]


def test_shuffled_webhooks_all_come(sim, send_interakt, receiver, webhooks):
    sim.behaviour.shuffle = True
    orders = set()
    for _ in range(12):
        receiver.got.clear()
        send_interakt()
        orders.add(tuple(kinds(webhooks(3))))
    assert {tuple(sorted(order)) for order in orders} == {("delivered", "read", "sent")}
    assert len(orders) > 1


def test_forged_signatures_are_wrong(sim, send_interakt, webhooks):
    sim.behaviour.forge_signatures = True
    send_interakt()
    one = webhooks(3)[0]
    right = hmac.new(b"interakt-secret", one.body, hashlib.sha256).hexdigest()
    assert one.headers["interakt-signature"].startswith("sha256=")
    assert one.headers["interakt-signature"] != f"sha256={right}"


@pytest.mark.parametrize("concurrency", [1, 64])
def test_order_holds_while_the_gateway_stumbles(sim, send_interakt, receiver, webhooks, concurrency):
    sim.behaviour.webhook_concurrency = concurrency
    receiver.replies.extend([503, 500])
    send_interakt()
    assert kinds(webhooks(5)) == ["sent", "sent", "sent", "delivered", "read"]
    assert [one.http_status for one in sim.webhooks] == [503, 500, 200, 200, 200]
    assert [one.attempt for one in sim.webhooks] == [1, 2, 3, 1, 1]
    assert len({one.body for one in receiver.got[:3]}) == 1, "a retry is the same bytes"


def test_a_refused_webhook_is_not_repeated(sim, send_interakt, receiver, webhooks):
    receiver.replies.extend([401, 401, 401])
    send_interakt()
    webhooks(3)
    assert sim.requests[0].statuses == []
    assert sim.journal.counts["webhooks.refused.sent"] == 1


def test_a_gateway_that_is_away_gets_them_later(sim, send_interakt, receiver):
    sim.behaviour.webhook_retries = (0.05,) * 100
    receiver.close()
    send_interakt()
    sim.wait_until(lambda: len(sim.webhooks) >= 2)
    assert {(one.http_status, one.kinds[0]) for one in sim.webhooks} == {(0, "sent")}
    assert sim.webhooks[0].error
    with Simulator(
        port=int(receiver.url.rsplit(":", 1)[1])
    ) as stand_in:  # answers 404, which ends the retries
        sim.wait_until(lambda: any(one.http_status == 404 for one in sim.webhooks))
        assert stand_in.port


def test_an_account_without_url_gets_none(sim, send_interakt):
    account = sim.accounts.named("interakt")
    account.webhook_url = ""
    send_interakt()
    sim.wait_until(lambda: sim.pending == 0)
    assert sim.webhooks == []
    assert sim.journal.counts["webhooks.without_url"] == 3


def test_counts_stay_when_nothing_is_recorded(sim, send_interakt, webhooks):
    sim.behaviour.record = False
    for _ in range(3):
        send_interakt()
    webhooks(9)
    assert sim.requests == []
    assert sim.webhooks == []
    assert sim.journal.counts["taken"] == 3
    assert sim.journal.counts["webhooks.taken.read"] == 3


def test_old_records_make_room(sim, send_interakt):
    sim.behaviour.webhooks, sim.behaviour.kept = False, 5
    for n in range(8):
        send_interakt(reference=str(n))
    assert len(sim.requests) <= 5
    assert sim.requests[-1].reference == "7"


def test_reset_forgets_everything_but_the_accounts(sim, send_interakt, receiver):
    sim.behaviour.delays = (60, 60, 60)
    assert send_interakt("919812309005").status_code == 429
    send_interakt()
    assert sim.pending
    sim.reset()
    assert (sim.requests, sim.pending, dict(sim.journal.counts)) == ([], 0, {})
    assert sim.behaviour.delays == (0.2, 0.5, 1.5)
    sim.behaviour.webhooks = False
    assert send_interakt("919812309005").status_code == 429, "attempts are forgotten too"


def test_it_restarts_on_its_port(sim, send_interakt):
    url = sim.url
    sim.stop()
    sim.start()
    assert sim.url == url
    assert send_interakt().status_code == 201


def test_wait_until_gives_up(sim):
    with pytest.raises(TimeoutError):
        sim.wait_until(lambda: False, timeout=0.02)
