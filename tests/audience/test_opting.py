"""Opting out and in by reply, from the webhook to CleverTap's subscribe API."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from audience import opting, subscribing
from audience.models import Contact, OptChange, OptSetting, PhoneChoice, Subscription
from audience.words import Words, words_of
from callbacks.models import Reply as StoredReply
from callbacks.webhooks import ingest
from providers.messages import Reply
from providers.models import Provider
from simulator.server import Simulator
from tests.audience.conftest import contact, taken_over
from tests.endpoints import Endpoint
from tests.factories import make_provider
from tests.gateway import call_back

pytestmark = pytest.mark.django_db

WORDS = Words(words_of("STOP\nStop promotions\noptout|*"), words_of("START\n"))
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_ids = itertools.count(1)


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (Reply("text", "1", text="STOP"), (True, "keyword", "STOP")),
        (Reply("text", "1", text="  stop!! "), (True, "keyword", "  stop!! ")),
        (Reply("text", "1", text="“Stop  promotions.”"), (True, "keyword", "“Stop  promotions.”")),
        (Reply("text", "1", text="¡Stop, "), (True, "keyword", "¡Stop, ")),
        (Reply("text", "1", text="stop…"), (True, "keyword", "stop…")),
        (Reply("text", "1", text="start"), (False, "keyword", "start")),
        (Reply("button", "1", text="Stop promotions"), (True, "button", "Stop promotions")),
        (
            Reply("button", "1", text="No, thanks", payload="OptOut|88"),
            (True, "button", "No, thanks [OptOut|88]"),
        ),
        (Reply("interactive", "1", text="Start"), (False, "button", "Start")),
        (Reply("text", "1", text="Please stop by tomorrow"), None),
        (Reply("text", "1", text="stop it"), None),
        (Reply("text", "1", text="optout"), None),
        (Reply("text", "1", text="", payload="stop"), None),
        (Reply("text", "1", text="..."), None),
        (Reply("image", "1", text="stop"), None),
    ],
)
def test_what_counts_as_a_wish(reply: Reply, found: Any) -> None:
    assert opting.wish(reply, WORDS) == found


@pytest.fixture
def shop(provider: Provider) -> Provider:
    """A provider with words; another has others, and tells an API of its own."""
    OptSetting.objects.create(provider=provider)
    OptSetting.objects.create(
        provider=make_provider(nickname="Elsewhere"), stop_words="quit", start_words="hello",
        subscribe_url="http://127.0.0.1:9/elsewhere",
    )  # fmt: skip
    taken_over(
        "identity,phone,MSG-whatsapp\nann,+12125550777,TRUE\nbob,+12125550777,\nzoe,+12125550888,TRUE\n"
    )
    return provider


def write(
    provider: Provider, text: str, sender: str = "12125550777", at: datetime = NOW, **more: Any
) -> None:
    payload = {
        "payloadVersion": "0.1", "from": sender, "wabaNumber": "15550001111", "type": "text",
        "timestamp": str(int(at.timestamp())), "text": {"body": text},
    }  # fmt: skip
    call_back(provider, "inbound", payload | more)


def setting(provider: Provider) -> OptSetting:
    return OptSetting.objects.get(provider=provider)


def states() -> dict[str, tuple[bool, bool]]:
    return {row.identity: (row.opted_in, row.dnd) for row in Contact.objects.all()}


def test_a_stop_holds_for_the_number(shop: Provider) -> None:
    write(shop, "Stop.")
    ingest.drain()
    assert states() == {"ann": (True, True), "bob": (False, True), "zoe": (True, False)}
    reply = StoredReply.objects.get()
    for who in ("ann", "bob"):
        change = OptChange.objects.get(contact__identity=who, why="keyword")
        assert (change.to, change.proof, change.reply_id, change.phone) == (
            "stop", "Stop.", reply.pk, "12125550777",
        )  # fmt: skip
        assert (change.provider, change.at) == (shop, NOW)
    assert not Subscription.objects.exists(), "no address is set at which to tell it"


def test_each_provider_has_words_of_its_own(shop: Provider, settings: Any) -> None:
    settings.PROVIDER_CACHE_SECONDS = 60.0
    opting.forget()
    elsewhere = Provider.objects.get(nickname="Elsewhere")
    for provider, words in ((shop, "quit"), (shop, "hello"), (elsewhere, "STOP")):
        write(provider, words)
    ingest.drain()
    assert states() == {"ann": (True, False), "bob": (False, False), "zoe": (True, False)}
    write(elsewhere, "Quit")
    ingest.drain()
    assert states()["ann"] == (True, True)
    assert set(OptChange.objects.filter(why="keyword").values_list("provider", flat=True)) == {elsewhere.pk}


def test_a_stop_stamped_in_the_future_is_of_now(shop: Provider) -> None:
    """Else nothing that is written until then would count."""
    later = NOW + timedelta(hours=1)
    for text, stamp, now in (("stop", NOW + timedelta(days=365), NOW), ("start", later, later)):
        reply = Reply("text", "12125550777", text=text, timestamp=int(stamp.timestamp()))
        opting.heed(shop, [(next(_ids), reply)], now)
        assert PhoneChoice.objects.get().at == now
    assert states()["ann"] == (True, False)


def test_a_start_clears_it_and_opts_in(shop: Provider) -> None:
    write(shop, "STOP")
    write(shop, "Start", at=NOW + timedelta(hours=1))
    ingest.drain()
    assert states()["bob"] == (True, False)
    kept = OptChange.objects.filter(contact__identity="bob").order_by("id").values_list("to", "why")
    assert list(kept) == [("stop", "keyword"), ("in", "keyword")]


def test_a_tap_on_a_button(shop: Provider) -> None:
    OptSetting.objects.filter(provider=shop).update(stop_words="optout|*")
    write(shop, "", type="button", button={"payload": "optout|88", "text": "Stop promotions"})
    ingest.drain()
    assert OptChange.objects.filter(why="button", proof="Stop promotions [optout|88]").count() == 2


def test_replies_in_the_wrong_order(shop: Provider) -> None:
    """Whatever comes in first, what was written last counts; everything is kept."""
    write(shop, "START", at=NOW + timedelta(hours=1))
    ingest.drain()
    write(shop, "STOP", at=NOW)
    ingest.drain()
    assert states()["ann"] == (True, False)
    assert OptChange.objects.filter(contact__identity="ann", why="keyword").count() == 2


def test_a_late_reply_undoes_nothing_that_an_operator_set(shop: Provider) -> None:
    write(shop, "START", at=NOW + timedelta(hours=1))
    ingest.drain()
    opting.by_operator(contact("ann"), OptChange.To.STOP, "mira", "asked by phone", timezone.now())
    write(shop, "STOP", at=NOW)
    ingest.drain()
    assert states()["ann"] == (True, True)


def test_a_repeated_webhook_is_one_wish(shop: Provider) -> None:
    for _ in range(3):
        write(shop, "STOP")
        ingest.drain()
    assert OptChange.objects.filter(contact__identity="ann", why="keyword").count() == 1


def test_a_number_that_nobody_has_yet(shop: Provider) -> None:
    write(shop, "STOP", sender="12125550999")
    ingest.drain()
    change = OptChange.objects.get(phone="12125550999")
    assert (change.contact, change.to) == (None, "stop")
    taken_over("identity,phone,MSG-whatsapp\nnew,+12125550999,TRUE\n")
    assert (contact("new").opted_in, contact("new").dnd) == (True, True)


@pytest.mark.parametrize(
    ("sender", "dialled"),
    [
        ("5215512345678", "525512345678"),
        ("5491123456789", "541123456789"),
        ("551187654321", "5511987654321"),
    ],
)
def test_a_number_that_whatsapp_spells_otherwise(shop: Provider, sender: str, dialled: str) -> None:
    taken_over(f"identity,phone,MSG-whatsapp\nthere,+{dialled},TRUE\n")
    write(shop, "STOP", sender=sender)
    ingest.drain()
    taken_over(f"identity,phone,MSG-whatsapp\nlater,+{dialled},TRUE\nas-sent,+{sender},TRUE\n")
    for who in ("there", "later", "as-sent"):
        assert (contact(who).opted_in, contact(who).dnd) == (True, True), who
    write(shop, "START", sender=dialled, at=NOW + timedelta(hours=1))
    ingest.drain()
    assert not Contact.objects.filter(dnd=True).exists()
    assert PhoneChoice.objects.count() == 1


def test_a_list_uploaded_again_disturbs_nobody(shop: Provider) -> None:
    write(shop, "STOP")
    ingest.drain()
    taken_over("identity,phone,MSG-whatsapp\nann,+12125550777,TRUE\nann2,+12125550777,TRUE\n")
    assert not contact("ann").reachable
    assert not contact("ann2").reachable


def test_providers_without_words_pay_nothing(provider: Provider, settings: Any) -> None:
    settings.PROVIDER_CACHE_SECONDS = 60.0
    reply = [(1, Reply("text", "12125550777", text="STOP"))]
    opting.heed(provider, reply, NOW)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert opting.heed(provider, reply, NOW) == 0
    assert len(queries) == 0
    assert not OptChange.objects.exists()


def test_the_words_of_one_who_was_forgotten_are_looked_up_anew(shop: Provider, settings: Any) -> None:
    settings.PROVIDER_CACHE_SECONDS = 60.0
    assert opting.settings_of(shop.pk)
    OptSetting.objects.filter(provider=shop).delete()
    assert opting.settings_of(shop.pk), "kept for a while"
    opting.forget()
    assert opting.settings_of(shop.pk) is None


def test_words_that_were_emptied(shop: Provider) -> None:
    OptSetting.objects.update(stop_words="\n . \n", start_words="")
    write(shop, "")
    write(shop, ".")
    ingest.drain()
    assert not OptChange.objects.exclude(why="csv").exists()


@given(st.permutations(range(6)), st.lists(st.booleans(), min_size=6, max_size=6))
def test_any_order_ends_the_same(order: list[int], stops: list[bool]) -> None:
    PhoneChoice.objects.all().delete()
    Contact.objects.all().delete()
    provider = Provider.objects.first() or _provider()
    Contact.objects.create(identity="a", phone="12125550777", created_at=NOW, updated_at=NOW)
    for position in order:
        text = "stop" if stops[position] else "start"
        stamp = int(NOW.timestamp()) + position
        opting.heed(
            provider, [(position, Reply("text", "12125550777", text=text, timestamp=stamp))], timezone.now()
        )
    assert contact("a").dnd == stops[5]
    assert PhoneChoice.objects.get().stopped == stops[5]


def _provider() -> Provider:
    from tests.factories import make_provider

    made = make_provider()
    OptSetting.objects.create(provider=made)
    return made


def test_an_operator_decides_too(shop: Provider) -> None:
    ann = contact("ann")
    assert opting.by_operator(ann, OptChange.To.STOP, "mira", "asked by phone", NOW)
    assert not opting.by_operator(ann, OptChange.To.STOP, "mira", "asked again", NOW)
    change = OptChange.objects.get(why="admin")
    assert (change.by, change.proof, contact("ann").dnd, contact("bob").dnd) == (
        "mira", "asked by phone", True, False,
    )  # fmt: skip


def test_an_operator_ends_a_stop_that_somebody_wrote(shop: Provider) -> None:
    ann = contact("ann")
    opting.heed(shop, [(1, Reply("text", ann.phone, timestamp=int(NOW.timestamp()), text="STOP"))], NOW)
    assert [stop["kind"] for stop in opting.stops(ann.phone)] == ["typed"]
    assert opting.by_operator(contact("ann"), OptChange.To.RESUME, "mira", "asked by phone", timezone.now())
    assert (contact("ann").dnd, opting.stops(ann.phone)) == (False, [])
    taken_over(f"identity,phone\neva,+{ann.phone}\n")
    eva = contact("eva")
    assert (eva.dnd, eva.opted_in) == (False, False), "nor has anybody agreed"


# CleverTap is told


@pytest.fixture
def telling(shop: Provider, simulator: Simulator) -> Provider:
    OptSetting.objects.filter(provider=shop).update(
        subscribe_url=f"{simulator.url}/sink/shop/subscribe",
    )
    told = setting(shop)
    told.account = {"account_id": "SHOP-1", "passcode": "secret-passcode"}
    told.save()
    opting.forget()
    return shop


def told(simulator: Simulator) -> list[tuple[str, str]]:
    return [(one["value"], one["status"]) for record in simulator.sink for one in record.payload["d"]]


def test_clevertap_is_told_once_a_number(telling: Provider, simulator: Simulator) -> None:
    write(telling, "STOP")
    write(telling, "hello")
    ingest.drain()
    assert subscribing.drain() == 1
    assert told(simulator) == [("+12125550777", "Unsubscribe")]
    row = Subscription.objects.get()
    assert (row.state, row.attempts, row.error) == (Subscription.State.DONE, 1, "")
    assert subscribing.drain() == 0


def test_only_the_last_word_of_a_number_is_told(telling: Provider, simulator: Simulator) -> None:
    simulator.behaviour.sink_mode = "down"
    write(telling, "STOP")
    ingest.drain()
    subscribing.drain()
    write(telling, "START", at=NOW + timedelta(hours=1))
    write(telling, "STOP", sender="12125550888")
    ingest.drain()
    simulator.behaviour.sink_mode = "ok"
    assert subscribing.drain() == 0, "a later one does not overtake one that waits"
    Subscription.objects.update(next_attempt_at=timezone.now())
    assert subscribing.drain() == 2
    assert told(simulator) == [("+12125550777", "Resubscribe"), ("+12125550888", "Unsubscribe")]


def test_a_late_reply_is_not_told(telling: Provider, simulator: Simulator) -> None:
    """Else CleverTap would go on writing to somebody whose last word was "stop"."""
    write(telling, "STOP", at=NOW + timedelta(hours=1))
    ingest.drain()
    write(telling, "START", at=NOW)
    ingest.drain()
    subscribing.drain()
    assert told(simulator) == [("+12125550777", "Unsubscribe")]
    assert OptChange.objects.filter(contact__identity="ann", why="keyword").count() == 2


def test_clevertap_is_told_every_spelling_of_a_number(telling: Provider, simulator: Simulator) -> None:
    """Its profile has the number as it is dialled, which is not how WhatsApp names the sender."""
    write(telling, "STOP", sender="5215512345678")
    ingest.drain()
    subscribing.drain()
    assert told(simulator) == [("+525512345678", "Unsubscribe"), ("+5215512345678", "Unsubscribe")]


@pytest.mark.parametrize("mode", ["down", "close"])
def test_an_api_that_is_down_is_tried_again(telling: Provider, simulator: Simulator, mode: Any) -> None:
    simulator.behaviour.sink_mode = mode
    write(telling, "STOP")
    ingest.drain()
    assert subscribing.drain() == 0
    row = Subscription.objects.get()
    assert (row.state, row.attempts) == (Subscription.State.PENDING, 1)
    assert row.next_attempt_at > timezone.now()
    assert row.error
    assert not subscribing.due()
    Subscription.objects.update(created_at=timezone.now() - timedelta(days=4), next_attempt_at=timezone.now())
    subscribing.drain()
    assert Subscription.objects.get().state == Subscription.State.PARKED


def test_what_is_not_processed_is_parked_alone(telling: Provider, simulator: Simulator) -> None:
    simulator.behaviour.sink_mode, simulator.behaviour.sink_unprocessed = "unprocessed", {"+12125550888"}
    write(telling, "STOP")
    write(telling, "STOP", sender="12125550888")
    ingest.drain()
    assert subscribing.drain() == 1
    parked = Subscription.objects.get(state=Subscription.State.PARKED)
    assert (parked.phone, parked.error) == ("12125550888", "CleverTap: the record was not processed [555]")
    simulator.behaviour.sink_mode = "ok"
    assert subscribing.retry([parked.pk], timezone.now()) == 1
    assert subscribing.drain() == 1


def test_a_refused_call_is_repeated_one_by_one(telling: Provider, simulator: Simulator) -> None:
    simulator.behaviour.sink_mode = "reject_4xx"
    write(telling, "STOP")
    write(telling, "STOP", sender="12125550888")
    ingest.drain()
    subscribing.drain()
    assert [len(one.payload["d"]) for one in simulator.sink_refused] == [2, 1, 1]
    assert (
        Subscription.objects.filter(state=Subscription.State.PARKED, error__startswith="HTTP 400").count()
        == 2
    )


def test_wrong_credentials_wait_for_better_ones(telling: Provider, simulator: Simulator) -> None:
    wrong = setting(telling)
    wrong.account = {}
    wrong.save()
    write(telling, "STOP")
    ingest.drain()
    subscribing.drain()
    row = Subscription.objects.get()
    assert (row.state, row.error[:8]) == (Subscription.State.PENDING, "HTTP 401")


def test_a_page_for_people_is_no_answer(telling: Provider, endpoint: Endpoint) -> None:
    """The address of a login page, or a proxy's: nobody was told."""
    endpoint.reply = lambda payload: (200, {}, b"<html>Log in</html>")
    OptSetting.objects.filter(provider=telling).update(subscribe_url=f"{endpoint.url}/1/subscribe")
    write(telling, "STOP")
    ingest.drain()
    assert subscribing.drain() == 0
    row = Subscription.objects.get()
    assert (row.state, row.error) == (Subscription.State.PENDING, "HTTP 200: <html>Log in</html>")


