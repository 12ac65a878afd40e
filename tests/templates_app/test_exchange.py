"""Templates out of and into files: what a file may say, and what is done with one that is wrong."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import Entry
from lib.sheets import harmless, unharmed
from providers.models import Provider
from templates_app.exchange import formats, forms
from templates_app.exchange.resource import TemplateResource
from templates_app.models import Template, TemplateChange
from tests.factories import make_provider

LIST = "/admin/templates_app/template/"
CSV, XLSX, JSON = range(3)
BODY = [{"type": "BODY", "text": "Hello {{1}}, it is ready", "example": {"body_text": [["Mira"]]}}]
URL = [
    *BODY,
    {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Go", "url": "https://x.example/{{1}}"}]},
]
URL[1]["buttons"][0]["example"] = ["https://x.example/a"]

Row = dict[str, Any]


@pytest.fixture
def shop(db: None) -> Provider:
    return make_provider(nickname="Shop")


@pytest.fixture
def ready(shop: Provider) -> Template:
    return Template.objects.create(
        provider=shop,
        name="order_ready",
        language="en",
        category="UTILITY",
        components=URL,
        imported=URL,
        tracked=["button.0"],
    )


def text(response: Any, status: int = 200) -> str:
    """The page's words."""
    assert response.status_code == status, response
    return re.sub(r"\s+", " ", response.content.decode())


def entry(**values: Any) -> Row:
    return {
        "provider": "Shop",
        "name": "late",
        "language": "en",
        "category": "UTILITY",
        "components": BODY,
    } | values


