"""The home page: what needs attention, the figures, the providers, for everybody what they may see."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from broadcasts.models import Broadcast, Recipient
from campaigns.models import StatCount
from config import roles
from operations import samples, signs
from operations.home import sparkline
from operations.incidents import handling
from operations.incidents.look import look
from operations.kinds import KINDS
from operations.models import Incident, Sign, WaitSample
from providers.models import Provider
from tests.factories import MessageFactory, make_provider
from tests.operations.situations import SITUATIONS
from tests.visitor import Visitor, visiting

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def watched(db: None) -> None:
    signs.give(Sign.What.WORKER, timezone.now())


def happens(slug: str, provider: Provider) -> Incident:
    SITUATIONS[slug].begin(provider)
    (incident,) = look(timezone.now(), [KINDS[slug]]).opened
    return incident


def counted(provider: Provider, at: datetime, **counts: int) -> None:
    minute = at.replace(second=0, microsecond=0)
    for name, count in counts.items():
        metric = StatCount.Metric[name.upper()]
        StatCount.objects.create(provider=provider, minute=minute, metric=metric, count=count)


def page(client: Visitor, query: str = "") -> str:
    return str(client.get(f"/admin/{query}").content.decode())


def rows(client: Visitor) -> list[Any]:
    found: list[Any] = client.get("/admin/").context["attention"].rows
    return found


def figure(client: Visitor, name: str) -> Any:
    return next(each for each in client.get("/admin/").context["figures"] if each.name == name)


def person(group: str) -> Visitor:
    user = User.objects.create_user(group, is_staff=True)
    roles.grant(apps)
    user.groups.add(Group.objects.get(name=group))
    return visiting(user)


def test_all_is_well(admin_client: Visitor) -> None:
    assert "All is well" in page(admin_client)


def test_the_root_leads_home(admin_client: Visitor) -> None:
    assert admin_client.get("/", status=302)["Location"] == "/admin/"


def test_what_is_wrong_stands_first_with_its_next_step(admin_client: Visitor) -> None:
    provider = make_provider(nickname="Shop")
    happens("provider_held_throttle", make_provider())
    happens("provider_paused_credentials", provider)
    shown = page(admin_client)
    assert "All is well" not in shown
    assert shown.index("A BSP refuses our credentials") < shown.index("A BSP asked for a break")
    first = rows(admin_client)[0]
    assert (first.subject, first.messages) == ("Shop", "2 messages")
    assert first.step.url == f"/admin/providers/provider/{provider.pk}/change/"
    assert shown.index(first.step.words) < shown.index("Accepted a minute")


def test_what_is_silenced_comes_last(admin_client: Visitor) -> None:
    worst = happens("provider_paused_credentials", make_provider())
    happens("provider_held_throttle", make_provider())
    handling.silence(worst, None, timezone.now() + MINUTE, "It is known")
    assert [row.state for row in rows(admin_client)][0] == ""
    assert "It is known" in rows(admin_client)[1].state


@pytest.mark.parametrize("last", [None, 2 * MINUTE])
def test_the_page_itself_sees_that_nobody_looks(admin_client: Visitor, last: timedelta | None) -> None:
    Sign.objects.all().delete()
    if last:
        signs.give(Sign.What.WORKER, timezone.now() - last)
    (row,) = rows(admin_client)
    assert "No worker" in row.title
    assert "All is well" not in page(admin_client)


def test_the_figures_of_the_last_hour(admin_client: Visitor) -> None:
    now = timezone.now()
    provider = make_provider(nickname="Shop")
    counted(provider, now - 5 * MINUTE, accepted=120, delivered=90, undelivered=30)
    counted(provider, now - 300 * MINUTE, accepted=7)
    assert figure(admin_client, "accepted").value == "2.0"
    assert figure(admin_client, "delivered").value == "75.0 %"
    errors = figure(admin_client, "errors")
    assert (errors.value, errors.tone) == ("25.0 %", "danger")
    for name in ("accepted", "delivered", "errors", "oldest"):
        assert admin_client.get(figure(admin_client, name).url).status_code == 200


@pytest.mark.parametrize(("minutes", "tone"), [(0.5, ""), (2, "warning"), (6, "danger")])
def test_the_oldest_that_waits(admin_client: Visitor, minutes: float, tone: str) -> None:
    MessageFactory(next_attempt_at=timezone.now() - minutes * MINUTE)
    MessageFactory(next_attempt_at=timezone.now())
    assert figure(admin_client, "oldest").tone == tone


def test_a_sample_keeps_the_longest_wait_of_its_minute() -> None:
    now = timezone.now().replace(second=30)
    message = MessageFactory(next_attempt_at=now - 2 * MINUTE)
    samples.take(now)
    message.delete()
    samples.take(now)
    assert [sample.seconds for sample in samples.of_last_day(now)] == [120]
    samples.forget(now + samples.KEPT + MINUTE)
    assert not WaitSample.objects.exists()


def test_the_worst_provider_stands_first(admin_client: Visitor) -> None:
    make_provider(nickname="A well")
    failing, paused = make_provider(nickname="B failing"), make_provider(nickname="C paused")
    counted(failing, timezone.now() - MINUTE, accepted=50, not_sent=5)
    SITUATIONS["provider_paused"].begin(paused)
    found = [row for row, _ in admin_client.get("/admin/").context["providers"]]
    assert [row.nickname for row in found] == ["C paused", "B failing", "A well"]
    assert (found[0].queue, found[1].errors, found[1].last_message) == ("2", "10.0 %", "1 min ago")


def test_running_broadcasts(admin_client: Visitor) -> None:
    sale = Broadcast.objects.create(
        name="Spring sale", provider=make_provider(), state="running", recipients=9, queued=4, waiting=5
    )
    people = f'href="/admin/broadcasts/recipient/?broadcast={sale.pk}'
    shown = page(admin_client)
    state = Recipient.State.QUEUED.value
    queued, recipients = f'{people}&amp;state={state}">4</a>', f'{people}">9</a>'
    assert re.search(f"{re.escape(queued)} of <a [^>]*{re.escape(recipients)} queued for sending", shown)


def test_a_part_is_refreshed_alone(admin_client: Visitor) -> None:
    assert 'hx-get="/admin/?part=1"' in page(admin_client)
    part = page(admin_client, "?part=1")
    assert "<html" not in part
    assert "All is well" in part


def test_more_providers_ask_no_more_questions(admin_client: Visitor) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            page(admin_client, "?part=1")
        return len(queries)

    def one_more() -> None:
        provider = make_provider()
        happens("provider_paused_credentials", provider)
        counted(provider, timezone.now() - MINUTE, accepted=3)

    one_more()
    asked()
    once = asked()
    for _ in range(4):
        one_more()
    assert asked() == once


def test_everybody_sees_what_they_may(admin_client: Visitor) -> None:
    provider = make_provider(nickname="Shop")
    Provider.objects.filter(pk=provider.pk).update(paused_reason="+91 98123 00001 is banned")
    happens("provider_paused", provider)
    Incident.objects.update(text="+91 98123 00001 is banned")
    assert "98123 00001" in page(admin_client)
    analyst = page(person("analysts"))
    assert "A provider was paused" not in analyst
    assert "98123 00001" not in analyst
    assert "Accepted a minute" in analyst
    auditor = page(person("auditors"))
    assert "A provider was paused" in auditor
    nobody = visiting(User.objects.create_user("nobody", is_staff=True))
    assert "has no permissions yet" in page(nobody)


def test_a_line_of_points() -> None:
    assert sparkline.points([0, 5, 10]) == "0.0,24.0 50.0,12.0 100.0,0.0"
    assert sparkline.points([0, 0.5], most=1) == "0.0,24.0 100.0,12.0"
    assert sparkline.points([3]) == ""
