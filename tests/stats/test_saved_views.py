"""Views that people save: shared by a link, and mailed every Monday to whoever wants them, once each."""

from datetime import UTC, datetime, timedelta
from smtplib import SMTPServerDisconnected
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.core.mail.message import EmailMessage
from django.test import Client

from providers.messages import ReportCode
from providers.models import Provider
from stats import tasks
from stats.models import MondayMail, SavedView
from stats.pages import monday_mails
from tests.stats.conftest import NOW, accepted, fold, reported
from tests.stats.test_pages import get
from tests.visitor import visiting

MONDAY = datetime(2026, 3, 23, 8, tzinfo=UTC)  # the next one; NOW is a Wednesday
FORM = {"name": "Spring", "page": "campaigns", "query": "range=7d&order=-delivered&nonsense=1"}


@pytest.fixture
def mira(db: None, settings: Any) -> User:
    settings.EMAIL_HOST = "mail.example.com"
    return person("mira")


def person(name: str, email: str = "mira@example.com") -> User:
    user = User.objects.create_user(name, email=email, is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_stats"))
    return user


def saved(client: Client, **form: str) -> SavedView:
    client.post("/admin/stats/views/save/", FORM | form)
    return SavedView.objects.latest("pk")


def said(client: Client, path: str, **form: str) -> str:
    return str(client.post(f"/admin/stats/views/{path}", form, follow=True).content.decode())


def test_a_view_is_saved_by_a_name_and_its_link_is_shared(mira: User) -> None:
    view = saved(visiting(mira))
    assert "Save this view" in get(visiting(mira), "campaigns/?range=7d")
    other = visiting(person("theo"))
    assert "Spring" in get(other, "views/")
    answer = other.get(f"/admin/stats/views/{view.pk}/", status=302)
    assert answer["Location"] == "/admin/stats/campaigns/?range=7d&order=-delivered&tz=UTC"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"query": "range=tomorrow"}, "Expected one of today"),
        ({"page": "messages"}, "Select a valid choice"),
        ({"name": " "}, "This field is required"),
    ],
)
def test_what_cannot_be_saved_is_said(mira: User, wrong: dict[str, str], words: str) -> None:
    shown = visiting(mira).post("/admin/stats/views/save/", FORM | wrong, follow=True).content.decode()
    assert "Not saved." in shown
    assert words in shown
    assert not SavedView.objects.exists()


def test_two_views_have_two_names(mira: User) -> None:
    saved(visiting(mira))
    assert "there is a view named Spring already" in said(visiting(mira), "save/", **FORM)


def test_only_who_saved_it_removes_it(mira: User) -> None:
    view = saved(visiting(mira))
    visiting(person("theo")).post(f"/admin/stats/views/{view.pk}/remove/", status=403)
    said(visiting(mira), f"{view.pk}/remove/")
    assert not SavedView.objects.exists()


def test_the_mail_has_the_figures_and_the_link(mira: User, shop: Provider) -> None:
    for campaign in ("c1", "c1", "=x<b>"):
        reported(accepted(shop, NOW - timedelta(hours=1), campaign=campaign), "delivered")
    fold()
    view = saved(visiting(mira))
    assert "every Monday at 08:00 (UTC)" in said(visiting(mira), f"{view.pk}/mail/")
    with time_machine.travel(MONDAY, tick=False):
        tasks.upkeep()
        tasks.upkeep()
    (letter,) = mail.outbox
    assert letter.to == ["mira@example.com"]
    assert letter.subject == "Spring: 2026-03-17 until now"
    assert "Accepted: 3" in letter.body
    assert "c1 | 2 | 100.0 %" in letter.body
    assert f"/admin/stats/views/{view.pk}/" in letter.body
    ((html, kind),) = letter.alternatives  # type: ignore[attr-defined]
    assert kind == "text/html"
    assert "=x&lt;b&gt;" in html
    with time_machine.travel(MONDAY + timedelta(days=7), tick=False):
        tasks.upkeep()
    assert len(mail.outbox) == 2