def as_csv(*rows: Row, delimiter: str = ",") -> bytes:
    written = io.StringIO()
    writer = csv.DictWriter(written, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    for row in rows:
        cells = {name: json.dumps(cell) if isinstance(cell, list) else cell for name, cell in row.items()}
        writer.writerow(cells)
    return written.getvalue().encode()


def as_xlsx(*rows: Row) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append([json.dumps(cell) if isinstance(cell, list) else cell for cell in row.values()])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def as_json(*rows: Row) -> bytes:
    return json.dumps(rows).encode()


def upload(client: Client, name: str, content: bytes, status: int = 200) -> Any:
    chosen = {"resource": "0", "import_file": SimpleUploadedFile(name, content)}
    return client.post(f"{LIST}import/", chosen, status=status)


def sealed(response: Any) -> dict[str, str]:
    """What the preview's form posts."""
    return {name: str(value) for name, value in response.context["confirm_form"].initial.items()}


def apply(client: Client, previewed: Any) -> Any:
    return client.post(f"{LIST}process_import/", sealed(previewed), follow=True)


def refused(client: Client, name: str, content: bytes) -> str:
    """The page of a file that is not taken; nothing has changed."""
    before = list(Template.objects.values().order_by("pk"))
    response = upload(client, name, content)
    assert "confirm_form" not in response.context
    assert list(Template.objects.values().order_by("pk")) == before
    assert not TemplateChange.objects.exists()
    return text(response).replace("&quot;", '"').replace("&#x27;", "'")


def exported(client: Client, format: int, query: str = "") -> Any:
    return client.post(f"{LIST}export/{query}", {"format": format, "resource": "0"}, status=200)


# Out


def test_the_list_offers_both(operator: Client, ready: Template) -> None:
    shown = text(operator.get(LIST, {"status": "APPROVED"}))
    assert f'href="{LIST}import/"' in shown
    assert f'href="{LIST}export/?status=APPROVED"' in shown
    assert "CSV and XLSX open in a spreadsheet" in text(operator.get(f"{LIST}export/"))
    assert "Preview" in text(operator.get(f"{LIST}import/"))


def test_what_the_filters_match_is_exported(operator: Client, ready: Template) -> None:
    Template.objects.create(
        provider=ready.provider, name="late", language="en", status="REJECTED", components=BODY
    )
    response = exported(operator, JSON, "?status=REJECTED")
    assert response["Content-Disposition"] == f'attachment; filename="templates-{timezone.localdate()}.json"'
    assert json.loads(response.content) == [
        {
            "provider": "Shop",
            "name": "late",
            "language": "en",
            "category": "MARKETING",
            "status": "REJECTED",
            "parameter_format": "POSITIONAL",
            "ttl_seconds": None,
            "tracked": [],
            "components": BODY,
            "extra": {},
        }
    ]


def test_formulas_are_texts_in_spreadsheets_only(operator: Client, ready: Template) -> None:
    Provider.objects.update(nickname="=cmd|' /C calc'!A0")
    [row] = list(csv.DictReader(io.StringIO(exported(operator, CSV).content.decode("utf-8-sig"))))
    assert row["provider"] == "'=cmd|' /C calc'!A0"
    assert json.loads(row["components"]) == URL
    sheet = openpyxl.load_workbook(io.BytesIO(exported(operator, XLSX).content)).active
    assert sheet is not None
    assert sheet["A2"].value == "'=cmd|' /C calc'!A0"
    assert sheet["A2"].data_type == "s"
    assert json.loads(exported(operator, JSON).content)[0]["provider"] == "=cmd|' /C calc'!A0"


@pytest.mark.parametrize("word", ["=1", "'=1", "''@x", "-", "'plain", "plain", "\t=1"])
def test_escaping_is_undone_when_reading(word: str) -> None:
    escaped = harmless(word)
    assert isinstance(escaped, str)
    assert not escaped.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unharmed(escaped) == word


@pytest.mark.parametrize(("format", "name"), [(CSV, "t.csv"), (XLSX, "t.xlsx"), (JSON, "t.json")])
def test_an_exported_file_changes_nothing(operator: Client, ready: Template, format: int, name: str) -> None:
    Provider.objects.update(nickname="@Shop")
    odd = [
        {"type": "BODY", "text": "A {{1}} that no rule allows {{3}} =1+1\n😀"},
        {"type": "NEW_THING", "x": None},
    ]
    more = {"optimization_spec": {"bid_amount": 25000}, "note": "=1+1\n😀"}
    Template.objects.create(
        provider=ready.provider, name="Odd", language="xx", ttl_seconds=7, components=odd, extra=more
    )
    nothing = [{"type": "", "text": "x"}]
    Template.objects.create(provider=ready.provider, name="empty", language="en", components=[])
    Template.objects.create(provider=ready.provider, name="untyped", language="en", components=nothing)
    previewed = upload(operator, name, exported(operator, format).content)
    assert "0 new, 0 changed, 4 unchanged" in text(previewed)
    assert ">Apply<" not in text(previewed)


@pytest.mark.parametrize(("length", "fits"), [(32_766, True), (32_767, True), (32_768, False)])
def test_a_cell_too_long_for_a_spreadsheet_is_not_cut(
    operator: Client, ready: Template, length: int, fits: bool
) -> None:
    components = [{"type": "BODY", "text": ""}]
    components[0]["text"] = "x" * (length - len(json.dumps(components)))
    Template.objects.update(components=components)
    answer = exported(operator, XLSX)
    assert answer.content.startswith(b"PK") == fits
    if not fits:
        assert "A spreadsheet cannot hold order_ready (en)" in text(answer)
    assert length < len(exported(operator, JSON).content)


# In


@pytest.mark.parametrize(("write", "name"), [(as_csv, "t.csv"), (as_xlsx, "t.XLSX"), (as_json, "t.json")])
def test_a_file_is_previewed_then_applied(
    operator: Client, ready: Template, write: Callable[..., bytes], name: str
) -> None:
    changed = [{**BODY[0], "text": "Hi {{1}}, it is ready"}, *URL[1:]]
    content = write(
        entry(ttl_seconds=3600, status="PENDING", tracked=""),
        entry(name="order_ready", ttl_seconds=None, status="paused", tracked="button.0", components=changed),
    )
    previewed = upload(operator, name, content)
    shown = text(previewed)
    assert "1 new, 1 changed, 0 unchanged" in shown
    for words in ("late (en)", "order_ready (en)", "APPROVED → PAUSED", "Nothing is applied yet"):
        assert words in shown
    assert (
        "<ins>+     &quot;text&quot;: &quot;Hi {{1}}, it is ready&quot;,</ins>" in previewed.content.decode()
    )
    assert Template.objects.count() == 1
    assert not TemplateChange.objects.exists()

    assert f"Imported {name}: 1 new, 1 changed, 0 unchanged." in text(apply(operator, previewed))
    ready.refresh_from_db()
    assert (ready.components, ready.imported, ready.status) == (changed, URL, "PAUSED")
    assert (ready.edited, ready.tracked) == (True, ["button.0"])
    late = Template.objects.get(name="late")
    assert (late.components, late.imported, late.ttl_seconds) == (BODY, None, 3600)
    entries = TemplateChange.objects.order_by("template_id", "kind")
    assert [(each.template_id, each.kind, each.source, each.by) for each in entries] == [
        (ready.pk, "content", "person", "mira"),
        (ready.pk, "status", "person", "mira"),
        (late.pk, "created", "person", "mira"),
    ]
    logged = LogEntry.objects.values_list("object_id", "change_message")
    assert set(logged) == {(str(pk), f"From the file {name}") for pk in (ready.pk, late.pk)}
    assert Entry.objects.get(name="templates").details["file"] == name


def test_the_same_name_at_another_provider_is_another_template(operator: Client, ready: Template) -> None:
    acme = make_provider(nickname="Acme")
    theirs = Template.objects.create(provider=acme, name="order_ready", language="en", components=BODY)
    before = Template.objects.values().get(pk=theirs.pk)
    row = entry(name="order_ready", status="PAUSED")
    previewed = upload(operator, "t.json", as_json(row, row | {"provider": "Acme", "name": "late"}))
    assert "1 new, 1 changed, 0 unchanged" in text(previewed)
    apply(operator, previewed)
    assert Template.objects.values().get(pk=theirs.pk) == before
    ready.refresh_from_db()
    assert (ready.status, ready.components) == ("PAUSED", BODY)
    assert list(Template.objects.filter(name="late").values_list("provider__nickname", flat=True)) == ["Acme"]
    shops = json.loads(exported(operator, JSON, f"?provider={ready.provider_id}").content)
    assert [(each["provider"], each["name"]) for each in shops] == [("Shop", "order_ready")]


def test_columns_that_are_left_out_stay(operator: Client, ready: Template) -> None:
    rows = as_csv({"Provider": "Shop", "Name": "order_ready", "Language": "en", "Status": "disabled"})
    apply(operator, upload(operator, "t.csv", rows))
    ready.refresh_from_db()
    assert (ready.status, ready.components, ready.category, ready.tracked) == (
        "DISABLED", URL, "UTILITY", ["button.0"],
    )  # fmt: skip


def test_an_approved_template_need_not_keep_the_rules_to_be_paused(operator: Client, ready: Template) -> None:
    odd = [{"type": "BODY", "text": "{{1}} begins and {{7}}"}]
    Template.objects.update(name="Odd Name", components=odd, imported=odd)
    row = {
        "provider": "Shop",
        "name": "Odd Name",
        "language": "en",
        "status": "PAUSED",
        "category": "MARKETING",
    }
    assert "0 new, 1 changed" in text(upload(operator, "t.csv", as_csv(row)))
    edited = json.dumps([*odd, {"type": "FOOTER", "text": "x"}])
    assert "components: body: " in refused(operator, "t.csv", as_csv(row | {"components": edited}))


def test_a_tracked_button_that_goes_is_tracked_no_more(operator: Client, ready: Template) -> None:
    previewed = upload(operator, "t.json", as_json(entry(name="order_ready", components=BODY)))
    assert "tracked" in text(previewed)
    apply(operator, previewed)
    ready.refresh_from_db()
    assert (ready.tracked, ready.components) == ([], BODY)


def test_semicolons_a_byte_order_mark_and_blank_rows_are_fine(operator: Client, shop: Provider) -> None:
    content = b"\xef\xbb\xbf" + as_csv(entry(), delimiter=";") + b";;;;\r\n\r\n"
    assert "1 new, 0 changed" in text(upload(operator, "t.csv", content))


def test_what_a_sheet_takes_for_a_number_is_a_text(operator: Client, shop: Provider) -> None:
    Provider.objects.update(nickname="123")
    content = as_xlsx(entry(provider=123, name=2024.0))
    apply(operator, upload(operator, "t.xlsx", content))
    assert Template.objects.get().name == "2024"
    assert "0 new, 0 changed, 1 unchanged" in text(upload(operator, "t.xlsx", content))


def test_one_created_meanwhile_is_told(
    operator: Client, shop: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    previewed = upload(operator, "t.json", as_json(entry(), entry(name="other")))
    monkeypatch.setattr(TemplateResource, "get_instance", lambda *args: None)
    Template.objects.create(provider=shop, name="late", language="en", components=BODY)
    assert "Somebody else has created a template" in text(apply(operator, previewed))
    assert Template.objects.count() == 1


# Files that are wrong


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.txt", b"x", "Choose a file whose name ends in .csv, .xlsx, .json."),
        ("t.csv", b"\n\n", "The file is empty."),
        ("t.json", b"[]", "The file is empty."),
        ("t.csv", as_csv(entry()).splitlines()[0], "a heading and no template"),
        ("t.csv", b"provider,name,language\nShop,sp\xe4t,en", "not in UTF-8: line 2 holds the byte 0xe4"),
        ("t.csv", as_csv(entry()).decode().encode("utf-16"), "not in UTF-8: line 1 holds the byte 0xff"),
        ("t.csv", as_csv(entry()).decode().encode("utf-16-le"), "it holds null bytes"),
        ("t.csv", b'provider,name,language\nShop,"late"x,en', "Line 2 is not CSV"),
        ("t.csv", b"provider,name,language\nShop,late,en,more", "Row 2 has 4 cells, the heading 3."),
        ("t.csv", b"provider,name\nShop,late", "The column language is missing. A file may have the columns"),
        ("t.csv", b"nickname|x\nShop|late", "The columns provider, name and language are missing."),
        ("t.csv", as_csv(entry(categry="x")), "There is no column “categry”."),
        ("t.csv", b"provider,name,language,name\nShop,late,en,late", "The file has the column name twice."),
        ("t.xlsx", b"PK no", "This is not an XLSX workbook."),
        ("t.xlsx", as_csv(entry()), "This is not an XLSX workbook."),
        ("t.json", b'[{"provider": "Shop",]', "This is not JSON: "),
        ("t.json", b'[{"provider": NaN}]', "NaN is not a number of JSON"),
        ("t.json", b"[" * 100_000, "This JSON cannot be read"),
        ("t.json", b'{"data": []}', "Expected a list of templates"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table(
    operator: Client, ready: Template, name: str, content: bytes, words: str
) -> None:
    assert words in refused(operator, name, content)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (entry(provider="Acme"), "provider: There is no provider “Acme”. Providers: Shop."),
        (entry(provider="", language=None), "provider: Empty. Fill it in."),
        (entry(name=["x"]), "name: Expected a text."),
        (entry(name="a\0b"), "name: A null character is not allowed here."),
        (entry(name="Late!"), "name: Meta allows only the letters a to z"),
        (entry(language="english"), "language: english is not one of Meta's language codes"),
        (entry(category="promo"), "category: “PROMO” is not one of MARKETING, UTILITY, AUTHENTICATION."),
        (entry(status=""), "status: Empty. Fill it in."),
        (entry(parameter_format=7), "parameter_format: “7” is not one of POSITIONAL, NAMED."),
        (entry(ttl_seconds="1 h"), "ttl_seconds: “1 h” is not a whole number of seconds."),
        (entry(ttl_seconds=10**20), "is not a whole number of seconds."),
        (entry(ttl_seconds=5), "ttl_seconds: For utility Meta allows"),
        (entry(tracked={"x": 1}), "tracked: Expected a list of buttons"),
        (entry(tracked=["button.0"]), "tracked: “button.0” is not a URL button with a variable."),
        (entry(components=""), "components: Empty."),
        (entry(extra=["optimization_spec"]), "extra: Write an object with further keys"),
        (entry(extra="{"), "extra: Broken JSON at character"),
        (entry(extra={"note": "a\0b"}), "extra: It has characters"),
        (entry(components='[{"type": "BODY",}]'), "components: Broken JSON at character"),
        (entry(components="[" * 100_000), "components: JSON that is nested too deeply."),
        (entry(components='[{"type": "BODY", "text": NaN}]'), "components: NaN is not a number of JSON."),
        (entry(components={"type": "BODY"}), "components: Expected Meta's list of components"),
        (entry(components=[]), "components: Expected Meta's list of components"),
        (entry(components=[{"text": "x"}]), "components: Component 1 has no “type”."),
        (entry(components=[{"type": "CAROUSEL", "cards": [{"components": []}]}]), "Expected card 1"),
        (entry(components=[{"type": "BODY", "text": "a\0b"}]), "components: It has characters"),
        (entry(components=[{"type": "BODY", "text": "\ud83d"}]), "components: It has characters"),
        (entry(components=[{"type": "BODY", "text": "x" * 1100}]), "components: body: "),
        (entry(components=[{"type": "HEADER", "format": "TEXT", "text": "x"}]), "components: body: "),
        ({"provider": "Shop", "name": "late", "language": "en"}, "components: A new template needs"),
    ],
)  # fmt: skip
def test_a_row_that_is_wrong_names_the_column(
    operator: Client, ready: Template, row: Row, words: str
) -> None:
    fine = {name: cell for name, cell in entry(name="fine").items() if name in row}
    shown = refused(operator, "t.json", as_json(fine, row))
    assert words in shown.replace("’", "'")
    assert "Nothing was imported." in shown


def test_a_template_that_is_there_twice(operator: Client, ready: Template) -> None:
    rows = [entry(), entry(name="other"), entry(status="PAUSED")]
    shown = refused(operator, "t.csv", as_csv(*[{"status": "APPROVED"} | row for row in rows]))
    assert "<strong>Row 4</strong> · The file has this template twice." in shown


def test_of_five_thousand_rows_one_bad_one_stops_all(operator: Client, ready: Template) -> None:
    rows = [entry(name=f"t_{number}") for number in range(4_999)]
    shown = refused(operator, "t.csv", as_csv(*rows[:4_000], entry(provider="?"), *rows[4_000:]))
    assert "<strong>Row 4002</strong> · provider: There is no provider “?”." in shown


def test_five_thousand_rows(operator: Client, ready: Template) -> None:
    rows = [entry(name=f"t_{number}", components=URL) for number in range(4_999)]
    content = as_csv(*rows, entry(name="order_ready"))
    previewed = upload(operator, "t.csv", content)
    assert "and 4,800 more" in text(previewed)
    assert "4,999 new, 1 changed" in text(apply(operator, previewed))
    assert Template.objects.count() == TemplateChange.objects.count() == 5_000
    assert "0 new, 0 changed, 5,000 unchanged" in text(upload(operator, "t.csv", content))


def test_more_rows_than_one_import_takes(
    operator: Client, ready: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "MOST_ROWS", 3)
    rows = [entry(name=f"t_{number}") for number in range(4)]
    for write, name in ((as_csv, "t.csv"), (as_xlsx, "t.xlsx"), (as_json, "t.json")):
        for number in (2, 3):
            assert f"{number} new" in text(upload(operator, name, write(*rows[:number])))
        assert "More than 3 templates at once are too many. Split the file." in refused(
            operator, name, write(*rows)
        )


@pytest.mark.parametrize(("more", "words"), [(-1, "1 new"), (0, "1 new"), (1, "is larger than")])
def test_a_file_at_the_limit(
    operator: Client, shop: Provider, monkeypatch: pytest.MonkeyPatch, more: int, words: str
) -> None:
    content = as_json(entry())
    monkeypatch.setattr(forms, "MOST_BYTES", len(content) - more)
    assert words in text(upload(operator, "t.json", content))


@pytest.mark.parametrize(
    ("more", "words"), [(-1, "1 new"), (0, "1 new"), (1, "The workbook is compressed, and unpacks to")]
)
def test_a_workbook_is_unpacked_up_to_a_limit(
    operator: Client, shop: Provider, monkeypatch: pytest.MonkeyPatch, more: int, words: str
) -> None:
    content = as_xlsx(entry())
    size = sum(each.file_size for each in ZipFile(io.BytesIO(content)).infolist())
    monkeypatch.setattr(formats, "MOST_UNPACKED", size - more)
    assert words in text(upload(operator, "t.xlsx", content))


def test_a_file_larger_than_the_form_may_carry(operator: Client, shop: Provider, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_100
    assert "too large to be imported at once" in refused(operator, "t.csv", as_csv(entry()))


# Between the preview and applying it


def test_what_was_previewed_cannot_be_altered_and_grows_old(operator: Client, shop: Provider) -> None:
    previewed = upload(operator, "t.csv", as_csv(entry()))
    form = sealed(previewed)
    forged = form | {"import_file_name": "x" + form["import_file_name"]}
    assert "Choose the file again" in text(operator.post(f"{LIST}process_import/", forged, follow=True))
    forged = form | {"import_file_name": "/etc/passwd"}
    assert "Choose the file again" in text(operator.post(f"{LIST}process_import/", forged, follow=True))
    with time_machine.travel(timezone.now() + timedelta(minutes=61), tick=True):
        assert "older than an hour" in text(operator.post(f"{LIST}process_import/", form, follow=True))
    assert not Template.objects.exists()
    with time_machine.travel(timezone.now() + timedelta(minutes=59), tick=True):
        assert "1 new" in text(operator.post(f"{LIST}process_import/", form, follow=True))


def test_what_no_longer_fits_when_it_is_applied_changes_nothing(operator: Client, shop: Provider) -> None:
    make_provider(nickname="Acme")
    previewed = upload(operator, "t.json", as_json(entry(), entry(provider="Acme")))
    Provider.objects.filter(nickname="Acme").update(nickname="Acme 2")
    shown = text(apply(operator, previewed))
    assert "Nothing was imported: something changed since the preview." in shown
    assert "<strong>Row 2</strong> · provider: There is no provider “Acme”." in shown
    assert not Template.objects.exists()
    assert not LogEntry.objects.exists()


def test_rows_and_timeline_are_one_transaction(
    operator: Client, ready: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    previewed = upload(operator, "t.json", as_json(entry(), entry(name="order_ready")))

    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(TemplateChange.objects, "bulk_create", broken)
    assert "the disk is full" in text(apply(operator, previewed))
    assert Template.objects.get().components == URL


# Who may


def test_one_who_may_only_look_exports_and_imports_nothing(
    looker: Client, signed_in: Callable[[Iterable[str]], Client], operator: Client, ready: Template
) -> None:
    shown = text(looker.get(LIST))
    assert f"{LIST}import/" not in shown
    assert f"{LIST}export/" in shown
    assert json.loads(exported(looker, JSON).content)[0]["name"] == "order_ready"
    form = sealed(upload(operator, "t.json", as_json(entry())))
    for client in (looker, signed_in(["view_template", "change_template"]), signed_in([])):
        client.get(f"{LIST}import/", status=403)
        upload(client, "t.json", as_json(entry()), status=403)
        client.post(f"{LIST}process_import/", form, status=403)
    signed_in([]).get(f"{LIST}export/", status=403)
    signed_in([]).post(f"{LIST}export/", {"format": JSON, "resource": "0"}, status=403)
    assert Template.objects.count() == 1
