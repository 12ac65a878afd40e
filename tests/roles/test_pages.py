"""Who may look at which page, and who may change anything: every page of the project, asked by everybody."""

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection, transaction
from django.http import HttpResponse
from django.template.response import SimpleTemplateResponse
from django.test import Client
from django.urls import URLPattern, get_resolver, resolve, reverse

from config import error_pages
from config.asgi import MACHINE_PATHS
from tests.gateway import call
from tests.roles import table
from tests.roles.table import LETTERS, MACHINES, PAGES, Machine, Page
from tests.roles.world import NUMBERS, SECRETS, SPELLINGS, STRANGE, World

pytestmark = pytest.mark.django_db

MASKED = ("veiled", "analysts")
UNREAD = ("operators", "auditors", "superuser")
WHO = ("anonymous", "nobody", "operators", "analysts", "auditors", "superuser")
# Writes of a request that are nobody's doing.
HARMLESS = (
    "django_session", "accounts_entry", "accounts_cache", "providers_callcount", "providers_callsample",
)  # fmt: skip


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


def address(page: Page, world: World) -> str:
    """With its query."""
    query = page.query | ({"ids": str(world.test.pk)} if "ids" in page.query else {})
    return url(page, world) + (f"?{urlencode(query)}" if query else "")


def _arg(arg: str, world: World) -> str:
    if arg.startswith(":"):
        return arg[1:]
    return str(world.provider.public_id if arg == "public_id" else getattr(world, arg).pk)


