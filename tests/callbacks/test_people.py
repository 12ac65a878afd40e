"""People whom WhatsApp names by a user id, with or without their number."""

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from audience import opting
from audience.models import OptChange, OptSetting, PhoneChoice
from callbacks.forwarding import forward
from callbacks.forwarding.owed import Replies
from callbacks.models import Reply, Webhook
from callbacks.webhooks import ingest
from campaigns.models import Event, Forward, Message, Once
from identities import known
from identities.models import Person
from providers.messages import Identity
from providers.models import Provider
from tests.callbacks import meta
from tests.factories import MessageFactory

PHONE, USER_ID, PARENT_ID = "34600111222", "ES.77aa88bb99", "ES.ENT.5511aa"
NEW_PHONE, NEW_ID = "34600999888", "ES.00ff11ee22"

BEFORE = datetime.fromtimestamp(1795980000, UTC)  # the messages of the cases are an hour younger

WITH_NUMBER = "identity_number_and_user_id"
WITHOUT_NUMBER = "identity_without_a_number"


@pytest.fixture
def shop(db: None) -> Provider:
    opting.forget()
    provider = meta.number(inbound_url="https://ct.example.test/inbound")
    OptSetting.objects.create(provider=provider)
    return provider


def told(shop: Provider, *case_names: str) -> list[Webhook]:
    return [meta.post(shop, meta.payload(case)) for case in case_names]


def forwarded(shop: Provider) -> list[dict[str, Any]]:
    """What goes to CleverTap next."""
    return [item.payload for item in Replies(shop).take().items]


def test_a_known_person_is_told_as_if_the_number_had_been_there(shop: Provider) -> None:
    row = MessageFactory(provider=shop, to=PHONE, accepted_at=BEFORE)
    told(shop, WITH_NUMBER, WITHOUT_NUMBER)
    reply = Reply.objects.latest("id")
    assert (reply.sender, reply.user_id, reply.text) == (PHONE, USER_ID, "STOP")
    assert [each["from"] for each in forwarded(shop)] == [PHONE, PHONE]
    assert Event.objects.filter(message=row, kind=Event.Kind.REPLIED).exists()
    assert PhoneChoice.objects.get().phone == PHONE
    assert PhoneChoice.objects.get().stopped


def test_an_unknown_person_is_kept_until_the_number_is_learnt(shop: Provider) -> None:
    (webhook,) = told(shop, WITHOUT_NUMBER)
    reply = Reply.objects.get()
    assert (webhook.summary, reply.sender, reply.user_id) == ("1 inbound message", "", USER_ID)
    assert Forward(reply.forward) == Forward.NO_NUMBER
    assert forwarded(shop) == []
    assert not PhoneChoice.objects.exists()
    assert list(OptChange.objects.values_list("user_id", "phone", "to")) == [(USER_ID, "", "stop")]

    told(shop, WITH_NUMBER)
    reply.refresh_from_db()
    assert (reply.sender, Forward(reply.forward)) == (PHONE, Forward.PENDING)
    assert [(each["from"], each["text"]["body"]) for each in forwarded(shop)] == [
        (PHONE, "STOP"),
        (PHONE, "Hola"),
    ]
    assert list(PhoneChoice.objects.values_list("phone", "stopped")) == [(PHONE, True)]
    assert list(OptChange.objects.values_list("user_id", "phone")) == [(USER_ID, PHONE)]


def preference(value: str = "stop", **ids: str) -> dict[str, Any]:
    """A webhook about somebody's own choice in WhatsApp, named by these ids alone."""
    payload: dict[str, Any] = meta.payload(WITHOUT_NUMBER)
    change = payload["entry"][0]["changes"][0]
    change["field"] = "user_preferences"
    told = {**ids, "category": "marketing_messages", "value": value, "timestamp": 1795983200}
    change["value"] = {"metadata": change["value"]["metadata"], "user_preferences": [told]}
    return payload


def test_whatsapps_own_stop_of_a_known_person_counts_for_the_number(shop: Provider) -> None:
    told(shop, WITH_NUMBER)
    meta.post(shop, preference(user_id=USER_ID))
    assert list(PhoneChoice.objects.values_list("phone", "kind", "stopped")) == [(PHONE, "whatsapp", True)]


