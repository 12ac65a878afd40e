"""The stats API: who may ask, the same figures and names as elsewhere, what is wrong with a question."""

import csv
import io
import json
from base64 import b64encode
from collections.abc import Iterable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from providers.messages import ReportCode
from providers.models import Provider
from stats.api.urls import urlpatterns
from stats.query import breakdowns, figures
from tests.factories import make_provider
from tests.stats.conftest import NOW, accepted, asked, fold, refused, reported, submitted

HOUR = timedelta(hours=1)
TABLES = ("campaigns", "templates", "providers", "errors", "urls", "times", "pricing", "trend")


def user(*codenames: str) -> User:
    name = f"user-{User.objects.count()}"
    found = User.objects.create_user(name, password="stats-please", is_staff=True)
    found.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return found


def signed_in(*codenames: str) -> Client:
    client = Client()
    client.force_login(user(*codenames))
    return client


@pytest.fixture
def analyst(db: None) -> Client:
    return signed_in("view_stats", "export_stats")


def get(client: Client, path: str, **parameters: Any) -> Any:
    response = client.get(f"/api/stats{path}", parameters)
    assert response.status_code == 200, response.content
    return response.json()


@pytest.fixture
def traffic(shop: Provider) -> None:
    for variant, arrives in (("0", 2), ("0", 2), ("1", 0)):
        message = accepted(shop, NOW - HOUR, variant=variant)
        submitted(message)
        if arrives:
            reported(message, "sent", "delivered")
            reported(message, "clicked", url="https://s.example/a?x=1")
        else:
            reported(message, "failed", code=ReportCode.PHONE, text="=No WhatsApp")
    accepted(shop, NOW - timedelta(days=1, hours=1), campaign="c2")
    refused(shop)
    fold()


# Who may


def test_it_needs_a_login_and_the_permission(db: None) -> None:
    paths = [reverse(pattern.name) for pattern in urlpatterns if "<" not in str(pattern.pattern)]
    paths += ["/api/stats/export/campaigns.csv"]
    for path in paths:
        if path in ("/api/schema", "/api/docs"):
            continue
        assert Client().get(path).status_code == 401, path
        assert signed_in().get(path).status_code == 403, path


def test_the_credentials_of_clevertap_open_no_stats(db: None, settings: Any) -> None:
    settings.API_PASSWORDS = True
    someone = user("view_stats")
    login = b64encode(f"{someone.username}:stats-please".encode()).decode()
    assert Client().get("/api/stats", headers={"Authorization": f"Basic {login}"}).status_code == 200
    provider = make_provider()
    clevertap = provider.login  # type: ignore[attr-defined]
    for name, password in ((someone.username, "guess"), (clevertap.username, clevertap.password)):
        wrong = b64encode(f"{name}:{password}".encode()).decode()
        assert Client().get("/api/stats", headers={"Authorization": f"Basic {wrong}"}).status_code == 401


def test_exports_need_one_more_permission(db: None) -> None:
    assert signed_in("view_stats").get("/api/stats/export/campaigns.csv").status_code == 403
    assert signed_in("export_stats").get("/api/stats/export/campaigns.csv").status_code == 403
    assert signed_in("view_stats", "export_stats").get("/api/stats/export/campaigns.csv").status_code == 200


@pytest.mark.usefixtures("traffic")
def test_phone_numbers_are_masked_unless_granted() -> None:
    (row, *_) = get(signed_in("view_stats"), "/messages", figure="accepted")["rows"]
    assert row["to"].startswith("91••••")
    (row, *_) = get(signed_in("view_stats", "view_phone_numbers"), "/messages", figure="accepted")["rows"]
    assert row["to"].isdigit()


def test_nothing_can_be_written(analyst: Client) -> None:
    assert analyst.post("/api/stats").status_code in (403, 405)


# What it says


@pytest.mark.usefixtures("traffic")
def test_the_figures_and_the_range_before(analyst: Client) -> None:
    found = get(analyst, "", range="today")
    assert found["figures"] == breakdowns.totals(asked(range="today")).as_dict()
    assert found["figures"]["accepted"] == 3
    assert found["rates"]["delivery_rate"] == pytest.approx(2 / 3)
    assert found["before"]["accepted"] == 1
    assert (found["as_of"], found["from"], found["timezone"]) == (
        "2026-03-18T12:00:00Z", "2026-03-18T00:00:00Z", "UTC",
    )  # fmt: skip
    found = get(analyst, "")
    assert (found["figures"]["accepted"], found["before"], found["from"]) == (4, None, None)


