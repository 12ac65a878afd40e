"""Ninety-two listings as Meta and BSPs have been seen to give them, and what becomes of each."""

import json
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from providers.models import Provider
from templates_app.content.components import slots
from templates_app.imports import runs
from templates_app.models import ImportRun, Template
from tests.endpoints import Endpoint
from tests.factories import make_provider
from tests.templates_app.test_exchange import CSV, JSON, XLSX, exported, text, upload
from tests.templates_app.test_serving import listed

LISTINGS: list[Any] = json.loads((Path(__file__).parent / "lists" / "catalogue.json").read_text())["data"]

UNSUPPORTED = {
    "otp_copy": "authentication templates",
    "otp_one_tap": "authentication templates",
    "otp_zero_tap": "authentication templates",
    "otp_as_url": "authentication templates",
    "catalog": "the button type catalog",
    "mpm": "the button type mpm",
    "spm": "the header format product",
    "flow": "the button type flow",
    "call_perm": "the component call_permission_request",
    "voice_call": "the button type voice_call",
    "order_details": "the button type order_details",
    "order_status": "the component order_status",
    "tap_target": "the component tap_target_configuration",
    "gif_header": "the header format gif",
    "app_btn": "the button type app",
    "reminder_btn": "the button type reminder",
    "extension": "the button type extension",
    "postback": "the button type postback",
    "product_carousel": "the header format product",
    "empty_components": "a template without components",
}
FAILED = [
    ("no_lang", "no language"),
    ("", "a template without a name"),
    ("", "a template without a name"),
    ("no_components (en_US)", "the components are null"),
    ("lang_test (es_419)", "the language 'es_419' is not spelled as Meta does, as in en or en_GB"),
    ("lang_test (sr_Latn)", "the language 'sr_Latn' is not spelled as Meta does, as in en or en_GB"),
    ("lang_test (en-US)", "the language 'en-US' is not spelled as Meta does, as in en or en_GB"),
    ("lang_test (pt-BR)", "the language 'pt-BR' is not spelled as Meta does, as in en or en_GB"),
]
STATUSES = {
    "st_approved": "APPROVED",
    "st_in_appeal": "REJECTED",
    "st_pending": "PENDING",
    "st_rejected": "REJECTED",
    "st_pending_deletion": "DISABLED",
    "st_deleted": "DISABLED",
    "st_disabled": "DISABLED",
    "st_paused": "PAUSED",
    "st_limit_exceeded": "REJECTED",
    "st_archived": "DISABLED",
    "st_in_review": "IN_REVIEW",
    "st_draft": "DRAFT",
    "st_unknown_new_status_that_is_long": "UNKNOWN_NEW_STATUS_T",
    "st_locked": "DISABLED",
    "st_submitted": "SUBMITTED",
    "st_active": "ACTIVE",
    "lower": "APPROVED",
    "many": "REJECTED",
}
CATEGORIES = {
    "lower": "UTILITY",
    "cat_ticket_update": "TICKET_UPDATE",
    "cat_transactional": "TRANSACTIONAL",
    "cat_account_update": "ACCOUNT_UPDATE",
    "cat_otp": "OTP",
    "cat_auto_reply": "AUTO_REPLY",
    "cat_service": "SERVICE",
    "cat_marketing_lite": "MARKETING_LITE",
}


@pytest.fixture
def listing(db: None, endpoint: Endpoint) -> Provider:
    endpoint.pages["/list?limit=500"] = (200, {}, json.dumps({"data": LISTINGS}).encode())
    return make_provider(import_endpoint=endpoint.url.removesuffix("/messages") + "/list")


@pytest.fixture
def run(listing: Provider) -> ImportRun:
    return runs.import_now(listing)


def row(name: str) -> Template:
    return Template.objects.get(name=name)


def examples(name: str) -> dict[str, str]:
    return {slot.path: slot.example for slot in slots(row(name).components)}


def test_the_report(run: ImportRun) -> None:
    assert run.state == "done"
    counts = {name: run.report[name] for name in runs.COUNTED}
    # "dup" is listed twice, and its first listing counts.
    assert counts == {
        "created": 63, "changed": 0, "unchanged": 0, "unsupported": 20, "failed": 8, "vanished": 0,
    }  # fmt: skip
    failed = [(one["template"], one["reason"]) for one in run.report["details"]["failed"]]
    assert failed == FAILED
    assert dict(Template.objects.exclude(unsupported="").values_list("name", "unsupported")) == UNSUPPORTED
    named = run.report["details"]["unsupported"]
    assert {one["template"].removesuffix(" (en_US)"): one["reason"] for one in named} == UNSUPPORTED


def test_the_command_line_names_what_is_not_taken(listing: Provider) -> None:
    out = StringIO()
    call_command("templates", "import", listing.nickname, stdout=out)
    assert "unsupported: flow (en_US): the button type flow\n" in out.getvalue()
    assert "failed: no_components (en_US): the components are null\n" in out.getvalue()


def test_a_second_import_changes_nothing(run: ImportRun, listing: Provider) -> None:
    again = runs.import_now(listing).report
    assert (again["unchanged"], again["changed"], again["vanished"]) == (63, 0, 0)