def test_whatsapps_own_stop_of_an_unknown_person_waits_for_the_number(shop: Provider) -> None:
    for _ in range(2):
        meta.post(shop, preference(user_id=USER_ID))
    assert not PhoneChoice.objects.exists()
    assert list(OptChange.objects.values_list("user_id", "phone", "why")) == [(USER_ID, "", "whatsapp")]

    told(shop, WITH_NUMBER)
    assert list(PhoneChoice.objects.values_list("phone", "kind", "stopped")) == [(PHONE, "whatsapp", True)]
    assert OptChange.objects.get().phone == PHONE


def test_the_stop_of_a_person_without_a_number_is_shown(shop: Provider) -> None:
    told(shop, "identity_without_a_number")
    [reply] = Reply.objects.all()
    shown = StringIO()
    meta.post(shop, preference(user_id=reply.user_id))
    call_command("audience", "show", reply.user_id, "--json", stdout=shown)
    found = json.loads(shown.getvalue())
    assert (found["phone"], found["user_ids"]) == ("", [reply.user_id])
    assert {stop["kind"] for stop in found["stops"]} == {"typed", "whatsapp"}


def test_whatsapps_own_stop_follows_a_changed_number(shop: Provider) -> None:
    meta.post(shop, preference(wa_id=PHONE))
    told(shop, "identity_changed_number")
    stopped = PhoneChoice.objects.filter(kind="whatsapp", stopped=True)
    assert set(stopped.values_list("phone", flat=True)) == {PHONE, NEW_PHONE}


@pytest.mark.parametrize(
    "teacher", ["identity_status_with_number_and_user_id", "identity_answer_to_a_contact_request"]
)
def test_whatever_names_both_teaches_the_number(shop: Provider, teacher: str) -> None:
    told(shop, WITHOUT_NUMBER, teacher)
    assert known.numbers([USER_ID]) == {USER_ID: PHONE}
    assert {each["from"] for each in forwarded(shop)} == {PHONE}


def test_a_contact_shared_by_hand_teaches_nothing(shop: Provider) -> None:
    told(shop, "identity_contact_shared_by_hand_is_anybodys")
    assert known.numbers([USER_ID]) == {}
    assert not Person.objects.filter(phone__gt="").exists()


def test_an_answer_is_credited_once_the_number_is_learnt(shop: Provider) -> None:
    row = MessageFactory(provider=shop, to=PHONE, accepted_at=BEFORE)
    told(shop, WITHOUT_NUMBER)
    assert not Event.objects.exists()
    told(shop, "identity_status_with_number_and_user_id")
    assert Event.objects.get(message=row).kind == Event.Kind.REPLIED


def test_a_setting_lets_the_user_id_go_to_clevertap(shop: Provider) -> None:
    shop.stored_quirks = {"from_user_id": True}
    shop.save()
    told(shop, "identity_with_empty_number_and_null")
    assert [each["from"] for each in forwarded(shop)] == [USER_ID]


def test_what_waits_goes_out_by_itself_once_the_setting_is_on(shop: Provider) -> None:
    told(shop, WITHOUT_NUMBER)
    assert not forward.due(shop)
    shop.stored_quirks = {"from_user_id": True}
    shop.save()
    assert forward.due(shop)
    assert [each["from"] for each in forwarded(shop)] == [USER_ID]


def test_the_setting_switched_off_again_changes_nothing_for_what_is_gone(shop: Provider) -> None:
    shop.stored_quirks = {"from_user_id": True}
    shop.save()
    told(shop, WITHOUT_NUMBER)
    Reply.objects.update(forward=Forward.DONE)
    shop.stored_quirks = {}
    shop.save()
    told(shop, "identity_with_empty_number_and_null")
    assert forwarded(shop) == []
    assert list(Reply.objects.order_by("id").values_list("forward", flat=True)) == [
        Forward.DONE,
        Forward.NO_NUMBER,
    ]


def test_what_went_by_user_id_gets_its_sender_and_is_not_told_again(shop: Provider) -> None:
    row = MessageFactory(provider=shop, to=PHONE, accepted_at=BEFORE)
    told(shop, WITHOUT_NUMBER)
    Reply.objects.update(forward=Forward.DONE)
    told(shop, "identity_status_with_number_and_user_id")
    assert list(Reply.objects.values_list("sender", "forward")) == [(PHONE, Forward.DONE)]
    assert Event.objects.get(message=row).kind == Event.Kind.REPLIED