def test_what_a_number_has_overtaken_is_not_retried(telling: Provider) -> None:
    now = timezone.now()
    values = {"provider": telling, "phone": "1", "created_at": now, "next_attempt_at": now}
    old = Subscription.objects.create(status="Unsubscribe", state=Subscription.State.PARKED, **values)
    Subscription.objects.create(status="Resubscribe", state=Subscription.State.DONE, **values)
    assert subscribing.retry([old.pk], now) == 0


def test_what_was_told_is_not_kept_for_ever(telling: Provider) -> None:
    now = timezone.now()
    values = {"provider": telling, "phone": "1", "status": "Unsubscribe", "next_attempt_at": now}
    for state in Subscription.State:
        for days in (29, 31):
            Subscription.objects.create(state=state, created_at=now - timedelta(days=days), **values)
    assert subscribing.forget(now, 30) == 1
    assert Subscription.objects.filter(state=Subscription.State.DONE).count() == 1
    assert Subscription.objects.count() == 5


def test_a_setting_that_was_taken_away(telling: Provider) -> None:
    write(telling, "STOP")
    ingest.drain()
    OptSetting.objects.filter(provider=telling).update(subscribe_url="")
    subscribing.drain()
    row = Subscription.objects.get()
    assert row.state == Subscription.State.PARKED
    assert "no subscribe API any more" in row.error
    Subscription.objects.update(state=Subscription.State.PENDING, error="")
    setting(telling).delete()
    subscribing.drain()
    assert "no subscribe API any more" in Subscription.objects.get().error


