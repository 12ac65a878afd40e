"""Which stops a file or a call of the upload API lifts, and which stay: written and previewed alike."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audience import api, consent_preview, drafts, opting, stops, upload
from audience.models import Contact, OptChange, OptSetting, PhoneChoice
from providers.messages import Preference, Reply
from providers.models import Provider
from tests.audience.conftest import contact, csv_file, taken_over
from tests.factories import make_provider

pytestmark = pytest.mark.django_db

NUMBER = "14155550777"
HEADER = "identity,phone,MSG-whatsapp,MSG-dndWhatsApp\n"


@pytest.fixture
def shop(db: None) -> Provider:
    shop = make_provider()
    OptSetting.objects.create(provider=shop)
    taken_over(f"identity,phone,MSG-whatsapp\nann,+{NUMBER},TRUE\n")
    return shop


def in_whatsapp(shop: Provider) -> None:
    opting.heed_preferences(shop, [Preference(True, NUMBER, _before(), "chose stop")], timezone.now())


def typed(shop: Provider) -> None:
    opting.heed(shop, [(1, Reply("text", NUMBER, timestamp=_before(), text="STOP"))], timezone.now())


def by_operator(shop: Provider) -> None:
    opting.by_operator(contact("ann"), OptChange.To.STOP, "mira", "asked by phone", timezone.now())


def by_file(shop: Provider) -> None:
    taken_over(f"{HEADER}ann,,,TRUE\n")


def _before() -> int:
    return int((timezone.now() - timedelta(minutes=5)).timestamp())


def previewed(text: str) -> dict[str, int] | None:
    return upload.survey_of(drafts.draft("users.csv", csv_file(text))).consent


@pytest.mark.parametrize(
    ("stop", "cells", "outcome"),
    [
        (in_whatsapp, "TRUE,FALSE", {"stays_whatsapp": 1}),
        (in_whatsapp, ",FALSE", {"stays_whatsapp": 1}),
        (typed, "TRUE,", {"stays_typed": 1}),
        (typed, ",FALSE", {"stays_typed": 1}),
        (typed, "FALSE,FALSE", {"out": 1, "stays_typed": 1}),
        (typed, "TRUE,FALSE", {"resume": 1, "lifted_typed": 1}),
        (by_operator, "TRUE,", {"stays_operator": 1}),
        (by_operator, ",FALSE", {"stays_operator": 1}),
        (by_operator, "TRUE,FALSE", {"resume": 1, "lifted_operator": 1}),
        (by_file, "TRUE,", {"stays_upload": 1}),
        (by_file, ",FALSE", {"resume": 1, "lifted_upload": 1}),
        (by_file, "TRUE,TRUE", {}),
    ],
)
def test_each_kind_of_stop_has_its_rule(shop: Provider, stop: Any, cells: str, outcome: Any) -> None:
    stop(shop)
    file = f"{HEADER}ann,,{cells}\n"
    assert previewed(file) == outcome
    done = taken_over(file)
    assert done.consent == outcome
    assert contact("ann").reachable == ("resume" in outcome)
    if not outcome.keys() & {"resume", "out"}:
        assert done.unchanged == 1


@pytest.mark.parametrize(("stop", "lifted"), [(in_whatsapp, False), (typed, True)])
def test_the_rule_holds_for_calls(shop: Provider, stop: Any, lifted: bool) -> None:
    stop(shop)
    data = {"MSG-whatsapp": True, "MSG-dndWhatsApp": False}
    api.take([{"identity": "ann", "type": "profile", "profileData": data}], "SHOP-1")
    assert contact("ann").reachable == lifted


def test_an_older_file_lifts_no_newer_stop(shop: Provider) -> None:
    draft = drafts.draft("users.csv", csv_file(f"{HEADER}ann,,TRUE,FALSE\n"))
    now = timezone.now() + timedelta(minutes=1)
    reply = Reply("text", NUMBER, timestamp=int(now.timestamp()), text="STOP")
    opting.heed(shop, [(1, reply)], now)
    upload.start(draft)
    upload.drain()
    draft.refresh_from_db()
    assert draft.consent == {"stays_typed": 1}
    assert contact("ann").dnd


def test_the_rule_holds_for_a_contact_that_gets_the_number_later(shop: Provider) -> None:
    typed(shop)
    file = f"{HEADER}bea,+{NUMBER},,FALSE\ncid,+{NUMBER},TRUE,\ndan,+{NUMBER},TRUE,FALSE\n"
    expected = {"in": 2, "stop": 2, "stays_typed": 2, "resume": 1, "lifted_typed": 1}
    assert previewed(file) == expected
    done = taken_over(file)
    assert done.consent == expected
    change = OptChange.objects.get(contact=contact("dan"), to=OptChange.To.RESUME)
    assert (change.phone, change.proof) == (NUMBER, f"line 4 of users.csv (upload {done.pk})")
    assert [contact(who).dnd for who in ("ann", "bea", "cid", "dan")] == [True, True, True, False]


def test_a_newer_consent_is_what_the_number_last_chose(shop: Provider) -> None:
    typed(shop)
    done = taken_over(f"{HEADER}ann,,TRUE,FALSE\n")
    assert opting.stops(NUMBER) == []
    choice = PhoneChoice.objects.get()
    assert (choice.stopped, choice.at, choice.proof) == (
        False, done.created_at, f"line 2 of users.csv (upload {done.pk})",
    )  # fmt: skip
    reply = Reply("text", NUMBER, timestamp=_before(), text="STOP")
    opting.heed(shop, [(2, reply)], timezone.now())
    assert contact("ann").reachable, "a STOP from before it, told late"


def test_every_kind_has_its_words() -> None:
    assert set(stops.WORDS) == set(stops.Kind)
    assert set(stops.LIFTED) == set(stops.Kind) - {stops.Kind.WHATSAPP}
    assert [name for name, _ in consent_preview.STAYS] == [f"stays_{kind}" for kind in stops.Kind]


def test_the_preview_counts_the_whole_file(shop: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what a row does to a contact that rows long before it have made or changed."""
    typed(shop)
    monkeypatch.setitem(upload.CHUNK, "sqlite", 3)
    monkeypatch.setitem(upload.CHUNK, "postgresql", 3)
    rows = [f"n{n},+1415555{n:04},TRUE,\n" for n in range(20)]
    rows += ["n3,,,TRUE\n", "bad,12,TRUE,\n", "n4,,FALSE,\n", "n5,,TRUE,\n", "n7,,,TRUE\n"]
    rows += ["x,,,\n", "y,,,\n", "z,,,\n", "n7,,TRUE,\n", "x,,,\n", "y,,,\n", "z,,,\n", "n7,,,FALSE\n"]
    rows += [f"zed,+{NUMBER},TRUE,FALSE\n", "ann,,TRUE,\n"]
    file = HEADER + "".join(rows)
    expected = {
        "in": 21, "out": 1, "stop": 2, "resume": 2, "lifted_upload": 1, "lifted_typed": 1, "stays_upload": 1,
        "stays_typed": 1,
    }  # fmt: skip
    assert previewed(file) == expected
    assert Contact.objects.count() == 1
    assert taken_over(file).consent == expected


def test_the_preview_is_counted_anew_for_other_columns(shop: Provider) -> None:
    draft = drafts.draft("users.csv", csv_file("identity,phone,agreed\nbea,+14155550001,TRUE\n"))
    assert upload.survey_of(draft).consent is None
    columns = upload.columns_of(draft)
    columns[2].to = "opted_in"
    drafts.change(draft, columns, "")
    drafts.look_through(draft)
    assert upload.survey_of(draft).consent == {"in": 1}