def test_each_person_has_a_monday_of_their_own(mira: User) -> None:
    client = visiting(mira)
    client.cookies["zone"] = "Asia/Kolkata"
    view = saved(client)
    said(client, f"{view.pk}/mail/")
    (wish,) = MondayMail.objects.all()
    assert wish.due_at.astimezone(ZoneInfo("Asia/Kolkata")).isoformat() == "2026-03-23T08:00:00+05:30"


@pytest.mark.parametrize(
    ("now", "zone", "due"),
    [
        ("2026-03-22T23:59", "UTC", "2026-03-23T08:00:00+00:00"),
        ("2026-03-23T07:59", "UTC", "2026-03-23T08:00:00+00:00"),
        ("2026-03-23T08:00", "UTC", "2026-03-30T08:00:00+00:00"),
        ("2026-03-23T12:00", "Europe/Berlin", "2026-03-30T08:00:00+02:00"),  # the clocks change on the 29th
    ],
)
def test_the_next_monday(now: str, zone: str, due: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert monday_mails.next_monday(moment, ZoneInfo(zone)).isoformat() == due


def test_a_server_that_does_not_answer_is_asked_again(mira: User, monkeypatch: pytest.MonkeyPatch) -> None:
    view = saved(visiting(mira))
    said(visiting(mira), f"{view.pk}/mail/")

    def refuse(*_: Any) -> None:
        raise SMTPServerDisconnected("Connection unexpectedly closed")

    with monkeypatch.context() as down:
        down.setattr(EmailMessage, "send", refuse)
        assert monday_mails.send_due(MONDAY) == 0
    assert "Connection unexpectedly closed" in get(visiting(mira), "views/")
    assert monday_mails.send_due(MONDAY + timedelta(minutes=5)) == 0
    assert monday_mails.send_due(MONDAY + timedelta(minutes=11)) == 1
    assert "Connection unexpectedly closed" not in get(visiting(mira), "views/")


def test_nobody_without_the_permission_gets_one(mira: User) -> None:
    view = saved(visiting(mira))
    said(visiting(mira), f"{view.pk}/mail/")
    mira.user_permissions.clear()
    assert monday_mails.send_due(MONDAY) == 0


def test_what_is_mailed_is_on_ones_own_page_and_stops_there(mira: User) -> None:
    view = saved(visiting(mira))
    said(visiting(mira), f"{view.pk}/mail/")
    own = visiting(mira).get("/admin/account/").content.decode()
    assert f"/admin/stats/views/{view.pk}/mail/" in own
    told = said(visiting(mira), f"{view.pk}/mail/", stop="1", back="account")
    assert "is not mailed to you any more" in told
    assert not MondayMail.objects.exists()


def test_without_mail_a_word_says_why(mira: User, settings: Any) -> None:
    view = saved(visiting(mira))
    User.objects.filter(pk=mira.pk).update(email="")
    assert "no e-mail address" in said(visiting(User.objects.get(pk=mira.pk)), f"{view.pk}/mail/")
    settings.EMAIL_HOST = ""
    assert "Set EMAIL_URL" in get(visiting(mira), "views/")
    assert not MondayMail.objects.exists()


@pytest.mark.parametrize("shown", ["overview", "errors", "campaign", "conversations", "templates"])
def test_every_kind_of_page_can_be_mailed(mira: User, shop: Provider, shown: str) -> None:
    reported(accepted(shop, NOW), "failed", code=ReportCode.PHONE)
    fold()
    view = saved(visiting(mira), page=shown, query="range=30d&campaign=c1" if shown == "campaign" else "")
    said(visiting(mira), f"{view.pk}/mail/")
    assert monday_mails.send_due(MONDAY) == 1
    assert ("1002 Not a WhatsApp number" in mail.outbox[0].body) == (shown == "errors")