def test_what_is_no_answer_gets_its_sender_too(shop: Provider) -> None:
    reaction = meta.payload(WITHOUT_NUMBER)
    reaction["entry"][0]["changes"][0]["value"]["messages"][0] |= {
        "type": "reaction",
        "reaction": {"message_id": "wamid.OUT1", "emoji": "👍"},
    }
    MessageFactory(provider=shop, to=PHONE, accepted_at=BEFORE)
    meta.post(shop, reaction)
    assert list(Reply.objects.values_list("kind", "sender")) == [("reaction", "")]
    told(shop, "identity_status_with_number_and_user_id")
    assert list(Reply.objects.values_list("kind", "sender", "forward")) == [("reaction", PHONE, Forward.NONE)]
    assert not Event.objects.filter(kind=Event.Kind.REPLIED).exists()


def test_a_changed_number_takes_everything_along(shop: Provider) -> None:
    told(shop, WITH_NUMBER, WITHOUT_NUMBER)
    row = MessageFactory(provider=shop, to=PHONE, accepted_at=BEFORE)
    told(shop, "identity_changed_number")
    assert known.numbers([USER_ID, NEW_ID]) == {USER_ID: NEW_PHONE, NEW_ID: NEW_PHONE}
    assert known.all_names([NEW_PHONE])[NEW_PHONE] == {PHONE, NEW_PHONE, USER_ID, NEW_ID, PARENT_ID}
    assert dict(PhoneChoice.objects.values_list("phone", "stopped")) == {PHONE: True, NEW_PHONE: True}
    assert OptChange.objects.filter(phone=NEW_PHONE, why=OptChange.Why.NUMBER).count() == 1

    answer = meta.payload(WITHOUT_NUMBER)
    value = answer["entry"][0]["changes"][0]["value"]
    value["contacts"] = []
    value["messages"][0] = {
        "from_user_id": NEW_ID,
        "id": "wamid.NEW",
        "timestamp": "1795984000",
        "type": "text",
        "text": {"body": "From my new number"},
    }
    meta.post(shop, answer)
    assert Reply.objects.latest("id").sender == NEW_PHONE
    assert Event.objects.filter(message=row, kind=Event.Kind.REPLIED).exists()


def test_a_changed_number_told_twice_changes_nothing_more(shop: Provider) -> None:
    told(shop, WITH_NUMBER, WITHOUT_NUMBER, "identity_changed_number", "identity_changed_number")
    assert OptChange.objects.filter(why=OptChange.Why.NUMBER).count() == 1
    assert Person.objects.count() == 1


def test_a_late_report_with_the_former_number_changes_nothing(shop: Provider) -> None:
    told(shop, WITH_NUMBER, "identity_changed_number", "identity_status_with_number_and_user_id")
    assert known.numbers([USER_ID, NEW_ID]) == {USER_ID: NEW_PHONE, NEW_ID: NEW_PHONE}


def test_a_stop_from_the_former_number_follows_too(shop: Provider) -> None:
    told(shop, WITH_NUMBER, "identity_changed_number")
    late = meta.payload(WITH_NUMBER)
    late["entry"][0]["changes"][0]["value"]["messages"][0] |= {"id": "wamid.L", "text": {"body": "Stop"}}
    meta.post(shop, late)
    assert PhoneChoice.objects.get(phone=NEW_PHONE).stopped


def test_a_former_number_that_somebody_else_has_now(shop: Provider) -> None:
    told(shop, WITH_NUMBER, "identity_changed_number")
    known.learn([Identity(PHONE, "ES.somebodyelse")])
    assert known.numbers([USER_ID, "ES.somebodyelse"]) == {USER_ID: NEW_PHONE, "ES.somebodyelse": PHONE}
    assert known.all_names([NEW_PHONE])[NEW_PHONE] == {NEW_PHONE, USER_ID, NEW_ID}


def test_the_parts_of_one_person_come_together(shop: Provider) -> None:
    """The user id and the number are each told with the parent id, before they are told together."""
    known.learn([Identity("", USER_ID, PARENT_ID)])
    known.learn([Identity(PHONE, "ES.otherbusiness")])
    assert known.numbers([USER_ID]) == {}
    learnt = known.learn([Identity(PHONE, "", PARENT_ID)])
    assert known.numbers([USER_ID, "ES.otherbusiness"]) == {USER_ID: PHONE, "ES.otherbusiness": PHONE}
    assert learnt.numbers[USER_ID] == PHONE
    assert Person.objects.count() == 1


