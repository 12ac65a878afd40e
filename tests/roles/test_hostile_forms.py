"""Forms and actions as the pages show them, with something else in one field: no error of ours, on either
database. Every action is tried with every value, of each form some fields."""

import random
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from tests.roles.filling import filled
from tests.roles.table import PAGES
from tests.roles.test_pages import address, attempts, buttons, text, undone, undrawn
from tests.roles.world import World

pytestmark = pytest.mark.django_db

VALUES = (
    "x", "\0", "-1", "", "²", "٣", "NaN", "[[", "[" * 100_000, "9" * 5000, "1e999", "a\r\nb", "http://[",
    "ſ" * 300,
)  # fmt: skip
NO_ROWS = ("x", "\0", "", "²", "NaN", "[[", "9" * 5000, "9" * 20)
FIELDS = 4  # that are tried of each form


def test_actions_on_rows_that_there_cannot_be(world: World, root: Client) -> None:
    """Nor is it done with the row beside them. Some lists offer no action."""
    wrong, refused, names = {}, set(), {f"{model}: {name}" for model, name in buttons()}
    for label, where, data, _ in attempts(world, "superuser"):
        if label not in names:
            continue
        for value in NO_ROWS:
            with undone(root), undrawn():
                answer = root.post(where, data | {"_selected_action": [*data["_selected_action"], value]})
                said = [str(each) for each in get_messages(answer.wsgi_request)]
            if said and "Nothing was done" in said[0]:
                refused.add(label)
            elif answer.status_code >= 400 or said not in ([], ["No action selected."]):
                wrong[label, value[:9]] = (answer.status_code, said)
    assert wrong == {}
    assert len(refused) > 15


@pytest.mark.parametrize(
    ("label", "field", "value"),
    [
        ("admin:templates_app_template_import_now", "provider", "9" * 20),
        ("admin:templates_app_template_import_now", "provider", "9" * 5000),
        ("admin:broadcasts_broadcast_step written :message", "variants", "9" * 5000),
        ("admin:auth_user_change user", "groups", "9" * 20),
        ("admin:auth_user_change user", "user_permissions", "9" * 20),
        ("admin:auth_group_change group", "permissions", "9" * 20),
    ],
)
def test_numbers_without_an_end(world: World, root: Client, label: str, field: str, value: str) -> None:
    (page,) = (page for page in PAGES if page.label == label)
    with undone(root), undrawn():
        assert root.post(address(page, world), {field: value}).status_code == 200


def test_forms_with_something_else_in_a_field(world: World, root: Client) -> None:
    chance, wrong = random.Random(0), {}
    for page in PAGES:
        if not page.do:
            continue
        where = address(page, world)
        with undone(root):
            answer: Any = root.get(where)
            shown = filled(text(answer)) if answer.status_code == 200 else {}
        form = shown | page.data
        for name in chance.sample(sorted(form), min(FIELDS, len(form))):
            value = chance.choice(VALUES)
            with undone(root), undrawn():
                answer = root.post(where, form | {name: value})
                text(answer)
            if answer.status_code >= 500:
                wrong[page.label, name, value[:9]] = answer.status_code
    assert wrong == {}
