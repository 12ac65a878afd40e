from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.reading import at, epoch, first, number, objects, text

PAYLOAD: dict[str, Any] = {
    "list": [{"id": "a"}, 7, {"id": 8.0}],
    "yes": True,
    "none": None,
    "nul": "a\0b",
    "half": 0.5,
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (("list", 0, "id"), "a"),
        (("list", 2, "id"), "8"),
        (("list", 1), "7"),
        (("half",), "0.5"),
        (("nul",), "ab"),
        (("list", 3, "id"), ""),
        (("list", -1, "id"), ""),
        (("list", "id"), ""),
        (("list", 1, "id"), ""),
        (("yes",), ""),
        (("none",), ""),
        (("list",), ""),
    ],
)
def test_text(path: tuple[str | int, ...], found: str) -> None:
    assert text(PAYLOAD, *path) == found


def test_objects_leaves_out_the_rest() -> None:
    assert objects(PAYLOAD, "list") == [{"id": "a"}, {"id": 8.0}]
    assert objects(PAYLOAD, "yes") == []


def test_first() -> None:
    assert first("", "b", "c") == "b"
    assert first("", "") == ""


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1772000200", 1772000200),
        (1772000200, 1772000200),
        (1772000200123, 1772000200),
        ("1772000200123", 1772000200),
        ("2025-01-01T10:00:05.120000", 1735725605),
        ("2025-01-01 10:00:05", 1735725605),
        ("2025-01-01T10:00:05Z", 1735725605),
        ("2025-01-01T15:30:05+05:30", 1735725605),
        ("0001-01-01T00:00:00+23:59", 0),
        ("soon", 0),
        ("", 0),
        ("nan", 0),
        ("inf", 0),
        (-5, 0),
        (1e300, 0),
        (True, 0),
        (None, 0),
    ],
)
def test_epoch(value: object, seconds: int) -> None:
    assert epoch(value) == seconds


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(ANYTHING, st.lists(st.text() | st.integers(-3, 3), max_size=3))
def test_nothing_raises(value: object, path: list[str | int]) -> None:
    at(value, *path)
    assert "\0" not in text(value, *path)
    number(value, *path)
    objects(value, *path)
    assert 0 <= epoch(value, *path) < 2**38
