"""What comes in without being an answer: kept and shown, and nothing follows from it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.utils import timezone

from audience.models import OptSetting, PhoneChoice
from callbacks.forwarding import forward
from callbacks.models import Referral, Reply, Webhook
from callbacks.replies import record
from campaigns.log import message_page
from campaigns.models import Event, Forward, Message
from providers.messages import NO_ANSWERS, ReplyKind
from providers.messages import Referral as Ad
from providers.messages import Reply as Inbound
from providers.models import Provider
from tests.factories import MessageFactory, make_provider

SENDER = "919812345678"
AT = 1767603900


@pytest.fixture
def shop(db: None) -> Provider:
    """A provider that answers strangers and heeds STOP."""
    shop = make_provider(
        auto_reply=True, auto_reply_text="Who is there?", inbound_url="http://127.0.0.1:9/inbound"
    )
    OptSetting.objects.create(provider=shop)
    return shop


@pytest.fixture
def asha(shop: Provider) -> Message:
    """What she got an hour ago."""
    an_hour_ago = timezone.now() - timedelta(hours=1)
    return MessageFactory(provider=shop, to=SENDER, bsp_id="out-1", accepted_at=an_hour_ago)


def comes(provider: Provider, *inbound: Inbound) -> None:
    webhook = Webhook(provider=provider, received_at=timezone.now())
    record.store(provider, [(webhook, each) for each in inbound])


def said(text: str = "Size 40", bsp_id: str = "in-1", **more: object) -> Inbound:
    return msgspec.structs.replace(Inbound("text", SENDER, bsp_id=bsp_id, timestamp=AT, text=text), **more)


def edit(text: str, after: int = 60, bsp_id: str = "in-2", about: str = "in-1") -> Inbound:
    return Inbound("edit", SENDER, bsp_id=bsp_id, timestamp=AT + after, text=text, about_bsp_id=about)


@pytest.mark.parametrize("kind", sorted(NO_ANSWERS))
def test_it_is_kept_and_sets_nothing_off(shop: Provider, asha: Message, kind: ReplyKind) -> None:
    about = Inbound(kind, SENDER, bsp_id="in-1", text="Hello", context_bsp_id=asha.bsp_id)
    stranger = Inbound(kind, "919800000000", bsp_id="in-2", text="Hello")
    comes(shop, about, stranger)
    assert list(Reply.objects.order_by("id").values_list("kind", "forward")) == [(kind, Forward.NONE)] * 2
    assert not Event.objects.filter(kind=Event.Kind.REPLIED).exists()
    assert not Message.objects.filter(to="919800000000").exists(), "no auto-reply"
    assert not forward.due(shop)
    titles = [step.title for step in message_page.message_page(asha, [])["steps"]]
    assert len(titles) == 2, "accepted, and this"
    assert "Answered" not in titles[-1]


@pytest.mark.parametrize("kind", sorted(NO_ANSWERS - {"edit"}))
def test_stop_in_it_stops_nobody(shop: Provider, kind: ReplyKind) -> None:
    comes(shop, Inbound(kind, SENDER, bsp_id="in-1", text="STOP"))
    assert not PhoneChoice.objects.exists()


def test_a_text_is_an_answer(shop: Provider, asha: Message) -> None:
    """The same as above with what does count, so that the tests above can fail."""
    comes(shop, said("STOP", timestamp=0), Inbound("text", "919800000000", bsp_id="in-2", text="Hello"))
    assert Event.objects.get(kind=Event.Kind.REPLIED).message == asha
    assert Message.objects.filter(to="919800000000").exists()
    assert PhoneChoice.objects.get().stopped


# Edits and deletions


def in_any_order(*inbound: Inbound) -> list[Callable[[Provider], None]]:
    def together(provider: Provider) -> None:
        comes(provider, *inbound)

    def one_by_one(provider: Provider) -> None:
        for each in inbound:
            comes(provider, each)

    def backwards(provider: Provider) -> None:
        for each in reversed(inbound):
            comes(provider, each)

    return [together, one_by_one, backwards]


@pytest.mark.parametrize("way", range(3), ids=["together", "one by one", "backwards"])
def test_an_edit_updates_the_text_it_edits(shop: Provider, asha: Message, way: int) -> None:
    told = [said(context_bsp_id=asha.bsp_id), edit("Size 41"), edit("Size 42", after=120, bsp_id="in-3")]
    in_any_order(*told)[way](shop)
    reply = Reply.objects.get(bsp_id="in-1")
    assert (reply.text, reply.first_text) == ("Size 42", "Size 40")
    assert reply.edited_at == datetime.fromtimestamp(AT + 120, UTC)
    assert msgspec.json.decode(reply.content, type=Inbound).text == "Size 42", "this is what is forwarded"
    assert reply.forward == Forward.PENDING
    assert set(Reply.objects.values_list("answers", flat=True)) == {asha.pk}, "all are on her timeline"
    assert Event.objects.filter(kind=Event.Kind.REPLIED).count() == 1


def test_nobody_edits_what_somebody_else_wrote(shop: Provider) -> None:
    comes(shop, said(), Inbound("edit", "919800000000", bsp_id="in-2", text="No", about_bsp_id="in-1"))
    assert Reply.objects.get(bsp_id="in-1").text == "Size 40"


def test_an_edit_at_another_provider_changes_nothing(shop: Provider, other_shop: Provider) -> None:
    comes(shop, said())
    comes(other_shop, edit("Size 41"))
    assert Reply.objects.get(bsp_id="in-1").text == "Size 40"


def test_an_edit_to_stop_stops(shop: Provider) -> None:
    comes(shop, said("Yes"), edit("STOP"))
    choice = PhoneChoice.objects.get()
    assert (choice.stopped, choice.at) == (True, datetime.fromtimestamp(AT + 60, UTC))


@pytest.mark.parametrize("way", range(3), ids=["together", "one by one", "backwards"])
def test_a_deleted_message_is_kept(shop: Provider, way: int) -> None:
    revoked = Inbound("revoke", SENDER, bsp_id="in-2", timestamp=AT + 5, about_bsp_id="in-1")
    in_any_order(said(), revoked)[way](shop)
    reply = Reply.objects.get(bsp_id="in-1")
    assert (reply.text, reply.deleted_at) == ("Size 40", datetime.fromtimestamp(AT + 5, UTC))


# Reactions


def test_a_reaction_is_noted_on_its_message_once(shop: Provider, asha: Message) -> None:
    for number, emoji in enumerate(("👍", "❤️", "")):
        reaction = Inbound(
            "reaction", SENDER, bsp_id=f"in-{number}", timestamp=AT, payload=emoji, context_bsp_id=asha.bsp_id
        )
        comes(shop, reaction)
    event = Event.objects.get()
    assert (event.kind, event.text, event.message, event.forward) == (
        Event.Kind.REACTED, "👍", asha, Forward.NONE,
    )  # fmt: skip
    assert Reply.objects.filter(answers=asha).count() == 3


def test_a_removed_reaction_alone_is_none(shop: Provider, asha: Message) -> None:
    comes(shop, Inbound("reaction", SENDER, bsp_id="in-1", context_bsp_id=asha.bsp_id))
    assert not Event.objects.exists()


def test_a_message_may_come_after_the_history_that_holds_it(shop: Provider, asha: Message) -> None:
    comes(shop, Inbound("history", SENDER, bsp_id="in-1", text="Size 40"))
    comes(shop, said())
    assert list(Reply.objects.order_by("id").values_list("kind", flat=True)) == ["history", "text"]


# What a message came from


def test_the_ad_is_kept_in_a_row_of_its_own(shop: Provider, asha: Message) -> None:
    ad = Ad("ad", "120", "https://fb.example.test/1", "Shoes", "All sizes", "", "ARAkLkA8")
    comes(shop, said(context_bsp_id=asha.bsp_id, referral=ad), said(bsp_id="in-2"))
    kept = Referral.objects.get()
    assert (kept.reply.bsp_id, kept.source_type, kept.source_id, kept.source_url) == (
        "in-1", "ad", "120", "https://fb.example.test/1",
    )  # fmt: skip
    assert (kept.headline, kept.body, kept.click_id) == ("Shoes", "All sizes", "ARAkLkA8")
    steps = message_page.message_page(asha, [])["steps"]
    answer = next(step for step in steps if step.title.startswith("Answered"))
    assert ("From ad", "ad 120") in answer.facts
