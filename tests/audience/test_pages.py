"""The operator's pages: uploads from the file to its errors, contacts, opt-out words, accounts."""

import csv
import io
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone

from audience import accounts, exporting, finding, opting, profiles, properties, upload, writing
from audience.models import (
    Contact,
    ContactEvent,
    OptChange,
    OptSetting,
    Subscription,
    Upload,
    UploadAccount,
    UploadError,
)
from lib.phone_masking import HIDDEN, WHOLE
from providers import destinations
from providers.models import Provider
from tests.admin.conftest import looker, operator, operator_user, signed_in
from tests.audience.conftest import contact, taken_over

__all__ = ["looker", "operator", "operator_user", "signed_in"]

pytestmark = pytest.mark.django_db

CONTACTS = "/admin/audience/contact/"
UPLOADS = "/admin/audience/upload/"
FILE = "identity,Name,phone,MSG-whatsapp,City\nann,Ann,+14155551234,TRUE,Rome\nbob,Bob,12,no,\n"


def text(response: Any) -> str:
    """What an answer shows, which must be a page or a file."""
    assert response.status_code == 200, response
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return str(body.decode())


def do(client: Client, url: str, **data: Any) -> str:
    """Posts, and returns the page that it leads to."""
    return text(client.post(url, data, follow=True))


def choose(client: Client, content: str | bytes = FILE, status: int = 200) -> Any:
    content = content if isinstance(content, bytes) else content.encode()
    return client.post(
        f"{UPLOADS}choose/",
        {"file": SimpleUploadedFile("my users.csv", content)},
        follow=True,
        status=status,
    )


def columns(draft: Upload, **changes: str) -> dict[str, str]:
    """What the form of a draft posts."""
    posted = {"country": draft.country}
    for n, entry in enumerate(draft.mapping):
        posted |= {
            f"column-{n}-to": entry["to"],
            f"column-{n}-name": entry["name"],
            f"column-{n}-type": entry["type"]
            if entry["format"] == "iso"
            else f"{entry['type']} {entry['format']}",
        }
    return posted | changes


def test_from_the_file_to_its_errors(operator: Client) -> None:
    shown = text(choose(operator))
    draft = Upload.objects.get()
    assert '<strong id="upload-rows">2</strong>' in shown
    for words in (
        "my users.csv",
        "UTF-8, separated by commas",
        "is not a phone number",
        "1 of these rows would be refused",
    ):
        assert words in shown
    url = f"{UPLOADS}{draft.pk}/columns/"
    answer = operator.post(url, columns(draft, start="yes"), follow=True)
    assert "every 1s" in text(answer)
    upload.drain()
    shown = text(operator.get(f"{UPLOADS}{draft.pk}/progress/"))
    assert "every 1s" not in shown
    assert "All rows were read" in shown
    assert 'id="upload-failed" class="wp-number text-red-600 dark:text-red-400">1<' in shown
    errors = list(
        csv.reader(io.StringIO(text(operator.get(f"{UPLOADS}{draft.pk}/errors/")).removeprefix("\ufeff")))
    )
    assert errors[0] == ["Upload line", "Upload error", "identity", "Name", "phone", "MSG-whatsapp", "City"]
    assert errors[1][0] == "3"
    assert errors[1][2:] == ["bob", "Bob", "12", "no", ""]
    assert "1 created, 1 failed" in text(operator.get(UPLOADS))
    UploadError.objects.all().delete()  # in time
    assert "have been deleted" in text(operator.get(f"{UPLOADS}{draft.pk}/change/"))
    errors[1][4] = "'+14155550000"  # corrected in a spreadsheet
    again = io.StringIO()
    csv.writer(again).writerows(errors)
    taken_over(again.getvalue())
    assert (contact("bob").phone, contact("bob").attributes) == ("14155550000", {})


