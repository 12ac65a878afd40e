"""Uploading contacts and reading the result, in a real browser against a gateway that works."""

import re
from time import sleep
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from audience import upload
from audience.models import Contact
from tests.browser.screenshots import shoot

pytestmark = pytest.mark.browser

ROWS = 4000


def users() -> bytes:
    lines = ["Customer;Name;Phone;MSG-WhatsApp;City;Departs"]
    for n in range(ROWS):
        number = f"+9198123{n:05d}" if n != 4 else "12345"
        lines.append(f"user-{n};José {n};{number};TRUE;Pune;2026-03-{n % 28 + 1:02d}")
    return "\r\n".join(lines).encode("cp1252")


@pytest.fixture
def pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each chunk takes as long as one of a far larger file."""
    plain = upload._write

    def write(*arguments: Any) -> None:
        sleep(1.2)
        plain(*arguments)

    monkeypatch.setattr(upload, "_write", write)
    monkeypatch.setattr(upload, "CHUNK", dict.fromkeys(upload.CHUNK, 1000))


def test_a_file_is_mapped_watched_and_its_errors_read(
    gateway: str, admin_page: Page, pace: None, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    page = admin_page
    page.set_viewport_size({"width": 1400, "height": 1250})
    page.get_by_role("link", name="Uploads").click()
    page.get_by_role("link", name="Upload CSV").click()
    file = {"name": "users.csv", "mimeType": "text/csv", "buffer": users()}
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Preview").click()

    expect(page.locator("#upload-rows")).to_have_text(f"{ROWS:,}")
    expect(page.get_by_text("Windows-1252 (Western European), separated by semicolons")).to_be_visible()
    expect(page.locator("#preview tbody tr")).to_have_count(10)
    expect(page.locator("#preview")).to_contain_text("José 0")
    expect(page.locator("#preview")).to_contain_text("Phone “12345” is not a phone number")
    expect(page.get_by_label("Type of Departs")).to_have_value("date")
    page.get_by_label("City becomes").select_option("an attribute")
    page.get_by_label("Attribute of City").fill("Home town")
    page.get_by_label("Name becomes").select_option("Phone")
    page.get_by_role("button", name="Check the columns").click()
    expect(page.get_by_role("alert")).to_contain_text("More than one column is phone")
    page.get_by_label("Name becomes").select_option("Name")
    page.get_by_role("button", name="Check the columns").click()
    expect(page.get_by_role("alert")).to_be_hidden()
    shoot(page, "audience-mapping")
    page.get_by_role("button", name="Start").click()

    page.evaluate("window.sameDocument = true")
    expect(page.locator("#upload-done")).to_have_text(re.compile("[123],000"))
    expect(page.get_by_role("progressbar")).to_be_visible()
    shoot(page, "audience-upload")
    expect(page.get_by_text("All rows were read")).to_be_visible()
    assert page.evaluate("window.sameDocument"), "nothing was loaded anew"
    expect(page.locator("#upload-created")).to_have_text(f"{ROWS - 1:,}")
    expect(page.locator("#upload-failed")).to_have_text("1")
    expect(page.locator("#upload-errors")).to_contain_text("12345")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download them all as CSV").click()
    assert "user-4" in download.value.path().read_text()

    page.goto(f"{gateway}/admin/audience/contact/?q=%2B9198123+00007")
    page.get_by_role("link", name="user-7", exact=True).click()
    expect(page.get_by_text("Home town")).to_be_visible()
    expect(page.get_by_text("line 9 of users.csv")).to_be_visible()
    page.get_by_role("link", name="Do not disturb").click()
    page.get_by_label("Reason").fill("Asked on the phone")
    page.get_by_role("button", name="Do not disturb").click()
    expect(page.get_by_text("“Asked on the phone”")).to_be_visible()
    shoot(page, "audience-contact")
    assert Contact.objects.get(identity="user-7").dnd


WITHOUT_COUNTRY = (
    "identity,Name,Phone,City\n"
    "9.19812E+11,Asha,98123 00011,Pune\n"
    "bo,Bo,98123 00012,Goa\n"
    "mia,Mia,+14155551234,Rome\n"
)


def test_a_file_without_country_and_consent_is_asked_about(
    gateway: str, admin_page: Page, settings: Any, tmp_path: Any
) -> None:
    """Numbers lack their country, an identity was shortened, and no column speaks of consent."""
    settings.MEDIA_ROOT = str(tmp_path)
    page = admin_page
    page.goto(f"{gateway}/admin/audience/upload/choose/")
    file = {"name": "users.csv", "mimeType": "text/csv", "buffer": WITHOUT_COUNTRY.encode()}
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Preview").click()

    warning = page.locator("#no-consent")
    expect(warning).to_contain_text("This file says nothing about consent")
    assert float(warning.evaluate("each => parseFloat(getComputedStyle(each).fontSize)")) >= 20
    expect(page.locator("#country-needed")).to_contain_text("2 of 3 numbers have no country code")
    expect(page.locator("#preview")).to_contain_text("was shortened by a spreadsheet")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("The upload was not started. Choose the country")).to_be_visible()
    assert not Contact.objects.exists()

    page.get_by_label("Country of the numbers without a country code").select_option("IN")
    page.get_by_role("button", name="Check the columns").click()
    expect(page.locator("#country-needed")).to_have_count(0)
    expect(page.locator("#as-stored")).to_contain_text("+919812300011")
    expect(page.locator("#as-stored")).to_contain_text("India")
    expect(page.locator("#as-stored")).to_contain_text("United States")
    expect(warning).to_be_visible()
    page.get_by_role("button", name="Start").click()

    expect(page.get_by_text("All rows were read")).to_be_visible()
    expect(page.locator("#upload-created")).to_have_text("2")
    expect(page.locator("#upload-failed")).to_have_text("1")
    expect(page.locator("#upload-errors")).to_contain_text("9.19812E+11")
    bo = Contact.objects.get(identity="bo")
    assert (bo.phone, bo.opted_in) == ("919812300012", False)