@pytest.mark.parametrize(("format", "name"), [(CSV, "t.csv"), (XLSX, "t.xlsx"), (JSON, "t.json")])
def test_their_export_read_back_changes_nothing(
    run: ImportRun, operator: Client, format: int, name: str
) -> None:
    previewed = upload(operator, name, exported(operator, format).content)
    assert f"0 new, 0 changed, {Template.objects.count()} unchanged" in text(previewed)


def test_components_are_stored_as_listed(run: ImportRun) -> None:
    """Every key of them. Only the types of components are put into capitals."""
    first = {}
    for one in LISTINGS:
        if isinstance(one, dict) and one.get("components") is not None and one.get("language"):
            first.setdefault((one["name"], str(one["language"])), one)
    stored = {(each.name, each.language): each for each in Template.objects.all()}
    for (name, language), one in first.items():
        if (name, language) in stored:
            wanted = [part | {"type": part["type"].upper()} for part in one["components"]]
            assert stored[name, language].components == stored[name, language].imported == wanted


def test_keys_that_have_no_field_survive(run: ImportRun) -> None:
    assert row("many").extra == {
        "library_template_name": "auto_pay_1",
        "correct_category": "UTILITY",
        "cta_url_link_tracking_opted_out": True,
        "degrees_of_freedom_spec": {
            "creative_features_spec": {"image_touchups": {"enroll_status": "OPT_IN"}}
        },
        "is_primary_device_delivery_only": False,
        "bid_spec": {"bid_amount": 10},
    }
    assert row("order_details").extra == {"sub_category": "ORDER_DETAILS"}
    assert (row("many").previous_category, row("many").status_reason) == (
        "ACCOUNT_UPDATE", "TAG_CONTENT_MISMATCH",
    )  # fmt: skip


@pytest.mark.parametrize(("name", "status"), STATUSES.items())
def test_statuses(run: ImportRun, name: str, status: str) -> None:
    assert row(name).status == status


@pytest.mark.parametrize(("name", "category"), CATEGORIES.items())
def test_categories(run: ImportRun, name: str, category: str) -> None:
    assert row(name).category == category


def test_quality_and_time_to_live(run: ImportRun) -> None:
    names = ("q_obj", "q_null", "q_str", "q_unknown")
    assert [row(name).quality for name in names] == ["GREEN", "", "YELLOW", "UNKNOWN"]
    assert [row(name).ttl_seconds for name in ("otp_copy", "otp_zero_tap", "q_obj")] == [60, -1, None]


def test_samples_of_named_variables_go_by_name(run: ImportRun) -> None:
    assert examples("named") == {
        "header.title": "Dr", "body.first_name": "Asha", "body.order_no": "A-17", "body.state": "shipped",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["named", "named_no_format", "named_lower"])
def test_named_variables_make_a_named_template(run: ImportRun, name: str) -> None:
    assert row(name).parameter_format == "NAMED"


def test_all_others_are_positional(run: ImportRun) -> None:
    assert Counter(Template.objects.values_list("parameter_format", flat=True)) == {
        "NAMED": 3,
        "POSITIONAL": 80,
    }


def test_samples_in_every_shape(run: ImportRun) -> None:
    assert examples("body_text_flat") == {"body.1": "A", "body.2": "B"}
    assert examples("body_text_multi") == {"body.1": "A", "body.2": "B"}
    assert examples("spaces") == {"body.1": "a", "body.2": "b"}
    assert examples("sixteen") == {f"body.{number}": f"v{number}" for number in range(1, 17)}
    assert examples("emoji") == {"body.1": "x"}
    assert examples("lto") == {
        "header": "https://x/y.jpg",
        "body.1": "P",
        "body.2": "C",
        "offer": "",
        "button.0": "CARIBE25",
        "button.1": "https://x.example/o?code=n3",
    }


def test_kinds(run: ImportRun) -> None:
    assert {name: row(name).kind for name in ("carousel", "product_carousel", "lto", "emoji")} == {
        "carousel": "carousel",
        "product_carousel": "carousel",
        "lto": "limited-time offer",
        "emoji": "basic",
    }


def test_languages(run: ImportRun) -> None:
    listed = {one["language"] for one in LISTINGS if isinstance(one, dict) and one["name"] == "lang_test"}
    stored = set(Template.objects.filter(name="lang_test").values_list("language", flat=True))
    assert listed - stored == {"es_419", "sr_Latn", "en-US", "pt-BR"}
    assert row("lang_obj").language == "de"


def test_the_first_of_two_counts(run: ImportRun) -> None:
    assert row("dup").components == [{"type": "BODY", "text": "first"}]


def test_what_clevertap_is_offered(run: ImportRun, listing: Provider) -> None:
    offered = {one["name"]: one for one in listed(listing, "?limit=500").json()["data"]}
    assert not offered.keys() & UNSUPPORTED.keys()
    assert not [name for name in offered if STATUSES.get(name, "APPROVED") != "APPROVED"]
    assert offered["named_no_format"]["parameter_format"] == "NAMED"
    assert "many" not in offered, "it was rejected"
