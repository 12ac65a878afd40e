"""Erasing a person: what is deleted, what stays, and what it waits for."""

import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Entry
from audience import opting, profiles, writing
from audience.models import Contact, OptChange, PhoneChoice
from callbacks import audit
from callbacks.models import ForwardCall, Media, Reply, Webhook
from campaigns.ledger import ledger
from campaigns.models import Event, Forward, Message, Status
from config.management.commands import restore
from identities import known, pseudonyms
from privacy import erasing, finding, mentions, receipt, restored
from privacy.management.commands import person
from privacy.models import Erasure, Hold
from providers.messages import Identity
from providers.models import Provider
from stats.models import Report
from tests.admin.conftest import failed, inbound, webhook
from tests.broadcasts.conftest import SOURCE, add, launched, make_broadcast
from tests.stats.conftest import accepted, replied, reported, submitted

pytestmark = pytest.mark.django_db
NUMBER, USER_ID, OTHER = "919876512340", "IN.abc12345678", "919876500000"
BRAZILIAN = "5511987654321"


def erase(number: str = NUMBER) -> Erasure:
    entered = erasing.start(finding.person(f"+{number}"), "asha", "mail of 1 May", timezone.now())
    erasing.drain()
    entered.refresh_from_db()
    return entered


def problems() -> list[str]:
    return [f"{each.check}: {each.examples}" for each in audit.run() if each.problems]