def pending(provider: Provider, phone: str = "12125550777", **values: Any) -> Subscription:
    now = timezone.now()
    defaults = {"status": "Unsubscribe", "created_at": now, "next_attempt_at": now}
    return Subscription.objects.create(provider=provider, phone=phone, **defaults | values)


def test_what_another_provider_owes_is_its_own_affair(telling: Provider, simulator: Simulator) -> None:
    """The same number, told at one while the other's API is down."""
    elsewhere = Provider.objects.get(nickname="Elsewhere")
    theirs = pending(elsewhere, status="Resubscribe", next_attempt_at=timezone.now() + timedelta(hours=1))
    ours = pending(telling)
    later = pending(elsewhere, status="Unsubscribe")
    assert subscribing.drain() == 1
    assert told(simulator) == [("+12125550777", "Unsubscribe")]
    states = dict(Subscription.objects.values_list("pk", "state"))
    waiting = Subscription.State.PENDING
    assert states == {theirs.pk: waiting, ours.pk: Subscription.State.DONE, later.pk: waiting}
    Subscription.objects.filter(pk=ours.pk).update(state=Subscription.State.PARKED)
    assert subscribing.retry([ours.pk], timezone.now()) == 1, (
        "only a later one of the same provider overtakes"
    )


@pytest.mark.parametrize(("number", "calls"), [(2, [2]), (3, [3]), (4, [3, 1])])
def test_so_many_are_told_in_a_call(
    telling: Provider, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, number: int, calls: list[int]
) -> None:
    assert subscribing.BATCH == 1000, "as CleverTap allows"
    monkeypatch.setattr(subscribing, "BATCH", 3)
    for n in range(number):
        pending(telling, f"1555010000{n}")
    assert subscribing.drain() == number
    assert [len(record.payload["d"]) for record in simulator.sink] == calls


