"""The simulator at the other ends, where a provider is one of its customers.

Nothing of it is imported: it is asked over HTTP, by its control API.
"""

import json
import re
from typing import Any, NamedTuple, Self

from lib.http import HttpRequest
from lib.transport import TransportError, transport
from providers.models import Provider

_SINK = re.compile(r"(https?://[^/]+)/sink/([^/]+)/delivery")
_TIMEOUT = 5.0


class Refused(Exception):
    """The simulator cannot do it, in its own words."""


class Simulated(NamedTuple):
    """`codes` are CleverTap's codes for failures for which the BSP has errors of its own."""

    url: str
    account: str
    codes: frozenset[int] = frozenset()

    @classmethod
    def of(cls, provider: Provider) -> Self | None:
        """The simulator that plays CleverTap for this provider and its BSP too; None where others do."""
        found = _SINK.fullmatch(provider.delivery_url)
        if found is None:
            return None
        there = cls(found[1], found[2])
        bsp = str(provider.options.get("base_url") or provider.endpoint)
        try:
            codes = there._ask("GET", "summary").get("codes", {})
        except (Refused, TransportError, ValueError):
            return None
        if not bsp.startswith(there.url) or there.account not in codes:
            return None
        return there._replace(codes=frozenset(codes[there.account]))

    @property
    def files(self) -> str:
        return f"{self.url}/files"

    def write(self, sender: str, kind: str, **about: Any) -> None:
        """Makes a person write to the business. Raises Refused if the BSP does not report such messages."""
        self._ask("POST", "inbound", {"account": self.account, "from": sender, "type": kind} | about)

    def sink_mode(self, mode: str) -> None:
        """How CleverTap answers for this account: `ok`, or `down` with a 503."""
        modes = dict(self._ask("GET", "behaviour")["sink_modes"])
        modes[self.account] = mode
        self._ask("POST", "behaviour", {"sink_modes": modes})

    def _ask(self, method: str, what: str, content: object = None) -> dict[str, Any]:
        body = json.dumps(content).encode() if content is not None else b""
        headers = {"Content-Type": "application/json"}
        answer = transport.send(HttpRequest(method, f"{self.url}/_control/{what}", headers, body), _TIMEOUT)
        found = json.loads(answer.body)
        if answer.status != 200 or not isinstance(found, dict):
            raise Refused(str(found.get("error", answer.status)) if isinstance(found, dict) else answer.text)
        return found