def command(*argv: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("person", *argv, "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def test_figures_stay_and_still_agree_with_the_rows(provider: Provider) -> None:
    now = timezone.now()
    mine, others = (accepted(provider, now, to=to, to_raw=to) for to in (NUMBER, OTHER))
    for message in (mine, others):
        submitted(message)
        reported(message, "sent", "delivered", "read")
        reported(message, "clicked", url=f"https://s.example/a?to={NUMBER}")
        replied(message)
    assert problems() == []
    assert erase().state == Erasure.State.DONE
    assert problems() == []
    mine.refresh_from_db()
    assert (mine.status, mine.payload, mine.to) == (Status.READ, "", pseudonyms.of(NUMBER))
    assert mine.person == mine.to
    others.refresh_from_db()
    assert others.to == OTHER
    assert NUMBER not in str(list(Event.objects.values()))


def test_their_messages_are_still_one_persons(provider: Provider) -> None:
    for to in ("5511987654321", "551187654321", OTHER):
        submitted(accepted(provider, timezone.now(), to=to, to_raw=to))
    erase("5511987654321")
    assert Message.objects.values("person").distinct().count() == 2


def test_what_is_queued_is_not_sent_and_counted_so(provider: Provider) -> None:
    message = accepted(provider, timezone.now(), to=NUMBER)
    assert erase().counts["not sent"] == 1
    message.refresh_from_db()
    assert (message.status, message.events.get().bsp_code) == (Status.FAILED, "erased")
    assert problems() == []
    assert ledger.resend([message.pk]) == 0  # there is nobody to send it to


def test_what_is_being_sent_is_waited_for(provider: Provider) -> None:
    message = accepted(provider, timezone.now(), to=NUMBER)
    Message.objects.update(status=Status.SENDING, attempt=1)
    erasure = erase()
    assert (erasure.state, erasure.rows_done_at) == (Erasure.State.OPEN, None)
    Message.objects.update(attempt=0)
    submitted(message)
    again(erasure)
    assert erasure.state == Erasure.State.DONE
    message.refresh_from_db()
    assert pseudonyms.is_one(message.to)


def again(erasure: Erasure) -> None:
    """The next step is due."""
    Erasure.objects.update(next_step_at=timezone.now())
    erasing.drain()
    erasure.refresh_from_db()


def test_a_report_that_clevertap_is_owed_is_waited_for(provider: Provider) -> None:
    Provider.objects.update(delivery_url="https://clevertap.example/dlr")
    message = accepted(provider, timezone.now(), to=NUMBER)
    submitted(message)
    reported(message, "delivered")
    erasure = erase()
    assert erasure.state == Erasure.State.OPEN
    message.refresh_from_db()
    assert message.to == NUMBER
    Event.objects.update(forward=Forward.PARKED)
    again(erasure)
    assert erasure.state == Erasure.State.DONE


def test_a_webhook_that_nobody_has_read_is_waited_for(provider: Provider) -> None:
    body = json.dumps({"from": NUMBER}).encode()
    _, unread = (webhook(provider, body=body, state=state) for state in (2, 0))
    erasure = erase()
    assert list(Webhook.objects.all()) == [unread]
    assert erasure.left == [["callbacks.Webhook", unread.pk]]
    assert receipt.waits(erasure).startswith("for 1 row that something still works on")
    Webhook.objects.update(state=Webhook.State.DONE)
    again(erasure)
    assert (erasure.state, Webhook.objects.count()) == (Erasure.State.DONE, 0)


def test_an_inbound_message_that_clevertap_is_owed_goes_whole_once_it_was_told(provider: Provider) -> None:
    Provider.objects.update(inbound_url="https://clevertap.example/in")
    reply = inbound(provider, NUMBER)
    media = Media(reply=reply, next_attempt_at=timezone.now(), state=Media.State.STORED)
    media.file.save("1", ContentFile(b"a picture"))
    media.save()
    told(provider)  # an earlier call, which CleverTap refused
    erasure = erase()
    assert (erasure.state, erasure.rows_done_at) == (Erasure.State.OPEN, None)
    Reply.objects.update(forward=Forward.DONE, forward_log=told(provider).pk)
    again(erasure)
    assert erasure.state == Erasure.State.DONE
    assert not Reply.objects.exists()
    assert not Path(media.file.path).exists()
    assert set(ForwardCall.objects.values_list("body", flat=True)) == {""}


def told(provider: Provider) -> ForwardCall:
    """A call to CleverTap that brought it the inbound message."""
    return ForwardCall.objects.create(
        provider=provider,
        kind="inbound",
        started_at=timezone.now(),
        body=f'{{"from": "{NUMBER}"}}',
        status=200,
    )


def test_what_a_webhook_brings_after_its_tables_were_looked_through_goes_too(provider: Provider) -> None:
    Provider.objects.update(inbound_url="https://clevertap.example/in")
    webhook(provider, body=NUMBER.encode(), state=0)
    erasure = erase()
    assert erasure.rows_done_at is not None
    Webhook.objects.update(state=Webhook.State.DONE)
    known.learn([Identity(phone=NUMBER, user_id=USER_ID)])
    inbound(provider, NUMBER)
    again(erasure)
    assert (erasure.state, erasure.rows_done_at) == (Erasure.State.OPEN, None), "CleverTap is owed it"
    Reply.objects.update(forward=Forward.DONE)
    told(provider)
    again(erasure)
    assert erasure.state == Erasure.State.DONE
    assert not Reply.objects.exists()
    assert ForwardCall.objects.get().body == ""


def test_what_becomes_theirs_while_tables_are_looked_through_goes_whole(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[Reply] = []
    look = mentions.look

    def late(model: Any, *args: Any) -> mentions.Stretch:
        if model is Reply and not came:
            came.append(inbound(provider, NUMBER, forward=Forward.DONE))
        return look(model, *args)

    monkeypatch.setattr(mentions, "look", late)
    assert erase().state == Erasure.State.DONE
    assert came
    assert not Reply.objects.exists()


def test_a_report_that_is_being_read_is_waited_for(provider: Provider) -> None:
    report = Report(
        exported_at=timezone.now(), state=Report.State.RUNNING, encoding="utf-8", delimiter=",", rows=2
    )
    report.file.save("r.csv", ContentFile(f"phone\n{NUMBER}\n{OTHER}\n".encode()))
    erasure = erase()
    assert erasure.left == [["stats.Report", report.pk]]
    Report.objects.update(state=Report.State.FAILED)
    again(erasure)
    assert erasure.state == Erasure.State.DONE
    assert Report.objects.get().file.open("rb").read().decode().split() == ["phone", OTHER]


def test_a_worker_that_dies_is_followed_by_another(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        webhook(provider, body=NUMBER.encode(), state=2)
    entered = erasing.start(finding.person(NUMBER), "asha", "", timezone.now())
    dead = erasing.take(entered)
    assert dead is not None
    assert erasing.drain() == 0  # it is somebody's
    again(entered)
    assert entered.state == Erasure.State.DONE
    erasing.work(dead)  # it was only asleep, and has lost it
    entered.refresh_from_db()
    assert entered.state == Erasure.State.DONE
    assert entered.about == {}


def test_replies_go_with_their_files(provider: Provider) -> None:
    reply = inbound(provider, NUMBER, forward=Forward.DONE)
    media = Media(reply=reply, next_attempt_at=timezone.now(), state=Media.State.STORED)
    media.file.save("1", ContentFile(b"a picture"))
    path = Path(media.file.path)
    inbound(provider, OTHER, forward=Forward.DONE)
    erase()
    assert [row.sender for row in Reply.objects.all()] == [OTHER]
    assert not path.exists()


def test_user_ids_and_former_numbers_are_the_same_person(provider: Provider) -> None:
    known.learn([Identity(phone=NUMBER, user_id=USER_ID)])
    inbound(provider, "", user_id=USER_ID, forward=Forward.DONE)
    assert erase().state == Erasure.State.DONE
    assert not Reply.objects.exists()
    assert known.all_names([NUMBER])[NUMBER] == {NUMBER}


def test_a_username_is_looked_for_and_finds_its_person(provider: Provider) -> None:
    known.learn([Identity(phone=NUMBER, user_id=USER_ID, username="asha.kumar")])
    reply = inbound(provider, OTHER, text="ask @asha.kumar, not asha.kumaran", forward=Forward.DONE)
    entry = Entry.objects.create(at=timezone.now(), who="mira", what="looked", details={"q": "asha.kumar"})
    assert command("show", "@Asha.Kumar")["identities"] == ["asha.kumar"]
    assert command("erase", "asha.kumar")["state"] == Erasure.State.DONE
    reply.refresh_from_db()
    entry.refresh_from_db()
    assert reply.text == f"ask @{pseudonyms.of(NUMBER)}, not asha.kumaran"
    assert "asha" not in str(entry.details)


def test_a_username_of_several_people_names_nobody(provider: Provider) -> None:
    for number in (NUMBER, OTHER):
        known.learn([Identity(phone=number, username="asha.kumar")])
    with pytest.raises(CommandError, match="Several people"):
        command("show", "asha.kumar")


@pytest.mark.parametrize("how", ["by a word", "in WhatsApp", "by an operator"])
def test_whoever_stopped_stays_stopped_when_a_file_brings_them_back(provider: Provider, how: str) -> None:
    now = timezone.now()
    contact = add("asha", phone=f"+{NUMBER}", Email="asha@x.example")
    if how == "by an operator":
        opting.by_operator(contact, OptChange.To.STOP, "mira", f"+{NUMBER} called", now)
    else:
        kind = PhoneChoice.Kind.TYPED if how == "by a word" else PhoneChoice.Kind.WHATSAPP
        PhoneChoice.objects.create(phone=NUMBER, kind=kind, stopped=True, since=now, at=now, proof="STOP")
    erase()
    assert not Contact.objects.exists()
    choice = PhoneChoice.objects.get()
    assert (choice.phone, choice.stopped, choice.proof) == (pseudonyms.of(NUMBER), True, "")
    back = add("asha-2", phone=f"+{NUMBER}", at=now - timedelta(days=1))
    assert back.dnd or back.stopped
    assert not back.reachable
    assert opting.stops(NUMBER)


def test_a_newer_consent_lifts_the_stop_of_somebody_erased(provider: Provider) -> None:
    now = timezone.now()
    PhoneChoice.objects.create(phone=NUMBER, stopped=True, since=now, at=now)
    erase()
    said = {"MSG-whatsapp": True, "MSG-dndWhatsApp": False, "phone": f"+{NUMBER}"}
    record = {"identity": "asha", "profileData": said}
    writing.write([profiles.read_profile(record)], SOURCE, now + timedelta(hours=1))
    assert Contact.objects.get().reachable
    assert not PhoneChoice.objects.get().stopped


def test_whoever_agreed_leaves_nothing(provider: Provider) -> None:
    now = timezone.now()
    PhoneChoice.objects.create(phone=NUMBER, stopped=False, since=now, at=now)
    erase()
    assert not PhoneChoice.objects.exists()


def test_a_broadcast_leaves_somebody_erased_out_and_adds_up(provider: Provider) -> None:
    for identity, number in (("asha", NUMBER), ("ben", OTHER)):
        add(identity, phone=f"+{number}", name=identity)
    broadcast = launched(make_broadcast(provider, throttle=1))
    erase()
    assert {row.phone for row in broadcast.rows.all()} == {pseudonyms.of(NUMBER), OTHER}
    assert problems() == []


def test_the_trail_stays_without_the_person(provider: Provider) -> None:
    entry = Entry.objects.create(
        at=timezone.now(), who="mira", what="exported", name="messages", details={"filter": {"q": NUMBER}}
    )
    erase()
    entry.refresh_from_db()
    assert (entry.who, entry.what) == ("mira", "exported")
    assert entry.details == {"filter": {"q": pseudonyms.of(NUMBER)}, "redacted": True}


def test_an_upload_that_failed_keeps_the_other_rows(provider: Provider) -> None:
    from audience import drafts
    from audience.models import Upload

    lines = f"identity,phone\nasha,+{NUMBER}\nben,+{OTHER}\n"
    made = drafts.draft("users.csv", io.BytesIO(lines.encode()))
    erase()
    kept = Upload.objects.get(pk=made.pk)
    assert kept.file.open("rb").read().decode().split() == ["identity,phone", f"ben,+{OTHER}"]
    assert kept.rows == 1


def test_a_hold_forbids_it(provider: Provider) -> None:
    Hold.objects.create(number=NUMBER, reason="the court's letter of 3 May")
    with pytest.raises(CommandError, match="the court's letter"):
        command("erase", NUMBER)


@pytest.mark.parametrize("by", ["provider", "campaign", "user id", "the other spelling"])
def test_holds_on_whatever_is_theirs_forbid_it(provider: Provider, by: str) -> None:
    known.learn([Identity(phone=BRAZILIAN, user_id=USER_ID)])
    accepted(provider, timezone.now(), to=BRAZILIAN, campaign="held")
    named: dict[str, dict[str, Any]] = {
        "provider": {"provider": provider},
        "campaign": {"campaign": "held"},
        "user id": {"number": USER_ID},
        "the other spelling": {"number": "551187654321"},
    }
    Hold.objects.create(reason="the court's letter", **named[by])
    with pytest.raises(CommandError, match="the court's letter"):
        command("erase", f"+{BRAZILIAN}")
    command("erase", f"+{OTHER}")


def test_a_hold_that_comes_later_is_waited_for(provider: Provider) -> None:
    accepted(provider, timezone.now(), to=NUMBER)
    entered = erasing.start(finding.person(NUMBER), "asha", "", timezone.now())
    hold = Hold.objects.create(number=NUMBER, reason="a letter")
    again(entered)
    assert receipt.waits(entered) == f"for hold {hold.pk}: a letter; it goes on once the hold is ended"
    assert Message.objects.get().to == NUMBER
    hold.delete()
    again(entered)
    assert (entered.state, entered.error) == (Erasure.State.DONE, "")


def test_raw_webhooks_of_a_held_provider_are_waited_for(provider: Provider) -> None:
    webhook(provider, body=NUMBER.encode(), state=2)
    hold = Hold.objects.create(provider=provider, reason="a letter")
    erasure = erase()
    assert (erasure.state, erasure.table) == (Erasure.State.OPEN, "callbacks.Webhook")
    assert f"hold {hold.pk}" in receipt.waits(erasure)
    assert Webhook.objects.exists()
    hold.delete()
    again(erasure)
    assert (erasure.state, Webhook.objects.count()) == (Erasure.State.DONE, 0)


def test_an_erasure_leaves_what_holds_name(provider: Provider) -> None:
    hold = Hold.objects.create(number=NUMBER[2:], campaign=NUMBER, reason=f"a letter of {NUMBER}")
    assert erase().state == Erasure.State.DONE
    hold.refresh_from_db()
    assert (hold.number, hold.campaign) == (NUMBER[2:], NUMBER)
    assert NUMBER not in hold.reason


def test_a_providers_own_number_is_no_persons(provider: Provider) -> None:
    Provider.objects.update(waba_number="918889500122")
    with pytest.raises(CommandError, match="number of a provider"):
        command("erase", "+91 88895 00122")
    with pytest.raises(CommandError, match="country code"):
        command("show", "asha")


@pytest.mark.parametrize("typed", ["98765 12340", "098765 12340", "+91 98765", "+999 123 456", "9812340088"])
def test_what_is_no_number_with_its_country_code_is_refused(provider: Provider, typed: str) -> None:
    failed(to=NUMBER, to_raw=NUMBER)
    with pytest.raises(CommandError, match="cannot be a phone number with its country code"):
        command("show", typed)


@pytest.mark.parametrize("typed", ["+91 (0) 98765-12340", "0091 98765 12340", NUMBER, "tel:+91-98765-12340"])
def test_a_number_may_be_in_any_spelling(provider: Provider, typed: str) -> None:
    assert command("show", typed)["names"] == [NUMBER]


def test_a_number_that_no_country_has_is_taken_if_rows_have_it(provider: Provider) -> None:
    failed(to="15550000000", to_raw="15550000000")
    assert command("erase", "+1 555 000 0000")["state"] == Erasure.State.DONE
    assert command("show", "+1 555 000 0000")["rows"] == {}


def test_the_country_of_a_user_id_may_be_in_small_letters(provider: Provider) -> None:
    inbound(provider, "", user_id=USER_ID)
    assert command("show", USER_ID.replace("IN", "in"))["names"] == [USER_ID]


def test_a_dry_run_says_what_would_go_and_takes_nothing(provider: Provider) -> None:
    failed(to=NUMBER, to_raw=NUMBER)
    webhook(provider, body=NUMBER.encode(), state=2)
    found = command("erase", "+91 98765 12340", "--dry-run")
    assert found["rows"] == {"campaigns.Attempt": 1, "campaigns.Event": 1, "campaigns.Message": 1}
    assert found["elsewhere"] == {"callbacks.Webhook": 1}
    assert not Erasure.objects.exists()
    assert Message.objects.get().to == NUMBER


def test_the_receipt_says_who_asked_when_and_by_when_it_had_to_be_done(provider: Provider) -> None:
    failed(to=NUMBER, to_raw=NUMBER)
    said = command("erase", NUMBER, "--asked-by", f"mail from +{NUMBER}, ticket 7")
    assert (said["state"], said["waits"]) == ("done", "")
    assert said["asked_by"] == f"mail from {pseudonyms.of(NUMBER)}, ticket 7"
    assert said["asked_at"] < said["finished_at"] < said["deadline"]
    assert said["altered"]["campaigns.Message"] == 1
    assert Entry.objects.get(what="erased").name == f"erasure {said['receipt']} of {said['person']}"


def test_the_receipt_tells_what_is_gone_from_what_lost_the_person(provider: Provider) -> None:
    failed(to=NUMBER, to_raw=NUMBER)
    inbound(provider, NUMBER, forward=Forward.DONE)
    add("asha", phone=f"+{NUMBER}")
    webhook(provider, body=NUMBER.encode(), state=2)
    accepted(provider, timezone.now(), to=NUMBER)
    said = command("erase", NUMBER)
    assert (said["deleted"]["callbacks.Reply"], said["deleted"]["callbacks.Webhook"]) == (1, 1)
    assert said["deleted"]["audience.Contact"] == 1
    assert "campaigns.Message" not in said["deleted"]
    assert (said["altered"]["campaigns.Message"], said["not_sent"]) == (2, 1)


def test_the_command_watches_the_worker_that_was_quicker(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed(to=NUMBER, to_raw=NUMBER)
    entered = erasing.start(finding.person(NUMBER), "asha", "", timezone.now())
    others = erasing.take(entered)
    assert others is not None
    looks = iter([lambda: None, lambda: erasing.work(others)])
    monkeypatch.setattr(person, "sleep", lambda seconds: next(looks)())
    assert command("erase", NUMBER)["state"] == Erasure.State.DONE
    assert capsys.readouterr().err.count("A worker does it") == 1


def test_the_command_says_what_an_erasure_waits_for_and_how_to_follow_it(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted(provider, timezone.now(), to=NUMBER)
    Message.objects.update(status=Status.SENDING, attempt=1)
    assert command("erase", NUMBER)["state"] == Erasure.State.OPEN
    said = capsys.readouterr().err
    assert "The erasure is not done yet. It waits: for what is being sent" in said
    assert "The same command, or Erasures in the admin, says how far it is" in said


def test_a_file_in_an_export_has_the_ending_of_its_type(provider: Provider, tmp_path: Path) -> None:
    for kind, name in (("image/jpeg", "1"), ("audio/ogg; codecs=opus", "2"), ("", "3"), ("x/y", "4.pdf")):
        reply = inbound(provider, NUMBER)
        media = Media(reply=reply, next_attempt_at=timezone.now(), content_type=kind)
        media.file.save(name, ContentFile(b"a file"))
    to = tmp_path / "asha.zip"
    command("export", NUMBER, "--to", str(to))
    names = [name for name in zipfile.ZipFile(to).namelist() if name.startswith("media/")]
    assert sorted(Path(name).suffix for name in names) == [".bin", ".jpg", ".oga", ".pdf"]


def test_rows_that_name_others_too_come_with_a_warning(
    provider: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    webhook(provider, body=NUMBER.encode(), state=2)
    to, small = tmp_path / "asha.zip", tmp_path / "small.zip"
    command("export", NUMBER, "--to", str(to), "--everywhere")
    assert "names other people too" in capsys.readouterr().err
    assert b"They belong to others too" in zipfile.ZipFile(to).read("elsewhere/README.txt")
    command("export", NUMBER, "--to", str(small))
    assert "elsewhere/README.txt" not in zipfile.ZipFile(small).namelist()


def test_a_restore_without_the_key_of_the_list_says_so(provider: Provider) -> None:
    made_at = timezone.now()
    erase()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pseudonyms, "_key", lambda: (_ for _ in ()).throw(pseudonyms.NoKey("No key.")))
        assert restore.Command()._erase_again([], made_at) == "No key."
    assert restore.Command()._erase_again([], made_at) == ""


def test_an_export_has_every_row_and_every_file(provider: Provider, tmp_path: Path) -> None:
    failed(to=NUMBER, to_raw=NUMBER)
    add("asha", phone=f"+{NUMBER}", Email="asha@x.example", City="Rome")
    media = Media(reply=inbound(provider, NUMBER), next_attempt_at=timezone.now())
    media.file.save("1", ContentFile(b"a picture"))
    webhook(provider, body=NUMBER.encode(), state=2)
    to = tmp_path / "asha.zip"
    said = command("export", NUMBER, "--to", str(to), "--everywhere")
    assert said["rows"]["elsewhere/callbacks.Webhook"] == 1
    archive = zipfile.ZipFile(to)
    about = json.loads(archive.read("about.json"))
    assert about["names"] == [NUMBER]
    assert about["identities"] == ["asha", "asha@x.example"]
    assert json.loads(archive.read("audience.contact.json"))[0]["attributes"] == {"City": "Rome"}
    assert "asha@x.example" in archive.read("audience.contact.csv").decode()
    assert b"a picture" in [archive.read(name) for name in archive.namelist() if name.startswith("media/")]
    assert to.stat().st_mode & 0o077 == 0
    with pytest.raises(CommandError, match="there already"):
        command("export", NUMBER, "--to", str(to))


def test_a_restored_backup_hears_of_the_erasures_since(provider: Provider) -> None:
    """The list lies beside the database."""
    made_at = timezone.now()
    erase()
    Erasure.objects.all().delete()
    failed(to=NUMBER, to_raw=NUMBER)  # as the backup had it
    again = restored.erase_again([], made_at, timezone.now())
    erasing.drain()
    assert [each.again for each in again.entered] == [True]
    assert pseudonyms.is_one(Message.objects.get().to)


def test_whoever_came_back_before_the_backup_was_made_is_not_erased_again(provider: Provider) -> None:
    erase()
    failed(to=NUMBER, to_raw=NUMBER)
    made_at = timezone.now()
    assert restored.erase_again([], made_at, timezone.now()).entered == []
    Erasure.objects.all().delete()  # as a backup has it that was made while another machine erased
    assert len(restored.erase_again([], made_at, timezone.now()).entered) == 1


def test_a_hold_of_the_backup_stops_the_erasing_of_one_and_of_nobody_else(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    made_at = timezone.now()
    for number in (NUMBER, OTHER):
        erase(number)
        failed(to=number, to_raw=number)
    Erasure.objects.all().delete()
    Hold.objects.create(number=NUMBER, reason="a letter")
    restore.Command()._erase_again([], made_at)
    said = capsys.readouterr()
    assert said.out == f"Erased again: {pseudonyms.of(OTHER)}.\n"
    assert f"{pseudonyms.of(NUMBER)} is not erased again yet. The erasure waits: for hold" in said.err
    assert set(Message.objects.values_list("to", flat=True)) == {NUMBER, pseudonyms.of(OTHER)}


@pytest.mark.parametrize("kept_as", [NUMBER, USER_ID])
def test_an_erasure_is_known_under_every_name(provider: Provider, kept_as: str) -> None:
    made_at = timezone.now()
    known.learn([Identity(phone=NUMBER, user_id=USER_ID)])
    entered = erasing.start(finding.person(USER_ID), "asha", "", timezone.now())
    assert erasing.start(finding.person(NUMBER), "asha", "", timezone.now()) == entered
    erasing.drain()
    hashes = {pseudonyms.of(NUMBER), pseudonyms.of(USER_ID)}
    assert set(Erasure.objects.get().hashes) == hashes
    assert list(Erasure.of([pseudonyms.of(kept_as)])) == [entered]
    Erasure.objects.all().delete()
    accepted(provider, timezone.now(), to=kept_as)  # the backup is from before the two were known as one
    assert len(restored.erase_again([], made_at, timezone.now()).entered) == 1
    erasing.drain()
    assert pseudonyms.is_one(Message.objects.get().to)


def test_of_a_backup_with_another_key_the_restore_says_so(provider: Provider) -> None:
    from identities.models import PseudonymKey

    made_at = timezone.now()
    erase()
    PseudonymKey.objects.update(key="another")
    failed(to=NUMBER, to_raw=NUMBER)
    assert restored.erase_again([], made_at, timezone.now()) == ([], 1)