def test_a_mapping_is_checked_before_it_starts(operator: Client) -> None:
    choose(operator, "who,number,since\n1,+14155551234,2026-01-05\n")
    draft = Upload.objects.get()
    page = f"{UPLOADS}{draft.pk}/change/"
    assert "No column holds the phone number" in text(operator.get(page))
    url = f"{UPLOADS}{draft.pk}/columns/"
    shown = text(operator.post(url, columns(draft, start="yes"), follow=True))
    assert "The upload was not started" in shown
    changes = {"column-1-to": "phone", "column-2-name": "Since", "country": "GB"}
    shown = text(operator.post(url, columns(draft, check="yes", **changes), follow=True))
    assert "No column holds" not in shown
    draft.refresh_from_db()
    assert (draft.state, draft.country, draft.mapping[2]) == (
        "draft", "GB", {"to": "attribute", "name": "Since", "type": "date", "format": "iso"},
    )  # fmt: skip
    shown = text(operator.post(url, columns(draft, country="44"), follow=True))
    assert "44 is not one of the available choices" in shown
    assert "arrived incomplete" in text(operator.post(url, {"country": ""}, follow=True))
    do(operator, url, **columns(draft, start="yes"))
    assert "started already" in text(operator.post(url, columns(draft, start="yes"), follow=True))
    upload.drain()
    assert contact("1").attributes == {"Since": "2026-01-05"}


def test_a_draft_is_discarded_and_an_upload_cancelled(operator: Client) -> None:
    choose(operator)
    draft = Upload.objects.get()
    do(operator, f"{UPLOADS}{draft.pk}/cancel/")
    draft.refresh_from_db()
    assert (draft.state, bool(draft.file)) == ("cancelled", False)
    assert "Cancelled before it began" in text(operator.get(f"{UPLOADS}{draft.pk}/change/"))


def test_what_failed_goes_on(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    choose(operator)
    draft = Upload.objects.get()
    Upload.objects.update(state="failed", error="An error in Waypost")
    assert "Go on" in text(operator.get(f"{UPLOADS}{draft.pk}/change/"))
    do(operator, f"{UPLOADS}{draft.pk}/resume/")
    upload.drain()
    assert contact("ann").reachable


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (b"PK\x03\x04", "workbook"), (b'a,b\n"c', "cannot be read")]
)
def test_a_file_that_is_none(operator: Client, content: bytes, words: str) -> None:
    assert words in text(choose(operator, content))
    assert not Upload.objects.exists()


def test_those_who_may_only_look_upload_nothing(looker: Client, operator: Client) -> None:
    choose(operator)
    draft = Upload.objects.get()
    assert "Upload CSV" not in text(looker.get(UPLOADS))
    assert "Start" not in text(looker.get(f"{UPLOADS}{draft.pk}/change/"))
    choose(looker, status=403)
    for what in ("columns", "cancel", "resume"):
        looker.post(f"{UPLOADS}{draft.pk}/{what}/", status=403)
    operator.get(f"{UPLOADS}99/progress/", status=404)


def test_strangers_see_nothing(signed_in: Any) -> None:
    client = signed_in(["view_message"])
    for url in (CONTACTS, f"{CONTACTS}export/", UPLOADS, "/admin/audience/optchange/"):
        client.get(url, status=403)


# Contacts


@pytest.fixture
def people() -> None:
    taken_over(
        "identity,name,email,phone,MSG-whatsapp,note\n"
        "ann,Ann,ann@shop.example,+14155551234,TRUE,=1+1\n"
        "bob,Bob,,+14155551234,,\n"
        "zoe,Zoe,zoe@shop.example,+919812300001,TRUE,\n"
    )


def found(client: Client, query: str) -> set[str]:
    shown = text(client.get(f"{CONTACTS}?{query}"))
    return {who for who in ("ann", "bob", "zoe") if f">{who}<" in shown}


@pytest.mark.parametrize(
    ("query", "who"),
    [
        ("q=ann", {"ann"}),
        ("q=ANN@shop", {"ann"}),
        ("q=%2B1 415", {"ann", "bob"}),
        ("q=9198", {"zoe"}),
        ("q=nobody", set()),
        ("consent=yes", {"ann", "zoe"}),
        ("consent=out", {"bob"}),
        ("consent=dnd", set()),
        ("consent=stopped", set()),
        ("consent=yes&q=1415", {"ann"}),
    ],
)
def test_finding_contacts(operator: Client, people: None, query: str, who: set[str]) -> None:
    assert found(operator, query) == who


def test_the_search_goes_through_indexes(people: None) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")
    plan = finding.search(Contact.objects.order_by("-id"), "1415", WHOLE).explain()
    identity = "contact_identity" if connection.vendor == "postgresql" else "autoindex_audience_contact"
    for index in (identity, "contact_email", "contact_phone"):
        assert index in plan
    assert "Seq Scan" not in plan
    assert "SCAN" not in plan
    assert set(finding.CONSENT) == {"yes", "out", "dnd", "stopped"}
    # PostgreSQL goes by how many they are, and among four takes either way.
    for consent in finding.CONSENT.values() if connection.vendor == "sqlite" else ():
        assert "contact_reachable" in Contact.objects.filter(**consent).order_by("-id")[:50].explain()


