"""The page of one person, the receipt, holds, and what retention would do today."""

import io
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.utils import timezone

from accounts.models import Entry
from campaigns.models import Message
from config import roles
from identities import pseudonyms
from privacy import erasing, finding
from privacy.models import Cursor, Erasure, Hold, RetentionRun
from providers.models import Provider
from tests.admin.conftest import failed
from tests.broadcasts.conftest import add
from tests.factories import make_provider
from tests.stats.conftest import accepted
from tests.visitor import Visitor, visiting

pytestmark = pytest.mark.django_db
NUMBER = "919876512340"
PERSON = "/admin/privacy/erasure/person/"


def somebody(role: str) -> Visitor:
    roles.grant(apps)
    user = User.objects.create_user(f"one-of-{role}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return visiting(user)


def test_everything_about_a_person_is_shown_and_the_number_is_in_no_address(provider: Provider) -> None:
    failed(to=NUMBER, to_raw=NUMBER)
    add("asha", phone=f"+{NUMBER}", Email="asha@x.example")
    page = somebody("operators").post(PERSON, {"number": "+91 98765-12340"}).content.decode()
    assert "asha@x.example" in page
    assert "<td>Contacts</td><td>1</td>" in page
    looked = Entry.objects.filter(what="looked").values_list("name", flat=True)
    assert f"everything about {pseudonyms.of(NUMBER)}" in looked
    assert NUMBER not in str(list(Entry.objects.values()))


def test_a_number_that_is_none_is_explained(provider: Provider) -> None:
    page = somebody("operators").post(PERSON, {"number": "asha"}).content.decode()
    assert "with its country code" in page


def test_an_export_is_a_zip(provider: Provider) -> None:
    add("asha", phone=f"+{NUMBER}")
    answer: Any = somebody("auditors").post(PERSON, {"number": NUMBER, "export": "yes"})
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert "audience.contact.json" in archive.namelist()
    assert Entry.objects.filter(what="exported").exists()


def test_erasing_asks_first_and_leads_to_the_receipt(provider: Provider) -> None:
    failed(to=NUMBER, to_raw=NUMBER)
    operator = somebody("operators")
    asked = operator.post(PERSON, {"number": NUMBER, "erase": "yes"}).content.decode()
    assert "Nothing brings it back" in asked
    assert not Erasure.objects.exists()
    answer = operator.post(
        PERSON, {"number": NUMBER, "erase": "yes", "confirmed": "yes", "asked_by": "ticket 7"}, status=302
    )
    erasing.drain()
    page = operator.get(answer["Location"]).content.decode()
    assert "ticket 7" in page
    assert "<td>messages</td>" in page
    assert "campaigns.Message" not in page
    assert pseudonyms.is_one(Message.objects.get().to)
    assert Entry.objects.filter(what="erased").exists()
    found = operator.get("/admin/privacy/erasure/", {"q": f"+{NUMBER}"}).content.decode()
    assert pseudonyms.of(NUMBER) in found


def test_a_hold_is_named_before_erasing_is_asked_for(provider: Provider) -> None:
    failed(to=NUMBER, to_raw=NUMBER)
    Hold.objects.create(number=NUMBER, reason="the court's letter")
    operator = somebody("operators")
    page = operator.post(PERSON, {"number": NUMBER}).content.decode()
    assert "cannot be erased" in page
    assert "the court&#x27;s letter" in page
    assert 'name="erase"' not in page
    answer = operator.post(PERSON, {"number": NUMBER, "erase": "yes"}, status=302)
    assert "End the hold first" in operator.get(answer["Location"]).content.decode()


def test_a_search_that_names_nobody_says_why(provider: Provider) -> None:
    page = somebody("operators").get("/admin/privacy/erasure/", {"q": "98765"}).content.decode()
    assert "with its country code" in page


@pytest.mark.parametrize(("campaign", "why"), [("c9", "No campaign has this id"), ("c1", "has no campaign")])
def test_a_hold_on_a_campaign_that_is_not_there_is_refused(
    provider: Provider, campaign: str, why: str
) -> None:
    accepted(make_provider(), timezone.now(), campaign="c1")
    named = {"campaign": campaign, "provider": str(provider.pk), "reason": "a letter"}
    page = somebody("operators").post("/admin/privacy/hold/add/", named).content.decode()
    assert why in page
    assert not Hold.objects.exists()


def test_auditors_do_not_erase(provider: Provider) -> None:
    somebody("auditors").post(PERSON, {"number": NUMBER, "erase": "yes", "confirmed": "yes"}, status=403)
    assert not Erasure.objects.exists()


def test_a_hold_is_kept_in_one_spelling_and_its_end_has_everything_looked_at_again(
    provider: Provider,
) -> None:
    operator = somebody("operators")
    operator.post("/admin/privacy/hold/add/", {"number": "+91 98765 12340", "reason": "a letter"}, status=302)
    hold = Hold.objects.get()
    assert (hold.number, hold.by) == (NUMBER, "one-of-operators")
    Cursor.objects.create(kind="bodies", provider=provider, after=5)
    operator.post(f"/admin/privacy/hold/{hold.pk}/delete/", {"post": "yes"}, status=302)
    assert not Cursor.objects.exists()


def test_a_hold_on_somebody_who_is_being_erased_says_so(provider: Provider) -> None:
    erasure = erasing.start(finding.person(f"+{NUMBER}"), "asha", "", timezone.now())
    operator = somebody("operators")
    answer = operator.post(
        "/admin/privacy/hold/add/", {"number": f"+{NUMBER}", "reason": "a letter"}, status=302
    )
    page = operator.get(answer["Location"]).content.decode()
    assert f"erasure {erasure.pk} of {erasure.person} is under way" in page


def test_a_hold_without_a_country_code_is_refused(provider: Provider) -> None:
    page = somebody("operators").post(
        "/admin/privacy/hold/add/", {"number": "9812340088", "reason": "a letter"}
    )
    assert "country code" in page.content.decode()
    assert not Hold.objects.exists()


def test_what_is_due_today_is_shown_and_can_be_asked_for(provider: Provider, settings: Any) -> None:
    settings.BODY_RETENTION_DAYS = 90
    failed()
    Message.objects.update(accepted_at=timezone.now() - timedelta(days=91))
    operator = somebody("operators")
    page = operator.get("/admin/privacy/retentionrun/due/").content.decode()
    assert "bodies: messages" in page
    assert "campaigns.Message" not in page
    assert "BODY_RETENTION_DAYS" in page
    operator.post("/admin/privacy/retentionrun/run-now/", status=302)
    assert RetentionRun.objects.get().state == RetentionRun.State.OPEN
