"""What the upload API keeps of values, and what its callers may leave to us."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from audience import accounts, events, properties, tasks
from audience.models import ContactDate, ContactEvent, OptChange, PhoneChoice, UploadAccount
from tests.audience.conftest import contact, taken_over
from tests.gateway import Answer, call

pytestmark = pytest.mark.django_db

Post = Callable[..., Answer]


@pytest.fixture
def post() -> Post:
    _, passcode = accounts.add("SHOP-1")
    headers = {"X-CleverTap-Account-Id": "SHOP-1", "X-CleverTap-Passcode": passcode}

    def send(*records: str) -> Answer:
        """Records as JSON, as they were typed."""
        return call("POST", "/1/upload", f'{{"d": [{",".join(records)}]}}'.encode(), headers)

    return send


def profile(identity: str, data: str) -> str:
    return f'{{"identity": "{identity}", "type": "profile", "profileData": {data}}}'


def test_numbers_and_dates_are_kept_as_written(post: Post) -> None:
    answer = post(
        profile("a", '{"Fee": 1499.50, "Trip": "2026-12-05", "Seen": "$D_1775000000", "Pin": "007"}')
    )
    assert answer.json["status"] == "success"
    found = contact("a").attributes
    assert (str(found["Fee"]), found["Trip"], found["Pin"]) == ("1499.50", "2026-12-05", "007")
    assert properties.attribute_types() == {"Fee": "number", "Trip": "date", "Seen": "moment", "Pin": "text"}
    days = dict(ContactDate.objects.values_list("name", "whole_day"))
    assert days == {"Trip": True, "Seen": False}
    out = StringIO()
    call_command("audience", "list", "--json", stdout=out)
    assert json.loads(out.getvalue())[0]["attributes"]["Fee"] == "1499.50"


def test_a_value_that_does_not_fit_costs_the_value_only(post: Post) -> None:
    post(profile("a", '{"Fee": 10}'))
    answer = post(profile("b", '{"Fee": "much", "MSG-whatsapp": true, "Phone": "+14155551234"}'))
    assert answer.json["processed"] == 1
    (warning,) = answer.json["warnings"]
    assert (warning["warning"], warning["record"]["identity"]) == ("Fee “much” is not a number", "b")
    assert contact("b").reachable
    assert contact("b").attributes == {}
    post(profile("b", '{"Fee": "12.50"}'))
    assert contact("b").attributes == {"Fee": Decimal("12.50")}


def test_an_events_value_that_does_not_fit_is_named(post: Post) -> None:
    booked = '{"identity": "a", "type": "event", "evtName": "Booked", "evtData": {"Day": %s}}'
    assert "warnings" not in post(booked % '"2026-12-05"').json
    answer = post(booked % '"soon"')
    assert answer.json["warnings"][0]["warning"] == "Day “soon” is not a date without a time"
    assert ContactEvent.objects.filter(properties={}).count() == 1
    assert ContactDate.objects.get().whole_day


def test_a_number_without_a_country_code_is_refused_unless_the_account_has_a_country(post: Post) -> None:
    answer = post(profile("a", '{"Phone": "9812300001"}'))
    assert answer.json["unprocessed"][0]["code"] == 516
    assert "or set the country of such numbers" in answer.json["unprocessed"][0]["error"]
    UploadAccount.objects.update(country="IN")
    assert post(profile("a", '{"Phone": "9812300001"}')).json["status"] == "success"
    assert contact("a").phone == "919812300001"


def test_numbers_and_flags_as_programs_write_them(post: Post) -> None:
    UploadAccount.objects.update(country="IN")
    answer = post(profile("a", '{"Phone": 919812300001.0, "MSG-whatsapp": 1, "MSG-dndWhatsApp": 0}'))
    assert answer.json["status"] == "success"
    assert contact("a").reachable
    post('{"identity": 77.0, "type": "profile", "profileData": {"Name": "Zoe"}}')
    assert contact("77").name == "Zoe"


@pytest.mark.parametrize(
    "number", ["919812300001", "919812300001.0", "9.19812300001E11", "9812300001", '"919812300001"']
)
def test_a_number_of_json_has_a_country_code_only_with_the_accounts_country(post: Post, number: str) -> None:
    given = profile("a", f'{{"Phone": {number}}}')
    assert "no country code" in post(given).json["unprocessed"][0]["error"]
    UploadAccount.objects.update(country="IN")
    assert post(given).json["status"] == "success"
    assert contact("a").phone == "919812300001"


@pytest.mark.parametrize(
    "number", ["9.19812E+11", '"9.19812E+11"', "-919812300001", "919812300001.5", "0", "true"]
)
def test_a_number_of_json_that_is_no_phone_number_is_refused(post: Post, number: str) -> None:
    UploadAccount.objects.update(country="IN")
    answer = post(profile("a", f'{{"Phone": {number}}}'))
    assert answer.json["unprocessed"][0]["code"] == 516


@pytest.mark.parametrize("number", ["9.19812E+11", "9.19812E11", "9E11"])
def test_shortened_identities_are_refused_as_numbers_of_json_too(post: Post, number: str) -> None:
    answer = post(f'{{"identity": {number}, "type": "profile", "profileData": {{}}}}')
    assert answer.json["unprocessed"][0]["code"] == 523


@pytest.mark.parametrize("identity", ["9.19812E+11", "9,19812E+11", "9E+11", "9.19812E11"])
def test_shortened_identities_are_refused(post: Post, identity: str) -> None:
    answer = post(profile(identity, "{}"))
    assert answer.json["unprocessed"][0]["code"] == 523


def test_a_start_counts_for_the_contact_that_is_made_later() -> None:
    at = datetime(2026, 1, 4, 8, 30, tzinfo=UTC)
    PhoneChoice.objects.create(phone="14155551234", stopped=False, since=at, at=at, proof="Start!")
    taken_over("identity,phone\na,+14155551234\n")
    assert contact("a").reachable
    change = OptChange.objects.get()
    assert (change.to, change.proof) == (
        "in",
        "the owner of this number agreed on 2026-01-04 08:30 UTC: Start!",
    )
    taken_over("identity,phone,MSG-whatsapp\nb,+14155551234,FALSE\n")
    assert not contact("b").opted_in, "the file says otherwise"


def test_a_start_does_not_undo_an_opt_out_of_a_contact_with_another_number() -> None:
    PhoneChoice.objects.create(phone="14155551234", stopped=False, since=timezone.now(), at=timezone.now())
    taken_over("identity,phone,MSG-whatsapp\na,+14155550000,TRUE\n")
    taken_over("identity,phone,MSG-whatsapp\na,,FALSE\n")
    taken_over("identity,phone\na,+14155551234\n")
    assert not contact("a").opted_in


def test_events_are_deleted_after_the_days_of_the_setting(settings: Any, post: Post) -> None:
    now = timezone.now()
    for days in (11, 10, 9):
        ts = int((now - timedelta(days=days)).timestamp())
        data = '"evtData": {"Day": "2026-12-05"}'
        post(f'{{"identity": "a", "type": "event", "evtName": "Booked {days}", "ts": {ts}, {data}}}')
    tasks.upkeep()
    assert ContactEvent.objects.count() == 3, "0 keeps them for ever"
    settings.CONTACT_EVENT_RETENTION_DAYS = 10
    tasks.upkeep()
    assert set(ContactEvent.objects.values_list("name", flat=True)) == {"Booked 9"}
    assert ContactDate.objects.count() == 1
    assert events.forget(now, 10) == 0
