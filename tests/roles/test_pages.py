"""Who may look at which page, and who may change anything: every page of the project, asked by everybody."""

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection, transaction
from django.template.response import SimpleTemplateResponse
from django.test import Client
from django.urls import URLPattern, get_resolver, resolve, reverse

from tests.roles import table
from tests.roles.table import LETTERS, MACHINES, PAGES, Machine, Page
from tests.roles.world import NUMBERS, SECRETS, SPELLINGS, World

pytestmark = pytest.mark.django_db

MASKED = ("veiled", "analysts")
UNREAD = ("operators", "auditors", "superuser")
WHO = ("anonymous", "nobody", "operators", "analysts", "auditors", "superuser")
# Writes of a request that are nobody's doing.
HARMLESS = ("django_session",)


@dataclass(frozen=True)
class Answer:
    status: int
    body: str
    location: str


def patterns(found: Any = None, namespace: str = "", route: str = "") -> Iterator[tuple[str, str]]:
    """Every URL pattern of the project: its name, or its route where it has none, and its route."""
    for pattern in get_resolver().url_patterns if found is None else found:
        path = route + str(pattern.pattern).removeprefix("^")
        if isinstance(pattern, URLPattern):
            yield (f"{namespace}{pattern.name}" if pattern.name else path), path
        else:
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from patterns(pattern.url_patterns, inner, path)


ROUTES = dict(patterns())


def url(page: Page | Machine, world: World) -> str:
    args = [_arg(arg, world) for arg in page.args]
    if page.name.startswith("admin/"):
        return "/" + re.sub(r"<[^>]+>|\(\?P.*$", "".join(args), page.name)
    return reverse(page.name, args=args)


def _arg(arg: str, world: World) -> str:
    if arg.startswith(":"):
        return arg[1:]
    return str(world.provider.public_id if arg == "public_id" else getattr(world, arg).pk)


def ask(client: Client, page: Page, world: World) -> Answer:
    query = page.query | ({"ids": str(world.test.pk)} if "ids" in page.query else {})
    with undone(client):
        answer = client.get(url(page, world), query)
        return Answer(answer.status_code, text(answer), answer.get("Location", ""))


@contextmanager
def undone(client: Client) -> Iterator[None]:
    """Whatever is done, the session included, has not been."""
    cookies = SimpleCookie(client.cookies.output(header="", sep=";"))
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    client.cookies = cookies


def text(response: Any) -> str:
    body = b"".join(response.streaming_content) if response.streaming else response.content
    if body.startswith(b"PK"):
        book = zipfile.ZipFile(io.BytesIO(body))
        body = b"".join(book.read(name) for name in book.namelist())
    return str(body.decode("utf-8", "replace"))


def expected(page: Page, who: str) -> int:
    if who == "anonymous":
        return page.anonymous
    letter = LETTERS.get(who, "-")
    if letter in page.led:
        return 302
    return page.ok if letter in page.see else page.no


@pytest.fixture(scope="module")
def answers(world: World, people: dict[str, Client]) -> dict[str, dict[str, Answer]]:
    """What everybody gets to see of every page. Drawing pages takes longest, so only those that are read are
    drawn: for operators where something is masked for others, for auditors and superusers none."""
    found: dict[str, dict[str, Answer]] = {}
    for who in ("anonymous", "nobody", *MASKED, *UNREAD):
        found[who] = {}
        for page in PAGES:
            masked = who == "operators" and any("•" in found[other][page.label].body for other in MASKED)
            with undrawn() if who in UNREAD and not masked else nullcontext():
                found[who][page.label] = ask(people[who], page, world)
    return found


@contextmanager
def undrawn() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SimpleTemplateResponse, "render", _empty)
        yield


def _empty(response: SimpleTemplateResponse) -> SimpleTemplateResponse:
    response.content = b""
    return response


def test_every_page_is_in_the_table() -> None:
    listed = {page.name for page in (*PAGES, *MACHINES)}
    assert sorted(set(ROUTES) - listed) == [], "add them to tests/roles/table.py"
    assert sorted(listed - set(ROUTES)) == [], "no such page any more"


@pytest.mark.parametrize("who", WHO)
def test_pages_open_for_those_who_may(answers: dict[str, dict[str, Answer]], who: str) -> None:
    got = {page.label: answers[who][page.label].status for page in PAGES}
    wanted = {page.label: expected(page, who) for page in PAGES}
    assert {label: (got[label], wanted[label]) for label in got if got[label] != wanted[label]} == {}


def test_anonymous_people_are_led_to_the_login(answers: dict[str, dict[str, Answer]]) -> None:
    led = [answer.location for answer in answers["anonymous"].values() if answer.status == 302]
    assert len(led) > 150
    assert {location.partition("?")[0] for location in led} == {
        "/admin/login/",
        "/admin/",  # who logs out
        "/admin/stats/overview/",  # which leads there as well
    }


# Changing


@dataclass
class Writes:
    """Statements that change a row, as they are executed."""

    seen: list[str]

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if re.match(r"\s*(INSERT|UPDATE|DELETE|REPLACE)\b", sql, re.I) and not any(
            name in sql for name in HARMLESS
        ):
            self.seen.append(sql[:120])
        return execute(sql, params, many, context)


def snapshot() -> dict[str, list[Any]]:
    return {
        model._meta.label: sorted(map(repr, model._default_manager.values_list()))
        for model in apps.get_models()
        if model._meta.db_table not in HARMLESS
    }