def ask(client: Client, page: Page, world: World) -> Answer:
    with undone(client):
        answer = client.get(address(page, world))
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
    """Nor is what stands around a page asked for: the menu, and what is in it for whom."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SimpleTemplateResponse, "render", _empty)
        patch.setattr(error_pages, "render", lambda *_, status: HttpResponse(status=status))
        patch.setattr(admin.site, "each_context", lambda request: {})
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
    wanted = {page.label: page.got(who) for page in PAGES}
    assert {label: (got[label], wanted[label]) for label in got if got[label] != wanted[label]} == {}


def test_anonymous_people_are_led_to_the_login(answers: dict[str, dict[str, Answer]]) -> None:
    led = [answer.location for answer in answers["anonymous"].values() if answer.status == 302]
    assert len(led) > 150
    assert {location.partition("?")[0] for location in led} == {
        "/admin/login/",
        "/admin/",  # who logs out
        "/admin/stats/overview/",  # which leads there as well
    }


def test_a_session_that_outlasts_the_right_to_sign_in_opens_nothing(
    world: World, people: dict[str, Client]
) -> None:
    """But what is everybody's: one's own factors, and the way out."""
    answers = {page.label: ask(people["former"], page, world) for page in PAGES}
    opened = [label for label, answer in answers.items() if answer.status == 200]
    assert [label for label in opened if not label.startswith(("mfa_", "account_"))] == []


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


def attempts(world: World, who: str) -> Iterator[tuple[str, str, dict[str, Any], tuple[int, ...]]]:
    """Everything that can be posted: a label, the address, the data, and the statuses that it may get."""
    for page in PAGES:
        if page.name not in ("admin:logout", "account_logout"):
            yield page.label, address(page, world), page.data, page.posted(who)
    rows = {page.name: page.args[0] for page in PAGES if page.args}
    pages = {page.name: page for page in PAGES}
    for model, name in buttons():
        pk = _arg(rows[f"admin:{model}_change"], world)
        data = {"action": name, "_selected_action": [pk], "confirmed": "yes", "post": "yes"}
        changelist = pages[f"admin:{model}_changelist"]
        yield f"{model}: {name}", url(changelist, world), data, table.acted(changelist, who)


@pytest.mark.parametrize("who", ["anonymous", "nobody", "analysts", "auditors"])
def test_who_may_only_look_changes_nothing(world: World, people: dict[str, Client], who: str) -> None:
    before = snapshot()
    changed: dict[str, list[str]] = {}
    wrong: dict[str, int] = {}
    refused = 0
    with transaction.atomic(), undrawn():
        for label, where, data, statuses in attempts(world, who):
            writes = Writes([])
            with connection.execute_wrapper(writes):
                answer = people[who].post(where, data)
                text(answer)  # to its end: a download keeps its seat until then
            refused += answer.status_code in (302, 403)
            if answer.status_code not in statuses:
                wrong[label] = answer.status_code
            if writes.seen:
                changed[label] = writes.seen
        after = snapshot()
        transaction.set_rollback(True)
    assert wrong == {}
    assert refused > 100
    assert changed == {}
    assert {label: rows for label, rows in after.items() if rows != before[label]} == {}


@pytest.mark.parametrize("who", ["operators", "superuser"])
def test_buttons_work_for_those_who_may(world: World, people: dict[str, Client], who: str) -> None:
    wrong = {}
    for label, where, data, statuses in attempts(world, who):
        with undone(people[who]), undrawn():
            answer = people[who].post(where, data)
            text(answer)
        led_out = 200 in statuses and answer.get("Location", "").startswith("/admin/login/")
        if led_out or answer.status_code not in statuses:
            wrong[label] = answer.status_code
    assert wrong == {}


@pytest.mark.parametrize("who", WHO)
def test_no_other_method_does_anything(world: World, people: dict[str, Client], who: str) -> None:
    client, wrong, writes = people[who], {}, Writes([])
    with transaction.atomic(), undrawn(), connection.execute_wrapper(writes):
        for page in PAGES:
            where = address(page, world)
            for method in ("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"):
                answer = client.generic(method, where)
                text(answer)  # to its end, as above
                if answer.status_code != (page.got(who) if method == "HEAD" else table.OTHER_METHODS):
                    wrong[f"{method} {page.label}"] = answer.status_code
        transaction.set_rollback(True)
    assert wrong == {}
    assert writes.seen == []


@pytest.mark.parametrize("who", WHO)
def test_actions_are_offered_to_those_who_may(world: World, people: dict[str, Client], who: str) -> None:
    """And to nobody else: a posted action that is not offered does nothing."""
    if who == "anonymous":
        return
    from django.test import RequestFactory

    seen = 0
    for model, page in admin.site._registry.items():
        request = RequestFactory().get("/")
        request.user = _user(who)
        offered = {name for name in page.get_actions(request) if name != "delete_selected"}
        declared = {_name(action) for action in page.actions or ()}
        people = table.ACTIONS.get(model._meta.label, table.OPERATORS)
        may = LETTERS.get(who, "-") in people
        assert offered == (declared if may else set()), model
        seen += len(declared)
    assert seen > 5


def _user(who: str) -> Any:
    from django.contrib.auth.models import User

    return User.objects.get(username=who)


# Seeing numbers


def shown_numbers(body: str) -> list[str]:
    return [number for number in (*SPELLINGS, *STRANGE) if number in body]


def test_numbers_are_hidden_from_those_who_may_not_see_them(answers: dict[str, dict[str, Answer]]) -> None:
    for who in ("anonymous", "nobody", *MASKED):
        found = {label: shown_numbers(answer.body) for label, answer in answers[who].items()}
        assert [label for label, numbers in found.items() if numbers] == [], who


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
    links = [re.findall(r'href="(/admin/[^"#?]*)', answer.body) for answer in answers["analysts"].values()]
    assert sum(map(len, links)) > 1000
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
    pages = {page.label: page for page in PAGES}
    for who, got in answers.items():
        for label, answer in got.items():
            assert who == "veiled" or answer.status == pages[label].got(who), (who, label)
            secrets = hidden if who in ("operators", "veiled") else [*hidden, *tokens]
            assert [secret for secret in secrets if secret in answer.body] == [], (who, label)
    drawn = [answer.body for answer in answers["veiled"].values() if answer.status == 200]
    assert len(drawn) > 100
    assert any(token in body for body in drawn for token in tokens)


# Machines


def test_a_session_opens_nothing_to_machines(world: World, people: dict[str, Client]) -> None:
    wrong, writes = {}, Writes([])
    with transaction.atomic(), connection.execute_wrapper(writes):
        for machine in MACHINES:
            where = url(machine, world)
            for who, client in people.items():
                for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
                    if MACHINE_PATHS.match(where):
                        cookie = {"Cookie": client.cookies.output(attrs=[], header="", sep=";").strip()}
                        status = call(method, where, b"{}", cookie).status
                    else:
                        status = client.generic(method, where, "{}", "application/json").status_code
                    if status != machine.status(method):
                        wrong[f"{method} {where} {who}"] = status
        transaction.set_rollback(True)
    assert wrong == {}
    assert writes.seen == []