def test_a_contacts_page(operator: Client, people: None) -> None:
    ann = contact("ann")
    properties.note({("Booked", "Departs"): "moment"})
    ContactEvent.objects.create(
        contact=ann,
        name="Booked",
        at=timezone.now(),
        properties={"Departs": "2026-03-31T08:30:00Z"},
        digest="d",
    )
    shown = text(operator.get(f"{CONTACTS}{ann.pk}/change/"))
    for words in (
        "+14155551234",
        "=1+1",
        "Booked",
        "2026-03-31 08:30",
        "Reachable",
        "CSV upload",
        "line 2 of",
    ):
        assert words in shown, words
    assert f"{CONTACTS}{contact('bob').pk}/change/" in shown, "the other contact with the number"
    assert "/admin/campaigns/message/?q=14155551234" in shown


def test_an_operator_records_what_a_person_asked_for(operator: Client, looker: Client, people: None) -> None:
    bob = contact("bob")
    shown = text(operator.get(f"{CONTACTS}{bob.pk}/change/"))
    assert "Opt in" in shown
    assert "Opt out" not in shown
    assert "Kept as the proof" in text(operator.get(f"{CONTACTS}{bob.pk}/opt-in/"))
    assert "This field is required" in do(operator, f"{CONTACTS}{bob.pk}/opt-in/", reason="")
    assert not contact("bob").opted_in, "a reason is needed"
    do(operator, f"{CONTACTS}{bob.pk}/opt-in/", reason="signed a form")
    change = OptChange.objects.get(contact=bob)
    assert (change.why, change.by, change.proof, contact("bob").opted_in) == (
        "admin",
        "mira",
        "signed a form",
        True,
    )
    looker.post(f"{CONTACTS}{bob.pk}/stop/", {"reason": "x"}, status=403)
    do(operator, f"{CONTACTS}{bob.pk}/stop/", reason="asked")
    assert not contact("bob").reachable
    assert "signed a form" in text(operator.get("/admin/audience/optchange/?q=1415"))


def test_a_contact_is_deleted_and_its_proofs_stay(operator: Client, people: None) -> None:
    do(operator, f"{CONTACTS}{contact('ann').pk}/delete/", post="yes")
    assert not Contact.objects.filter(identity="ann").exists()
    assert OptChange.objects.get(phone="14155551234").contact is None


def test_an_export_escapes_formulas_and_comes_back(operator: Client, people: None) -> None:
    exported = text(operator.get(f"{CONTACTS}export/?consent=yes"))
    rows = list(csv.reader(io.StringIO(exported.removeprefix("\ufeff"))))
    assert rows == [
        ["identity", "Name", "Email", "Phone", "Gender", "MSG-whatsapp", "MSG-dndWhatsApp", "note"],
        ["ann", "Ann", "ann@shop.example", "'+14155551234", "", "TRUE", "FALSE", "'=1+1"],
        ["zoe", "Zoe", "zoe@shop.example", "'+919812300001", "", "TRUE", "FALSE", ""],
    ]
    done = taken_over(exported)
    assert (done.unchanged, done.updated) == (2, 0)


def test_whatever_the_api_stored_comes_back_from_an_export(operator: Client, people: None) -> None:
    told = {
        "Tags": ["a", '"b",', 3, True], "Born": "$D_631152000", "Zip": "00123", "Points": -2.5, "VIP": True,
        "-m": "line\nbreak",
    }  # fmt: skip
    record = {"identity": "ann", "profileData": told}
    writing.write([profiles.read_profile(record)], writing.Source(OptChange.Why.API), timezone.now())
    before = contact("ann").attributes
    done = taken_over(text(operator.get(f"{CONTACTS}export/")))
    assert (done.failed, done.updated) == (0, 0)
    assert contact("ann").attributes == before


def test_changes_of_consent_are_exported_with_their_proofs(operator: Client, people: None) -> None:
    opting.by_operator(contact("zoe"), OptChange.To.STOP, "mira", "=asked on the phone", timezone.now())
    zoe = contact("zoe")
    url = "/admin/audience/optchange/"
    assert f"{url}export/?q=9198" in text(operator.get(f"{url}?q=9198"))
    _, opted_in, stopped = csv.reader(io.StringIO(text(operator.get(f"{url}export/?q=9198"))))
    assert opted_in[1:5] == [zoe.phone, "zoe", "opted in", "CSV upload"]
    assert stopped[1:8] == [
        zoe.phone, "zoe", "do not disturb", "an operator", "'=asked on the phone", "mira", "",
    ]  # fmt: skip