@pytest.mark.usefixtures("traffic")
def test_every_table(analyst: Client) -> None:
    for name in TABLES:
        found = get(analyst, f"/{name}")
        assert found["rows"], name
        assert [column["name"] for column in found["columns"]] == list(found["rows"][0]), name
    campaigns = get(analyst, "/campaigns")["rows"]
    assert [(row["campaign"], row["accepted"], row["refused"]) for row in campaigns] == [
        ("c1", 3, 1), ("c2", 1, 0),
    ]  # fmt: skip
    assert set(figures.NAMES) < set(campaigns[0])
    (error, _) = get(analyst, "/errors")["rows"]
    assert error["advice"]
    assert get(analyst, "/urls")["rows"] == [{"url": "https://s.example/a", "total": 2, "unique": 2}]


@pytest.mark.usefixtures("traffic")
def test_tables_are_paged(analyst: Client) -> None:
    first = get(analyst, "/campaigns", limit=1)
    assert (len(first["rows"]), first["next"]) == (1, "1")
    second = get(analyst, "/campaigns", limit=1, offset=first["next"], order="-accepted")
    assert (second["rows"][0]["campaign"], second["next"]) == ("c2", None)


@pytest.mark.usefixtures("traffic")
def test_variants_side_by_side(analyst: Client) -> None:
    found = get(analyst, "/variants", campaign="c1")
    assert [(row["variant"], row["delivered"]) for row in found["rows"]] == [("0", 2), ("1", 0)]
    lies = found["differences"]["1"]["delivery_rate"]
    assert lies["value"] == -1
    assert lies["low"] < lies["value"] + 1e-9 < lies["high"]
    assert found["differences"]["1"]["click_rate"] is None, "nothing of it was delivered"


@pytest.mark.usefixtures("traffic")
def test_messages_behind_a_figure(analyst: Client) -> None:
    first = get(analyst, "/messages", figure="delivered", limit=1)
    second = get(analyst, "/messages", figure="delivered", limit=1, after=first["next"])
    assert (len(first["rows"]), len(second["rows"]), second["next"]) == (1, 1, None)
    assert first["rows"][0]["id"] > second["rows"][0]["id"]
    (failed,) = get(analyst, "/messages", figure="undelivered", code=1002)["rows"]
    assert (failed["provider"], failed["status"], failed["code"]) == ("Shop", "failed", 1002)
    assert get(analyst, "/messages", figure="undelivered", code=1009)["rows"] == []
    assert len(get(analyst, "/messages", figure="clicked_total", url="https://s.example/a")["rows"]) == 2


@pytest.mark.parametrize(
    ("path", "parameters", "wrong"),
    [
        ("", {"tz": "Mars"}, "tz"),
        ("", {"provider": "nobody"}, "provider"),
        ("", {"from": "0001-01-01"}, "from"),
        ("", {"to": "9999-12-31T23:59"}, "to"),
        ("/export/messages.csv", {"figure": "sent", "to": "0001-01-01"}, "to"),
        ("/trend", {"by": "year"}, "by"),
        ("/trend", {"by": "hour", "range": "90d"}, "by"),
        ("/campaigns", {"order": "password"}, "order"),
        ("", {"provider": "a\0b"}, "provider"),
        ("/campaigns", {"limit": "1001"}, "limit"),
        ("/campaigns", {"limit": "0"}, "limit"),
        ("/campaigns", {"offset": "-1"}, "offset"),
        ("/variants", {}, "campaign"),
        ("/messages", {}, "figure"),
        ("/messages", {"figure": "control_group"}, "figure"),
        ("/messages", {"figure": "sent", "code": "1002"}, "code"),
        ("/messages", {"figure": "refused", "code": "x"}, "code"),
        ("/messages", {"figure": "sent", "url": "https://x"}, "url"),
        ("/messages", {"figure": "clicked_total", "url": "a\0b"}, "url"),
        ("/messages", {"figure": "sent", "limit": "0"}, "limit"),
        ("/messages", {"figure": "sent", "after": "x"}, "after"),
        ("/export/messages.csv", {}, "figure"),
        ("/export/messages.csv", {"figure": "clicked_total", "url": "a\0b"}, "url"),
        ("/export/trend.csv", {"by": "year"}, "by"),
        ("/export/variants.csv", {}, "campaign"),
    ],
)
def test_what_is_wrong_is_said(analyst: Client, path: str, parameters: dict[str, str], wrong: str) -> None:
    response = analyst.get(f"/api/stats{path}", parameters)
    assert response.status_code == 400
    errors = response.json()["errors"]
    assert [*errors] == [wrong]
    assert errors[wrong][0].isupper() if isinstance(errors[wrong], str) else errors[wrong][0]


