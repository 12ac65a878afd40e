"""Reading the fixture cases: one a file, named after what it shows.

`fixtures/send` holds what CleverTap posts (`sends` as JSON, or `raw` as text) and either what is
`read` from it or the `answer` that refuses it, `http` being its status when it is not 200.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

FIXTURES = Path(__file__).parent / "fixtures"
Case = dict[str, Any]


def read(folder: str) -> Iterator[tuple[str, Case]]:
    for path in sorted((FIXTURES / folder).glob("*.json")):
        yield path.stem, json.loads(path.read_text())


def parameters(folder: str, having: str = "") -> list[Any]:
    """Every case of a folder, or those that hold a key, named after their files."""
    return [pytest.param(case, id=name) for name, case in read(folder) if not having or having in case]


def body(case: Case) -> bytes:
    return str(case["raw"]).encode() if "raw" in case else json.dumps(case["sends"]).encode()


def plain(value: object) -> Any:
    """As JSON would hold it."""
    return msgspec.json.decode(msgspec.json.encode(value))
