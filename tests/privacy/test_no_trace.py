"""A number that is in every column of every table is nowhere after its person was erased."""

import base64
import re
from typing import Any

import pytest
from django.utils import timezone

from privacy import erasing, finding, register
from privacy.models import Erasure
from tests.privacy.planting import STRANGER, VALUES, WHOSE, labels, plant, traces

NUMBER = "919876512340"
NATIONAL = NUMBER[2:]
CODED = base64.b64encode(b"\x1d\x09\x16\x0c" + NUMBER.encode() + b"\x15\x02").decode()
SPELLINGS = {
    "digits": NUMBER,
    "with a plus and spaces": "+91 98765 12340",
    "national": "098765-12340",
    "escaped": r"+91\u00a098765%2012340",
    "in WhatsApp's message id": f"wamid.{CODED}",
}
_CORE = CODED[8:20]
TRACE = re.compile(r"(?:[^0-9A-Za-z]|\\u00a0|%20){0,6}".join(NATIONAL) + f"|{_CORE}")


def test_every_table_is_in_the_register() -> None:
    looked_through, nobodys = set(register.LOOKED_THROUGH), set(register.NOBODYS)
    assert looked_through & nobodys == set()
    assert looked_through | nobodys == labels()
    assert set(register.OPEN) <= looked_through


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("whose", [NUMBER, STRANGER], ids=["in their rows", "in those of others"])
def test_nothing_is_left(spelling: str, whose: str) -> None:
    planted = plant(spelling, NUMBER, whose=whose)
    places = {place.partition(":")[0] for place in traces(TRACE)}
    columns = {
        f"{model._meta.db_table}.{field.column}"
        for model in planted
        if model._meta.label in register.LOOKED_THROUGH
        for field in register.columns(model)
        if _holds(model, field) and not (whose == STRANGER and field.name in WHOSE.get(_label(model), ()))
    }
    assert columns - places == set(), "it was not planted there"
    erasure = erasing.start(finding.person(f"+{NUMBER}"), "asha", f"mail of {spelling}", timezone.now())
    erasing.drain()
    erasure.refresh_from_db()
    assert erasure.state == Erasure.State.DONE, (erasure.table, erasure.left, erasure.error)
    assert sorted(traces(TRACE)) == []


def _holds(model: Any, field: Any) -> bool:
    fixed = VALUES.get(_label(model), {})
    return field.name not in fixed and (field.max_length is None or field.max_length >= len(NUMBER))


def _label(model: Any) -> str:
    return str(model._meta.label)
