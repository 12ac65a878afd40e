"""HTTP as plain data, so that connectors can build and read it without a socket."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request: outgoing (built by a connector) or incoming (a webhook as it arrived)."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str:
        """The header's value whatever its case, or an empty string."""
        return header(self.headers, name)

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One answer. `milliseconds` runs from the first byte out to the last byte in."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    milliseconds: int = 0

    def header(self, name: str) -> str:
        return header(self.headers, name)

    @property
    def text(self) -> str:
        """The body without NUL, which no database stores."""
        return self.body.decode("utf-8", "replace").replace("\0", "")


def host(url: str) -> str:
    """The host in a URL, in lower case; empty when the URL cannot be read."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # brackets that close nothing
        return ""


def basic(username: str, password: str) -> dict[str, str]:
    """The header of a login by Basic."""
    return {"Authorization": "Basic " + b64encode(f"{username}:{password}".encode()).decode()}


def header(headers: Mapping[str, str], name: str) -> str:
    wanted = name.lower()
    for key, value in headers.items():
        if key.lower() == wanted:
            return value
    return ""