@pytest.mark.parametrize(("seconds", "state"), [(-60, "PENDING"), (60, "PARKED")])
def test_patience_with_an_api_that_is_down(
    telling: Provider, simulator: Simulator, seconds: int, state: str
) -> None:
    simulator.behaviour.sink_mode = "down"
    told = timezone.now() - timedelta(days=3, seconds=seconds)
    row = pending(telling, created_at=told)
    subscribing.drain()
    row.refresh_from_db()
    assert row.state == Subscription.State[state]


def test_the_waits_between_tries_grow_to_the_last_one() -> None:
    for attempts, seconds in enumerate((5, 30, 300, 1800, 7200, 7200, 7200)):
        assert 0.79 * seconds < subscribing._wait(attempts).total_seconds() < 1.21 * seconds


@pytest.mark.parametrize(("status", "state"), [(400, "PARKED"), (413, "PARKED"), (422, "PARKED"),
                                               (401, "PENDING"), (403, "PENDING"), (429, "PENDING"),
                                               (500, "PENDING")])  # fmt: skip
def test_only_refusals_for_the_content_are_final(
    telling: Provider, endpoint: Endpoint, status: int, state: str
) -> None:
    endpoint.reply = lambda payload: (status, {}, b"no")
    OptSetting.objects.filter(provider=telling).update(subscribe_url=f"{endpoint.url}/1/subscribe")
    row = pending(telling)
    subscribing.drain()
    row.refresh_from_db()
    assert row.state == Subscription.State[state]


def test_the_passcode_is_kept_encrypted(telling: Provider) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT account FROM audience_optsetting")
        assert "secret-passcode" not in cursor.fetchone()[0]
