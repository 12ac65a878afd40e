"""The demo's data: made once, the same for every run, and pointed at wherever it runs."""

import asyncio
import re
import stat
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError
from django.test import Client
from django.utils import timezone

from audience.models import Contact, ContactEvent, PhoneChoice, UploadAccount
from broadcasts.models import Broadcast, Segment
from broadcasts.run import lifecycle
from callbacks import audit
from callbacks.models import Reply
from campaigns.models import Campaign
from config import demo
from config.management.commands import run_demo
from providers.connectors import CONNECTORS
from providers.models import ApiCredential, Provider
from simulator import traffic
from simulator.server import Simulator
from stats.query import breakdowns
from stats.query.figures import Figures
from stats.query.filters import Filters
from templates_app.imports import runs
from templates_app.models import ImportRun, Template
from tests.factories import make_provider
from tests.journeys.conftest import gateway, settled
from tests.processes import wait_until

__all__ = ["gateway"]

pytestmark = pytest.mark.django_db
SIMULATOR = "http://127.0.0.1:8101"


@pytest.fixture(autouse=True)
def _own_directory(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


def empty() -> None:
    for model in (Broadcast, Campaign, Provider):
        model._default_manager.all().delete()


def test_a_second_run_changes_nothing() -> None:
    first = demo.seed(SIMULATOR)
    models = (Provider, ApiCredential, Template, Contact, ContactEvent, Segment, Broadcast, UploadAccount)
    rows = [model._default_manager.count() for model in models]
    second = demo.seed(SIMULATOR)
    assert second == first
    assert [model._default_manager.count() for model in models] == rows
    assert rows[0] == rows[1] == len(CONNECTORS) + 1, "one of each kind, and Meta's second number"


def test_the_logins_are_kept_from_other_users() -> None:
    demo.seed(SIMULATOR)
    assert stat.S_IMODE(demo.path().stat().st_mode) == 0o600


def test_logins_are_generated() -> None:
    first = demo.seed(SIMULATOR)
    demo.path().unlink()
    empty()
    assert demo.seed(SIMULATOR).admin.password != first.admin.password


def test_an_emptied_database_is_filled_again_with_the_same_administrator() -> None:
    first = demo.seed(SIMULATOR)
    empty()
    get_user_model().objects.all().delete()
    assert demo.seed(SIMULATOR).admin == first.admin
    assert Provider.objects.count() == len(CONNECTORS) + 1  # Meta's app has two numbers


def test_a_changed_password_stays_changed() -> None:
    login = demo.seed(SIMULATOR).admin
    user = get_user_model().objects.get(username=login.username)
    user.set_password("chosen by a person")
    user.save()
    made = demo.seed(SIMULATOR)
    assert made.admin_changed
    assert login.password not in run_demo.introduction(made, "http://127.0.0.1:8100", SIMULATOR)


def test_the_pages_it_names_are_there(admin_client: Client) -> None:
    text = run_demo.introduction(demo.seed(SIMULATOR), "http://waypost", SIMULATOR)
    pages = re.findall(r"http://waypost(/admin/\S*)", text)
    assert len(pages) == 6
    for page in pages:
        assert admin_client.get(page, follow=True).status_code == 200, page


def test_another_port_moves_the_providers_with_it() -> None:
    demo.seed(SIMULATOR)
    demo.seed("http://127.0.0.1:9001")
    rows = {row.connector_slug: row for row in Provider.objects.all()}
    assert rows["generic"].endpoint == "http://127.0.0.1:9001/clevertap/demo-generic/messages"
    assert rows["interakt"].options["base_url"] == rows["meta"].options["base_url"] == "http://127.0.0.1:9001"
    assert {row.delivery_url[:21] for row in rows.values()} == {"http://127.0.0.1:9001"}


def test_each_brings_its_templates_as_its_bsp_has_them(simulator: Simulator) -> None:
    made = demo.seed(simulator.url)
    for account in made.accounts:
        simulator.add_account(account)
    demo.import_templates()
    runs.drain()
    assert set(ImportRun.objects.values_list("state", "error")) == {("done", "")}
    assert Provider.objects.filter(templates=None).count() == 0


def test_its_campaigns_run_and_the_stats_move(gateway: str, simulator: Simulator) -> None:
    made = demo.seed(simulator.url)
    for account in made.accounts:
        simulator.add_account(account)
    for each in (*made.traffic.campaigns, *made.traffic.events, *made.traffic.users):
        each.every = 0.2
    posting = asyncio.run_coroutine_threadsafe(traffic.run(made.traffic, simulator), simulator._loop)
    ours, thanks = Broadcast.objects.order_by("pk")
    assert ours.pk == made.broadcast
    Provider.objects.filter(pk=ours.provider_id).update(rate_count=5)  # the demo's one a second is for people

    def figures(campaign: str) -> Figures:
        return breakdowns.totals(Filters(timezone.now(), UTC, campaign=campaign))

    try:
        theirs = made.traffic.campaigns[0].code
        wait_until(lambda: figures(ours.code).delivered > 2 and figures(thanks.code).delivered > 0)
        wait_until(lambda: figures(theirs).clicked_total > 0)
        wait_until(lambda: figures(theirs).undelivered > 0)
        second = Reply.objects.filter(provider__nickname__endswith="second number")
        wait_until(lambda: second.exists() and PhoneChoice.objects.filter(kind="whatsapp").exists())
        for kind in ("reaction", "edit", "revoke"):
            wait_until(Reply.objects.filter(kind=kind).exists)
    finally:
        posting.cancel()
    names = set(simulator.journal.summary()["counts"])
    assert {each for each in names if each.startswith("traffic.")} <= {"traffic.taken", "traffic.unwritten"}
    ours.refresh_from_db()
    assert ours.state == Broadcast.State.RUNNING, ours.reason
    assert ours.waiting > 500, "it goes on for a while"
    assert ours.control > 50
    assert {"not_opted_in", "dnd", "no_phone"} <= ours.excluded_for.keys()
    assert all(lifecycle.pause(each, "Enough.") for each in (ours, thanks))
    wait_until(lambda: settled(simulator))
    assert [finding for finding in audit.run() if finding.problems] == []


def test_it_stays_out_of_a_database_made_for_something_else() -> None:
    make_provider(nickname="Live")
    with pytest.raises(CommandError, match=r"manage\.py serve"):
        run_demo._seed(SIMULATOR)
    assert Provider.objects.count() == 1
