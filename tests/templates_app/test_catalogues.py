"""Whole lists: the three responses of CleverTap's documentation, and a long one from the simulator."""

import json
from pathlib import Path

import pytest

from providers.models import Provider
from simulator.accounts import Account
from simulator.server import Simulator
from templates_app.content import components
from templates_app.imports import runs
from templates_app.models import Template
from tests.endpoints import Endpoint
from tests.factories import make_provider

# "Import Templates" on CleverTap's Generic WhatsApp page; the next page is on the vendor's host there.
RESPONSES = Path(__file__).with_name("responses")


@pytest.fixture
def documented(db: None, endpoint: Endpoint) -> Provider:
    """A provider whose endpoint answers with the three, a page each, by cursor."""
    base = endpoint.url.removesuffix("/messages") + "/templates/import"
    query, cursor = "limit=500", ""
    for number, name in enumerate(("basic", "limited_time_offer", "carousel"), 1):
        body = json.loads((RESPONSES / f"{name}.json").read_text())
        if number == 3:
            del body["paging"]["next"]
        else:
            body["paging"]["cursors"]["after"] = f"page{number + 1}"
        endpoint.pages[f"/templates/import?{query}{cursor}"] = (200, {}, json.dumps(body).encode())
        cursor = f"&after=page{number + 1}"
    provider = make_provider(import_endpoint=base)
    provider.click_domain = "XXXX"  # all that is left of the vendor's in the documentation
    provider.save()
    return provider


def test_the_documented_responses(documented: Provider) -> None:
    run = runs.import_now(documented)
    assert (run.state, run.pages, run.report["created"], run.report["failed"]) == ("done", 3, 3, 0)
    rows = {row.name: row for row in Template.objects.all()}

    basic = rows["dashboard_track_order"]
    assert (basic.kind, basic.category, basic.previous_category) == ("basic", "UTILITY", "MARKETING")
    assert (basic.language, basic.status, basic.ttl_seconds, basic.bsp_id) == (
        "en", "APPROVED", 30, "83383905XXXX",
    )  # fmt: skip
    assert [slot.path for slot in components.slots(basic.components)] == ["body.1", "button.0"]
    assert basic.tracked == ["button.0"]

    offer = rows["lto_template_import"]
    assert offer.kind == "limited-time offer"
    assert [slot.path for slot in components.slots(offer.components)] == [
        "header", "body.1", "offer", "button.0", "button.1", "button.2", "button.4", "button.5", "button.6",
    ]  # fmt: skip
    assert offer.tracked == ["button.1", "button.2"]

    carousel = rows["carousel_test_01"]
    assert (carousel.kind, carousel.language, carousel.ttl_seconds) == ("carousel", "bg", 54000)
    assert [slot.path for slot in components.slots(carousel.components)] == [
        "body.1", "card.0.header", "card.1.header",
    ]  # fmt: skip
    assert not any(row.unsupported for row in rows.values())

    for name in RESPONSES.iterdir():
        [item] = json.loads(name.read_text())["data"]
        assert rows[item["name"]].components == item["components"], "kept as they came"
    assert runs.import_now(documented).report["unchanged"] == 3


def test_a_long_list_in_pages(db: None, simulator: Simulator) -> None:
    account = Account(
        name="long-list",
        dialect="meta",
        key="t0ken-long-list",
        secret="s",
        verify_token="v",
        phone_number_id="1",
        waba_id="2",
    )
    simulator.add_account(account)
    provider = make_provider(
        import_endpoint=f"{simulator.url}/v23.0/2/message_templates",
        import_credentials={"header:Authorization": "Bearer t0ken-long-list"},
    )
    simulator.behaviour.templates_count = 2000
    run = runs.import_now(provider)
    assert (run.error, run.pages, run.templates) == ("", 4, 2000)
    assert run.report["created"] + run.report["unsupported"] == 2000
    assert Template.objects.count() == 2000
    again = runs.import_now(provider)
    assert again.report["unchanged"] + again.report["unsupported"] == 2000
    assert again.report["changed"] == 0