def test_a_table_that_is_none(analyst: Client) -> None:
    for path in ("users.csv", "campaigns.pdf", "campaigns"):
        assert analyst.get(f"/api/stats/export/{path}").status_code == 404


def test_the_description_is_valid_and_served_by_us(analyst: Client) -> None:
    from drf_spectacular.drainage import GENERATOR_STATS
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.validation import validate_schema

    GENERATOR_STATS.reset()
    described = SchemaGenerator(urlconf="stats.api.urls").get_schema(public=True)
    validate_schema(described)
    assert not GENERATOR_STATS, "it warned"
    ways = {name for way in described["paths"]["/api/stats"]["get"]["security"] for name in way}
    assert ways == {"bearerAuth", "cookieAuth"}
    assert set(figures.NAMES) | {"errors_by_code"} == set(
        described["components"]["schemas"]["Figures"]["properties"]
    )
    assert "/api/stats/export/{table}.{form}" in described["paths"]
    page = analyst.get("/api/docs").content.decode()
    for address in described["paths"]:
        assert f"GET {address}<" in page
    assert 'action="/api/stats/trend"' in page, "to try it out"
    assert analyst.get("/api/schema").status_code == 200


# The command


def printed(*arguments: str) -> str:
    out = StringIO()
    call_command("stats", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.usefixtures("traffic")
def test_the_command_prints_the_same_figures() -> None:
    expected: dict[str, Iterable[str]] = {
        "accepted": ("--json",),
        "c1": ("--json", "--campaign", "c1", "--template", "welcome", "--provider", "Shop"),
        "today": ("--json", "--from", "2026-03-18", "--to", "2026-03-18"),
    }
    found = {name: json.loads(printed(*arguments)) for name, arguments in expected.items()}
    assert [*found["accepted"]] == [
        "accepted", "submitted", "sent", "delivered", "viewed", "clicked_total", "clicked_unique", "replied",
        "control_group", "refused", "not_sent", "undelivered", "errors_by_code",
    ]  # fmt: skip
    assert found["accepted"]["errors_by_code"] == {"1002": 1, "2001": 1}
    assert (found["c1"]["accepted"], found["today"]["accepted"]) == (3, 3)
    assert "Accepted                  4" in printed()


@pytest.mark.usefixtures("traffic")
def test_command_api_and_exports_agree(analyst: Client) -> None:
    for asked_for in (
        {},
        {"campaign": "c1"},
        {"template": "welcome", "provider": "Shop"},
        {"from": "2026-03-17", "to": "2026-03-17"},
        {"from": "2026-03-18T11:00", "to": "2026-03-18T11:01", "tz": "UTC"},
        {"campaign": "nobody's"},
    ):
        options = [part for name, value in asked_for.items() for part in (f"--{name}", value)]
        told = json.loads(printed("--json", *options))
        assert told == get(analyst, "", **asked_for)["figures"]
        codes = told.pop("errors_by_code")
        (_, *lines) = exported(analyst, "summary", **asked_for)
        assert {line[0]: int(line[2]) for line in lines if line[0] in told} == told
        for table in ("campaigns", "templates", "providers", "trend"):
            heading, *rows = exported(analyst, table, **asked_for)
            for definition in figures.DEFINITIONS:
                column = heading.index(definition.label)
                assert sum(int(row[column]) for row in rows) == told[definition.name], (table, definition)
        assert {line[1]: int(line[3]) for line in exported(analyst, "errors", **asked_for)[1:]} == codes
        for figure in ("accepted", "delivered", "clicked_unique", "undelivered", "refused"):
            assert len(exported(analyst, "messages", figure=figure, **asked_for)) - 1 == told[figure]


def exported(client: Client, table: str, **parameters: str) -> list[list[str]]:
    response = client.get(f"/api/stats/export/{table}.csv", parameters)
    data = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


@pytest.mark.django_db
def test_the_command_says_what_is_wrong() -> None:
    with pytest.raises(CommandError, match="provider: No provider has this nickname"):
        call_command("stats", "--json", "--provider", "nobody")