def test_one_batch_may_tell_of_a_person_several_times(shop: Provider) -> None:
    told_at_once = [Identity(PHONE, USER_ID), Identity("", USER_ID, PARENT_ID), Identity(PHONE, NEW_ID)]
    known.learn(told_at_once)
    assert known.numbers([USER_ID, PARENT_ID, NEW_ID]) == dict.fromkeys([USER_ID, PARENT_ID, NEW_ID], PHONE)
    assert known.user_ids(PHONE) == [USER_ID, PARENT_ID, NEW_ID]


def test_a_changed_user_id_keeps_the_number(shop: Provider) -> None:
    told(shop, WITH_NUMBER, "identity_changed_user_id")
    assert known.numbers([USER_ID, NEW_ID]) == {USER_ID: PHONE, NEW_ID: PHONE}


def test_a_stranger_without_a_number_gets_the_auto_reply_once(shop: Provider) -> None:
    shop.auto_reply, shop.auto_reply_text = True, "Thanks for writing."
    shop.save()
    told(shop, WITHOUT_NUMBER, "identity_with_empty_number_and_null", WITH_NUMBER)
    assert [message.to for message in Message.objects.all()] == [USER_ID]


def test_words_of_nobody_are_kept(shop: Provider) -> None:
    nameless = meta.payload(WITHOUT_NUMBER)
    value = nameless["entry"][0]["changes"][0]["value"]
    value["contacts"] = []
    value["messages"] = [{"id": "wamid.N", "timestamp": "1795983100", "type": "text", "text": {"body": "Hi"}}]
    meta.post(shop, nameless)
    reply = Reply.objects.get()
    assert (reply.sender, reply.user_id, reply.text) == ("", "", "Hi")
    assert Forward(reply.forward) == Forward.NO_NUMBER


def test_what_an_earlier_version_dropped_is_read_again(shop: Provider) -> None:
    (webhook,) = told(shop, WITHOUT_NUMBER)
    Reply.objects.all().delete()
    Once.objects.all().delete()
    Webhook.objects.update(summary="1 unhandled no_phone_number")
    out = StringIO()
    call_command("webhooks", "reread", stdout=out)
    ingest.drain()
    assert out.getvalue() == "1 webhook will be read again.\n"
    assert Reply.objects.get().text == "STOP"
    webhook.refresh_from_db()
    assert webhook.summary == "1 inbound message"


def test_inbound_messages_are_listed(shop: Provider) -> None:
    told(shop, WITHOUT_NUMBER)
    out = StringIO()
    call_command("inbound", "list", "--provider", shop.nickname, "--json", stdout=out)
    (row,) = json.loads(out.getvalue())
    assert row.pop("received_at") == Reply.objects.get().received_at.isoformat()
    assert row == {
        "provider": shop.nickname,
        "from": "",
        "user_id": USER_ID,
        "kind": "text",
        "text": "STOP",
        "state": "no number yet",
        "answers": "",
    }


@pytest.mark.parametrize("who", [f"+{PHONE}", USER_ID, NEW_ID, "ana.m", "@Ana.M"])
def test_the_inbound_messages_of_one_person_are_listed(shop: Provider, who: str) -> None:
    told(shop, WITHOUT_NUMBER)
    known.learn([Identity(PHONE, USER_ID, username="ana.m"), Identity(PHONE, NEW_ID)])
    other = meta.payload(WITH_NUMBER)
    other["entry"][0]["changes"][0]["value"]["contacts"] = []
    other["entry"][0]["changes"][0]["value"]["messages"][0] |= {"from": "15550100001", "from_user_id": "US.1"}
    meta.post(shop, other)
    out = StringIO()
    call_command("inbound", "list", "--from", who, "--json", stdout=out)
    assert [row["text"] for row in json.loads(out.getvalue())] == ["STOP"]


def test_a_username_is_kept_without_a_number_and_changes(shop: Provider) -> None:
    known.learn([Identity("", USER_ID, username="ana.m")])
    known.learn([Identity("", USER_ID, username="ana.new")])
    assert known.who("ana.new") == {USER_ID}
    assert known.who("ana.m") == set()
    assert known.learn([Identity(PHONE, USER_ID)]).numbers == {USER_ID: PHONE}
    assert known.who("@ana.new") == {USER_ID, PHONE}