def test_an_export_holds_one_chunk_at_a_time(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audience.exporting.CHUNK", 2)
    taken_over("identity,phone\n" + "".join(f"p{n},\n" for n in range(7)))
    assert text(operator.get(f"{CONTACTS}export/")).count("\r\n") == 8


# Opt-out words, and accounts


def test_opt_out_words(operator: Client, provider: Provider) -> None:
    form = {"provider": provider.pk, "stop_words": "STOP\nQuit", "start_words": "", "subscribe_url": ""}
    do(operator, "/admin/audience/optsetting/add/", **form)
    setting = OptSetting.objects.get()
    assert opting.settings_of(provider.pk) == opting.Words(("stop", "quit"), ())
    page = f"/admin/audience/optsetting/{setting.pk}/change/"
    shown = text(operator.post(page, form | {"subscribe_url": "https://in1.api.clevertap.com/1/subscribe"}))
    assert "needs the account id and its passcode" in shown
    form |= {
        "subscribe_url": "https://in1.api.clevertap.com/1/subscribe",
        "account_id": "A",
        "passcode": "s3cret",
    }
    do(operator, page, **form)
    setting.refresh_from_db()
    assert setting.account == {"account_id": "A", "passcode": "s3cret"}
    assert "s3cret" not in text(operator.get(page))
    do(operator, page, **form | {"passcode": "", "account_id": "B"})
    setting.refresh_from_db()
    assert setting.account == {"account_id": "B", "passcode": "s3cret"}
    assert "stop, quit" in text(operator.get("/admin/audience/optsetting/"))


def test_the_passcode_goes_only_where_it_was_meant_for(
    operator: Client, provider: Provider, settings: Any
) -> None:
    setting = OptSetting.objects.create(
        provider=provider,
        subscribe_url="https://in1.api.clevertap.com/1/subscribe",
        account={"account_id": "A", "passcode": "s3cret"},
    )
    page = f"/admin/audience/optsetting/{setting.pk}/change/"
    elsewhere = {
        "provider": provider.pk, "stop_words": "STOP", "start_words": "", "account_id": "A", "passcode": "",
        "subscribe_url": "http://127.0.0.1:9/subscribe",
    }  # fmt: skip
    assert destinations.AGAIN in text(operator.post(page, elsewhere))
    do(operator, page, **elsewhere | {"passcode": "new"})
    setting.refresh_from_db()
    assert setting.account["passcode"] == "new"
    settings.ALLOW_PRIVATE_TARGETS = False
    assert "not a public address" in text(operator.post(page, elsewhere | {"passcode": "new"}))


def test_an_accounts_passcode_is_shown_once(operator: Client) -> None:
    answer = operator.post(
        "/admin/audience/uploadaccount/add/", {"account_id": "SHOP-1", "label": "Shop"}, follow=True
    )
    account = UploadAccount.objects.get()
    shown = text(answer)
    passcode = shown.partition('id="passcode">')[2].partition("<")[0]
    assert accounts.admits("SHOP-1", passcode)
    assert passcode not in account.passcode
    assert "shown already" in text(operator.get(answer.redirect_chain[-1][0]))
    do(operator, f"/admin/audience/uploadaccount/{account.pk}/new-passcode/")
    assert not accounts.admits("SHOP-1", passcode)
    shown = text(operator.post("/admin/audience/uploadaccount/add/", {"account_id": "a b"}))
    assert "1 to 64 letters" in shown
    assert UploadAccount.objects.count() == 1


def test_opt_outs_are_told_again(operator: Client, provider: Provider) -> None:
    now = timezone.now()
    row = Subscription.objects.create(
        provider=provider, phone="14155551234", status="Unsubscribe", state=3, error="HTTP 400",
        created_at=now, next_attempt_at=now,
    )  # fmt: skip
    url = "/admin/audience/subscription/"
    assert "HTTP 400" in text(operator.get(url))
    do(operator, url, action="retry_selected", _selected_action=[row.pk])
    row.refresh_from_db()
    assert row.state == Subscription.State.PENDING
    assert "HTTP 400" in text(operator.get(f"{url}?q=%2B1415"))
    assert "HTTP 400" not in text(operator.get(f"{url}?q=4155"))
    _, told = csv.reader(io.StringIO(text(operator.get(f"{url}export/?state=1"))))
    assert told[1:] == [provider.nickname, "14155551234", "Unsubscribe", "Pending", "0", "HTTP 400", ""]


def test_rows_with_warnings_are_shown_and_downloaded_apart(operator: Client) -> None:
    taken_over("identity,phone,Points\nseed,,1\n")
    text_of_file = "identity,phone,Points\nann,+14155551234,many\nbob,12,3\n"
    shown = text(choose(operator, text_of_file))
    assert "1 of these rows have a value that does not fit" in shown
    draft = Upload.objects.get(state="draft")
    do(operator, f"{UPLOADS}{draft.pk}/columns/", **columns(draft, start="yes"))
    upload.drain()
    page = text(operator.get(f"{UPLOADS}{draft.pk}/change/"))
    assert 'id="upload-warnings"' in page
    assert "1 created, 1 failed, 1 warned" in text(operator.get(UPLOADS))
    for name, identity, words in (
        ("warnings", "ann", "Points “many” is not a number"),
        ("errors", "bob", "Phone “12”"),
    ):
        file = text(operator.get(f"{UPLOADS}{draft.pk}/{name}/")).removeprefix("\ufeff")
        _, row = csv.reader(io.StringIO(file))
        assert words in row[1]
        assert row[2] == identity


def test_the_mapping_step_shows_numbers_as_stored_and_asks_for_the_country(operator: Client) -> None:
    shown = text(choose(operator, "identity,phone,MSG-whatsapp\na,9812300001,TRUE\nb,+989123456789,TRUE\n"))
    assert "1 of 2 numbers have no country code" in shown
    draft = Upload.objects.get()
    url = f"{UPLOADS}{draft.pk}/columns/"
    assert "The upload was not started. Choose the country" in do(
        operator, url, **columns(draft, start="yes")
    )
    shown = do(operator, url, **columns(draft, check="yes", country="IN"))
    assert "+919812300001" in shown
    assert "India" in shown
    assert "Iran" in shown
    assert "no-consent" not in shown


def test_what_a_file_does_to_consent_is_shown_before_and_after(operator: Client, people: None) -> None:
    opting.by_operator(contact("zoe"), OptChange.To.STOP, "mira", "asked on the phone", timezone.now())
    file = "identity,phone,MSG-whatsapp,MSG-dndWhatsApp\nzoe,,TRUE,\nnew,+14155559999,TRUE,\n"
    shown = text(choose(operator, file))
    assert "stopped by an operator" in shown
    assert "MSG-whatsapp TRUE alone never lifts a stop" in shown
    draft = Upload.objects.get(state="draft")
    do(operator, f"{UPLOADS}{draft.pk}/columns/", **columns(draft, start="yes"))
    upload.drain()
    draft.refresh_from_db()
    assert draft.consent == {"in": 1, "stays_operator": 1}
    assert "stopped by an operator" in text(operator.get(f"{UPLOADS}{draft.pk}/change/"))
    back = "identity,phone,MSG-whatsapp,MSG-dndWhatsApp\nzoe,,TRUE,FALSE\n"
    assert "opted in again after a stop by an operator" in text(choose(operator, back))
    assert taken_over(back).consent == {"resume": 1, "lifted_operator": 1}


def test_numbers_are_hidden_in_every_text_of_a_contact(signed_in: Any, operator: Client) -> None:
    """Its name, its e-mail and the names of what is known of it may hold a number, too."""
    number = "98765–43210"
    told = {"Name": f"Ann {number}", "Email": "9876543210@shop.example", f"Shop {number}": number}
    record = {"identity": "ann", "profileData": told}
    writing.write([profiles.read_profile(record)], writing.Source(OptChange.Why.API), timezone.now())
    ContactEvent.objects.create(
        contact=contact("ann"),
        name=f"Called {number}",
        at=timezone.now(),
        properties={number: number},
        digest="1",
    )
    hiding = signed_in(["view_contact"])
    urls = (CONTACTS, f"{CONTACTS}{contact('ann').pk}/change/")
    for url in urls:
        assert not re.search(r"98765\W?43210", text(hiding.get(url)))
        assert number in text(operator.get(url))
    hidden = list(exporting.contacts(Contact.objects.all(), HIDDEN))
    assert not re.search(r"98765\W?43210", str(hidden))
