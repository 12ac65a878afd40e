"""What goes by its age, what stays, and how a run is bounded, taken up again and reported on."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from audience import tasks as audience_tasks
from audience.models import Contact, PhoneChoice, Upload, UploadError
from broadcasts.models import Broadcast, Recipient
from callbacks import audit
from callbacks import tasks as callbacks_tasks
from callbacks.models import ForwardCall, Media, Reply, Webhook
from campaigns.models import Attempt, Event, Forward, Message, Refusal, StatCount, Status
from identities import known, pseudonyms
from privacy import tasks
from privacy.models import Hold, RetentionRun, RetentionSetting
from privacy.retention import holds, recipients, report, run
from privacy.retention.pace import LIMIT, Pace
from providers.messages import Identity
from providers.models import Provider
from stats.query import breakdowns
from stats.query.filters import parse
from tests.admin.conftest import inbound, webhook
from tests.broadcasts.conftest import add, launched, make_broadcast
from tests.factories import make_provider
from tests.stats.conftest import accepted, refused, replied, reported, submitted

pytestmark = pytest.mark.django_db
NUMBER, USER_ID, OTHER = "919876512340", "IN.abc12345678", "919876500000"
NONE = {f"{name}_RETENTION_DAYS": 0 for name in ("WEBHOOK", "BODY", "NUMBER", "MESSAGE", "CONTACT")}


@pytest.fixture(autouse=True)
def _for_ever(settings: Any) -> None:
    for name, days in NONE.items():
        setattr(settings, name, days)


def old(provider: Provider, days: int = 100, **values: Any) -> Message:
    """A message with every kind of report."""
    at = timezone.now() - timedelta(days=days)
    message = accepted(provider, at, payload='{"secret": 1}', **values)
    submitted(message, request='{"body": "secret"}', response_body="secret", text=f"to {message.to}")
    reported(message, "sent", "delivered", "read")
    reported(message, "clicked", url="https://s.example/a?x=secret")
    replied(message)
    message.refresh_from_db()
    return message


def command(*argv: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("retention", "run", *argv, "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def taken(**settings: int) -> dict[str, int]:
    found: dict[str, int] = command()["taken"]
    return found


def problems() -> list[str]:
    return [f"{each.check}: {each.examples}" for each in audit.run() if each.problems]


def test_by_the_defaults_of_this_test_nothing_goes(provider: Provider) -> None:
    old(provider)
    assert taken() == {}


def test_bodies_go_and_the_rest_of_the_message_stays(provider: Provider, settings: Any) -> None:
    settings.BODY_RETENTION_DAYS = 90
    message, young = old(provider, to=NUMBER), old(provider, days=80)
    refused(provider, at=timezone.now() - timedelta(days=100))
    assert taken() == {"bodies: campaigns.Message": 1, "bodies: campaigns.Refusal": 1}
    message.refresh_from_db()
    young.refresh_from_db()
    assert (message.payload, message.to, message.template) == ("", NUMBER, "welcome")
    assert (young.payload, Refusal.objects.get().payload) == ('{"secret": 1}', "")
    assert Attempt.objects.get(message=message).request == ""
    assert problems() == []


def test_numbers_become_keyed_hashes_and_people_can_be_counted(provider: Provider, settings: Any) -> None:
    settings.NUMBER_RETENTION_DAYS = 90
    for to in (NUMBER, NUMBER, OTHER):
        old(provider, to=to)
    inbound(provider, NUMBER, forward=Forward.DONE, received_at=timezone.now() - timedelta(days=91))
    taken()
    assert set(Message.objects.values_list("to", flat=True)) == {*map(pseudonyms.of, (NUMBER, OTHER))}
    assert Message.objects.values("person").distinct().count() == 2
    reply = Reply.objects.get()
    assert (reply.sender, reply.text) == (pseudonyms.of(NUMBER), "")
    rows = [*Message.objects.values(), *Attempt.objects.values(), *Event.objects.values()]
    assert NUMBER not in str([*rows, *Reply.objects.values()])
    assert problems() == []


def test_whole_messages_go_their_figures_stay_and_the_audit_knows(provider: Provider, settings: Any) -> None:
    settings.MESSAGE_RETENTION_DAYS = 90
    for days in (200, 150, 10):
        old(provider, days=days)
    before = figures(provider)
    assert taken() == {"messages: campaigns.Message": 2}
    assert Message.objects.count() == 1
    assert figures(provider) == before
    assert before["accepted"] == 3
    assert problems() == []
    assert any(name.startswith("first day that messages") for name in audit.totals())


def test_the_audit_still_proves_what_is_younger(provider: Provider, settings: Any) -> None:
    settings.MESSAGE_RETENTION_DAYS = 90
    old(provider, days=200)
    young = old(provider, days=10)
    taken()
    young.delete()
    assert any("accepted on" in each for each in problems())


def figures(provider: Provider) -> dict[str, int]:
    found = breakdowns.totals(parse({"range": "all"}, timezone.now()))
    return {name: getattr(found, name) for name in ("accepted", "delivered", "viewed")}


def test_webhooks_that_nobody_could_read_stay(provider: Provider, settings: Any) -> None:
    settings.WEBHOOK_RETENTION_DAYS = 30
    for state in Webhook.State:
        webhook(provider, state=state, received_at=timezone.now() - timedelta(days=31))
    taken()
    gone = {Webhook.State.DONE, Webhook.State.UNMATCHED, Webhook.State.NOT_OURS}
    assert set(Webhook.objects.values_list("state", flat=True)) == set(Webhook.State) - gone


def test_a_provider_may_have_days_of_its_own(settings: Any) -> None:
    settings.BODY_RETENTION_DAYS = 90
    shop, bank = make_provider(), make_provider()
    RetentionSetting.objects.create(provider=bank, bodies=0)
    kept, gone = old(bank), old(shop)
    taken()
    kept.refresh_from_db()
    gone.refresh_from_db()
    assert (kept.payload, gone.payload) == ('{"secret": 1}', "")


@pytest.mark.parametrize("by", ["provider", "campaign", "number"])
def test_what_is_held_stays_until_the_hold_ends(provider: Provider, settings: Any, by: str) -> None:
    settings.MESSAGE_RETENTION_DAYS = 90
    held = old(provider, to=NUMBER, campaign="held")
    other = old(make_provider(), to=OTHER)
    named = {
        "provider": {"provider": provider},
        "campaign": {"campaign": "held"},
        "number": {"number": NUMBER},
    }
    hold = Hold.objects.create(reason="a letter", **named[by])
    taken()
    assert list(Message.objects.all()) == [held]
    assert not Message.objects.filter(pk=other.pk).exists()
    hold.delete()
    holds.ended()
    taken()
    assert not Message.objects.exists()


@pytest.mark.parametrize("held_by", [USER_ID, NUMBER])
def test_what_somebody_wrote_is_held_whichever_name_it_came_with(
    provider: Provider, settings: Any, held_by: str
) -> None:
    settings.NUMBER_RETENTION_DAYS = 90
    known.learn([Identity(phone=NUMBER, user_id=USER_ID)])
    at = timezone.now() - timedelta(days=91)
    for sender, user_id in ((NUMBER, ""), ("", USER_ID), ("", "IN.another123")):
        inbound(provider, sender, user_id=user_id, forward=Forward.DONE, received_at=at)
    Hold.objects.create(number=held_by, reason="a letter")
    taken()
    assert [reply.text for reply in Reply.objects.order_by("pk")] == ["Here it is", "Here it is", ""]


def test_a_number_is_held_in_raw_webhooks_too(provider: Provider, settings: Any) -> None:
    settings.WEBHOOK_RETENTION_DAYS = 30
    at = timezone.now() - timedelta(days=31)
    kept = webhook(provider, state=2, body=f"+{NUMBER}".encode(), received_at=at)
    webhook(provider, state=2, body=b"other", received_at=at)
    Hold.objects.create(number=NUMBER, reason="a letter")
    found = command()
    assert (found["taken"], found["held"]) == (
        {"webhooks: callbacks.Webhook": 1}, {"webhooks: callbacks.Webhook": 1},
    )  # fmt: skip
    assert list(Webhook.objects.all()) == [kept]


def test_a_hold_on_somebody_erased_stops_nothing_else(provider: Provider, settings: Any) -> None:
    settings.WEBHOOK_RETENTION_DAYS = 30
    webhook(provider, state=2, received_at=timezone.now() - timedelta(days=31))
    Hold.objects.create(number=pseudonyms.of(NUMBER), reason="a letter")
    assert command("--dry-run")["due"][0]["rows"] == 1
    assert taken() == {"webhooks: callbacks.Webhook": 1}


def test_what_is_still_to_be_sent_or_reported_stays(provider: Provider, settings: Any) -> None:
    settings.MESSAGE_RETENTION_DAYS = 90
    Provider.objects.update(delivery_url="https://clevertap.example/dlr")
    accepted(provider, timezone.now() - timedelta(days=100))
    owed = old(provider)
    assert owed.events.filter(forward=Forward.PENDING).exists()
    assert taken() == {}
    assert Message.objects.count() == 2


def test_contacts_without_consent_go_and_their_stops_stay(provider: Provider, settings: Any) -> None:
    settings.CONTACT_RETENTION_DAYS = 365
    add("asha", phone=f"+{NUMBER}", opted_in=False)
    add("ben", phone=f"+{OTHER}")
    Contact.objects.update(updated_at=timezone.now() - timedelta(days=366), dnd=True)
    assert taken() == {"contacts: audience.Contact": 1}
    assert Contact.objects.get().identity == "ben"
    assert PhoneChoice.objects.get().phone == pseudonyms.of(NUMBER)


def test_a_dry_run_says_what_would_go(provider: Provider, settings: Any) -> None:
    settings.BODY_RETENTION_DAYS = 90
    old(provider)
    due = [{"kind": "bodies: campaigns.Message", "provider": provider.nickname, "rows": 1, "more": False}]
    assert command("--dry-run") == {"due": due}
    assert not RetentionRun.objects.exists()
    assert Message.objects.get().payload
    taken()
    assert report.due(timezone.now()) == {"due": []}


def test_upkeep_does_it_once_a_day(provider: Provider, settings: Any) -> None:
    settings.BODY_RETENTION_DAYS = 90
    message = old(provider)
    tasks.upkeep()
    message.refresh_from_db()
    assert message.payload == ""
    tasks.upkeep()
    assert RetentionRun.objects.count() == 1
    RetentionRun.objects.update(started_at=timezone.now() - timedelta(days=2))
    tasks.upkeep()
    assert RetentionRun.objects.count() == 2


def test_a_run_is_bounded_and_taken_up_where_it_ended(provider: Provider, settings: Any) -> None:
    settings.BODY_RETENTION_DAYS = 90
    for _ in range(25):
        old(provider)
    first = RetentionRun.start(timezone.now())
    assert first is not None
    assert not run.work(first, seconds=0.0)
    left = Message.objects.exclude(payload="").count()
    assert 0 < left < 25
    again = RetentionRun.begin(timezone.now(), run.EVERY)
    assert again is not None
    assert run.work(again)
    again.refresh_from_db()
    assert again.counts == {"bodies: campaigns.Message": 25}
    assert not Message.objects.exclude(payload="").exists()


def test_a_worker_that_lost_its_run_stops(provider: Provider, settings: Any) -> None:
    settings.BODY_RETENTION_DAYS = 90
    old(provider)
    lost = RetentionRun.start(timezone.now())
    assert lost is not None
    with pytest.raises(CommandError, match="A worker runs it already"):
        command()
    RetentionRun.objects.update(next_step_at=timezone.now())
    assert RetentionRun.begin(timezone.now(), run.EVERY) is not None
    assert not run.work(lost)
    lost.refresh_from_db()
    assert lost.state == RetentionRun.State.OPEN


def test_steps_become_as_large_as_the_limit_allows() -> None:
    pace = Pace("sqlite")
    for _ in range(20):
        pace.took(pace.rows, 0.01 * pace.rows)
    assert 100 < pace.rows < 500
    pace.took(pace.rows, LIMIT["sqlite"])  # the disk is slow now
    assert pace.took(pace.rows, 0.01 * pace.rows) < LIMIT["sqlite"] / 1000
    assert pace.longest_ms == LIMIT["sqlite"]


def test_recipients_of_hidden_messages_have_no_number(provider: Provider, settings: Any) -> None:
    settings.NUMBER_RETENTION_DAYS = 90
    add("asha", phone=f"+{NUMBER}")
    launched(make_broadcast(provider))
    message = Message.objects.get()
    Message.objects.update(accepted_at=timezone.now() - timedelta(days=91), status=70)
    taken()
    message.refresh_from_db()
    assert Recipient.objects.get().phone == message.to == pseudonyms.of(NUMBER)


def broadcast_of(provider: Provider, days: int, **values: Any) -> Broadcast:
    """One that ended so many days ago: a message to Asha, and Ben, who was left out."""
    add("asha", phone=f"+{NUMBER}")
    add("ben", phone=f"+{OTHER}", opted_in=False)
    made = launched(make_broadcast(provider, **values))
    at = timezone.now() - timedelta(days=days)
    Message.objects.filter(campaign=made.code).update(status=Status.UNKNOWN, accepted_at=at)
    Recipient.objects.filter(broadcast=made).update(planned_at=at)
    Recipient.objects.filter(broadcast=made, state=Recipient.State.QUEUED).update(decided_at=at)
    Broadcast.objects.filter(pk=made.pk).update(finished_at=at)
    StatCount.objects.filter(campaign=made.code).update(minute=at)
    made.refresh_from_db()
    return made


def test_numbers_of_recipients_without_a_message_are_hidden_too(provider: Provider, settings: Any) -> None:
    settings.NUMBER_RETENTION_DAYS = 90
    made = broadcast_of(provider, 91)
    Recipient.objects.update(detail="something about somebody")
    assert recipients.NUMBERS in [each["kind"] for each in command("--dry-run")["due"]]
    assert taken()[recipients.NUMBERS] == 1
    hidden = {pseudonyms.of(NUMBER), pseudonyms.of(OTHER)}
    assert set(Recipient.objects.values_list("phone", "detail")) == {(each, "") for each in hidden}
    assert taken() == {}
    made.refresh_from_db()
    assert made.numbers_hidden
    assert problems() == []


def test_recipients_go_with_the_age_of_their_broadcast_and_its_figures_stay(
    provider: Provider, settings: Any, admin_client: Client
) -> None:
    settings.MESSAGE_RETENTION_DAYS = 90
    made, young = broadcast_of(provider, 91), broadcast_of(provider, 30)
    due = {(each["kind"], each["rows"]) for each in command("--dry-run")["due"]}
    assert due == {(recipients.MESSAGES, 2), ("messages: campaigns.Message", 1)}
    assert taken() == {recipients.MESSAGES: 2, "messages: campaigns.Message": 1}
    assert set(Recipient.objects.values_list("broadcast", flat=True)) == {young.pk}
    made.refresh_from_db()
    assert (made.recipients, made.queued, made.excluded) == (2, 1, 1)
    assert problems() == []
    pages = [f"/admin/broadcasts/broadcast/{each.pk}/progress/" for each in (made, young)]
    assert ["because of its age" in admin_client.get(page).content.decode() for page in pages] == [
        True,
        False,
    ]


def test_what_is_left_of_a_broadcast_is_still_recounted(provider: Provider, settings: Any) -> None:
    settings.MESSAGE_RETENTION_DAYS = 90
    broadcast_of(provider, 91)
    young = broadcast_of(provider, 30)
    taken()
    Recipient.objects.filter(broadcast=young, reason="not_opted_in").delete()
    assert any(f"broadcast {young.pk}: excluded 1, rows say 0" in each for each in problems())


@pytest.mark.parametrize("state", ["running", "paused"])
def test_recipients_of_a_broadcast_that_is_not_over_stay(
    provider: Provider, settings: Any, state: str
) -> None:
    settings.MESSAGE_RETENTION_DAYS = 90
    made = broadcast_of(provider, 91)
    Broadcast.objects.filter(pk=made.pk).update(state=state, finished_at=None)
    assert taken() == {"messages: campaigns.Message": 1}
    assert Recipient.objects.count() == 2
    assert problems() == []


@pytest.mark.parametrize("by", ["provider", "campaign", "number"])
def test_recipients_that_are_held_stay_until_the_hold_ends(
    provider: Provider, settings: Any, by: str
) -> None:
    settings.MESSAGE_RETENTION_DAYS = settings.NUMBER_RETENTION_DAYS = 90
    held, other = broadcast_of(provider, 91), broadcast_of(make_provider(), 91)
    named = {
        "provider": {"provider": provider},
        "campaign": {"campaign": held.code},
        "number": {"number": OTHER},
    }
    hold = Hold.objects.create(reason="a letter", **named[by])
    taken()
    kept = set(Recipient.objects.values_list("broadcast", "phone"))
    if by == "number":
        assert kept == {(held.pk, OTHER), (other.pk, OTHER)}
    else:
        assert kept == {(held.pk, NUMBER), (held.pk, OTHER)}
    assert problems() == []
    hold.delete()
    holds.ended()
    taken()
    assert not Recipient.objects.exists()
    assert problems() == []


def test_calls_to_clevertap_go_with_the_messages(provider: Provider, settings: Any) -> None:
    settings.BODY_RETENTION_DAYS = 90
    at = timezone.now() - timedelta(days=91)
    about = {"provider": provider, "kind": "delivery", "started_at": at, "url": "https://clevertap.example"}
    call = ForwardCall.objects.create(**about, body="secret", answer="secret", status=200)
    taken()
    call.refresh_from_db()
    assert (call.body, call.answer, call.status) == ("", "", 200)


def test_nothing_of_0_days_goes_by_the_upkeep_of_the_apps_either(provider: Provider, settings: Any) -> None:
    settings.MEDIA_RETENTION_DAYS = settings.AUDIENCE_RETENTION_DAYS = 0
    at = timezone.now() - timedelta(days=3_000)
    media = Media(reply=inbound(provider, NUMBER, received_at=at), next_attempt_at=at)
    media.file.save("1", ContentFile(b"a picture"))
    row = UploadError.objects.create(upload=Upload.objects.create(), line=2, refused=True, reason="no phone")
    Upload.objects.update(created_at=at, state=Upload.State.DONE)
    callbacks_tasks.upkeep()
    audience_tasks.upkeep()
    assert (Media.objects.get(), UploadError.objects.get()) == (media, row)