def buttons() -> list[tuple[str, str, str]]:
    """Every action of every list: the list's name, the action, a field of the form to post."""
    return [
        (f"{model._meta.app_label}_{model._meta.model_name}", name)
        for model, page in admin.site._registry.items()
        for name in (*(_name(action) for action in page.actions or ()), "delete_selected")
    ]


def _name(action: Any) -> str:
    return action if isinstance(action, str) else str(action.__name__)


def attempts(world: World) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Everything that can be posted: a label, the address, the data."""
    for page in PAGES:
        if page.name != "admin:logout":
            yield page.label, url(page, world), page.data
    row = {page.name: page.args[0] for page in PAGES if page.args}
    for model, name in buttons():
        pk = _arg(row[f"admin:{model}_change"], world)
        data = {"action": name, "_selected_action": [pk], "confirmed": "yes", "post": "yes"}
        yield f"{model}: {name}", reverse(f"admin:{model}_changelist"), data


@pytest.mark.parametrize("who", ["anonymous", "nobody", "analysts", "auditors"])
def test_who_may_only_look_changes_nothing(world: World, people: dict[str, Client], who: str) -> None:
    before = snapshot()
    changed: dict[str, list[str]] = {}
    with transaction.atomic(), undrawn():
        for label, address, data in attempts(world):
            writes = Writes([])
            with connection.execute_wrapper(writes):
                people[who].post(address, data)
            if writes.seen:
                changed[label] = writes.seen
        after = snapshot()
        transaction.set_rollback(True)
    assert changed == {}
    assert {label: rows for label, rows in after.items() if rows != before[label]} == {}


@pytest.mark.parametrize("who", WHO)
def test_buttons_work_for_those_who_may(world: World, people: dict[str, Client], who: str) -> None:
    wrong = {}
    for page in PAGES:
        if page.do is None:
            continue
        with undone(people[who]), undrawn():
            answer = people[who].post(url(page, world), page.data)
        done = answer.status_code in (200, 302) and not answer.get("Location", "").startswith("/admin/login/")
        if done != (LETTERS.get(who, "-") in page.do):
            wrong[page.label] = answer.status_code
    assert wrong == {}


@pytest.mark.parametrize("who", WHO)
def test_actions_are_offered_to_those_who_may(world: World, people: dict[str, Client], who: str) -> None:
    """And to nobody else: a posted action that is not offered does nothing."""
    if who == "anonymous":
        return
    from django.test import RequestFactory

    for model, page in admin.site._registry.items():
        request = RequestFactory().get("/")
        request.user = _user(who)
        offered = {name for name in page.get_actions(request) if name != "delete_selected"}
        declared = {_name(action) for action in page.actions or ()}
        may = LETTERS.get(who, "-") in table.OPERATORS
        assert offered == (declared if may else set()), model


def _user(who: str) -> Any:
    from django.contrib.auth.models import User

    return User.objects.get(username=who)


# Seeing numbers


def shown_numbers(body: str) -> list[str]:
    return [number for number in SPELLINGS if number in body]


def test_numbers_are_hidden_from_those_who_may_not_see_them(answers: dict[str, dict[str, Answer]]) -> None:
    for who in ("anonymous", "nobody", *MASKED):
        found = {label: shown_numbers(answer.body) for label, answer in answers[who].items()}
        assert {label: numbers for label, numbers in found.items() if numbers} == {}, who


def test_the_others_see_them(answers: dict[str, dict[str, Answer]]) -> None:
    """So that the test above can fail: where something is masked operators see numbers, in all every one."""
    found = {label: shown_numbers(answer.body) for label, answer in answers["operators"].items()}
    assert {number for numbers in found.values() for number in numbers} >= set(NUMBERS)
    for who, least in (("veiled", 40), ("analysts", 15)):
        masked = [label for label, answer in answers[who].items() if "•" in answer.body]
        assert sum(bool(found[label]) for label in masked) >= least, who


def test_no_link_ends_in_a_refusal(answers: dict[str, dict[str, Answer]]) -> None:
    """Analysts see links only to what they may open."""
    may = {page.name for page in PAGES if LETTERS["analysts"] in page.see or page.no == 302}
    dead = {
        (label, address)
        for label, answer in answers["analysts"].items()
        for address in re.findall(r'href="(/admin/[^"#?]*)', answer.body)
        if resolve(address).url_name and resolve(address).view_name not in may
    }
    assert sorted(dead) == []


def test_no_secret_is_on_any_page(world: World, answers: dict[str, dict[str, Answer]]) -> None:
    tokens = list(world.provider.callback_tokens.values_list("token", flat=True))
    hidden = [*SECRETS, world.passcode, world.account.passcode, world.user.password]
    for who, got in answers.items():
        for label, answer in got.items():
            secrets = hidden if who in ("operators", "veiled") else [*hidden, *tokens]
            assert [secret for secret in secrets if secret in answer.body] == [], (who, label)


# Machines


def test_a_session_opens_nothing_to_machines(world: World, people: dict[str, Client]) -> None:
    with transaction.atomic():
        writes = Writes([])
        with connection.execute_wrapper(writes):
            for machine in MACHINES:
                address = url(machine, world)
                for who, client in people.items():
                    got = (
                        client.get(address).status_code,
                        client.post(address, "{}", "application/json").status_code,
                    )
                    assert got == (machine.get, machine.post), (machine, who)
        transaction.set_rollback(True)
    assert writes.seen == []
