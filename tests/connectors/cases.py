"""Reading the fixture cases. Their formats are described in fixtures/README.md."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from lib.http import HttpRequest, HttpResponse
from providers.connectors import CONNECTORS
from providers.connectors.base import Config, Connector
from providers.messages import InboundMedia, Outbound

FIXTURES = Path(__file__).parent / "fixtures"
Case = dict[str, Any]


def folders() -> list[str]:
    return sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())


@cache
def read(slug: str, kind: str) -> list[tuple[str, Case]]:
    paths = sorted((FIXTURES / slug / kind).glob("*.json"))
    return [(path.stem, json.loads(path.read_text())) for path in paths]


@cache
def _folders_config(slug: str) -> Case:
    found: Case = json.loads((FIXTURES / slug / "config.json").read_text())
    return found


def parameters(kind: str, *having: str, of: str = "") -> list[Any]:
    """(slug, case) of every case of a kind that holds one of the keys, named slug-case; of one connector,
    where it is named."""
    return [
        pytest.param(slug, case, id=f"{slug}-{name}")
        for slug in ([of] if of else folders())
        for name, case in read(slug, kind)
        if not having or any(key in case for key in having)
    ]


def connector(slug: str) -> Connector:
    return CONNECTORS[slug]


def config(slug: str, case: Case) -> Config:
    """The case's own set-up, or the folder's."""
    stored = case.get("config")
    return Config(**(_folders_config(slug) if stored is None else stored))


def secrets(slug: str, set_up: Config) -> list[str]:
    """The values of every credential that the connector declares to be secret."""
    declared = [field.name for field in connector(slug).credentials if field.secret]
    return [
        value
        for name, value in set_up.credentials.items()
        if any(name == one or (one.endswith(":") and name.startswith(one)) for one in declared)
    ]


def outbound(case: Case) -> Outbound:
    """The case's message. It is written back and compared, which finds keys that Outbound does not have."""
    message = msgspec.convert(case["outbound"], Outbound)
    assert plain(message) == case["outbound"], "unknown keys, or defaults written out"
    return message


def media(case: Case) -> InboundMedia:
    return msgspec.convert(case["media"], InboundMedia)


def body(part: Case) -> bytes:
    if "form" in part:
        return urlencode(part["form"]).encode()
    return json.dumps(part["json"]).encode() if "json" in part else part.get("body", "").encode()


def incoming(case: Case) -> HttpRequest:
    given = case["request"]
    url = given.get("url", "https://gw.example.test/hooks/t0ken")
    headers = given.get("headers", {"Content-Type": "application/json"})
    return HttpRequest(given.get("method", "POST"), url, headers, body(given))


def answer(case: Case) -> HttpResponse:
    return HttpResponse(case.get("status", 200), case.get("headers", {}), body(case))


def plain(value: object) -> Any:
    """As JSON would hold it; defaults are left out."""
    return msgspec.json.decode(msgspec.json.encode(value))


def scalars(value: object) -> Iterator[str]:
    """Every string and number anywhere in a JSON value, as text in lower case."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from scalars(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from scalars(inner)
    elif isinstance(value, str | int) and not isinstance(value, bool):
        yield str(value).lower()
