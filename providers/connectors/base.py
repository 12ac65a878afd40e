"""What a connector is: one pure object that turns messages into a BSP's HTTP and back.

A connector opens no socket, reads no clock, no settings and no database. It declares its
credentials and options as data; the admin form, redaction, the command line and the docs
come from that declaration.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from lib.http import HttpRequest, HttpResponse
from providers.messages import Outbound, SendResult, WebhookItem


@dataclass(frozen=True, slots=True)
class Field:
    """One credential or option an operator fills in.

    A name ending in ":" stands for any number of values named `prefix:NAME`
    (the generic connector's `header:`). A secret is stored encrypted and never shown again.
    """

    name: str
    label: str
    help: str
    secret: bool = False
    required: bool = False
    default: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """A provider's set-up as a connector sees it.

    `previous` holds replaced credentials that are still valid for incoming webhooks.
    """

    waba_number: str = ""
    endpoint: str = ""
    credentials: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    previous: Mapping[str, str] = field(default_factory=dict)

    def secrets(self, name: str) -> tuple[str, ...]:
        """The credential's current and still valid former values, empty ones left out."""
        values = (self.credentials.get(name, ""), self.previous.get(name, ""))
        return tuple(value for value in values if value)


class Connector(Protocol):
    slug: str
    label: str
    takes_endpoint: bool
    credentials: tuple[Field, ...]
    options: tuple[Field, ...]
    default_rate: tuple[int, int] | None
    """Requests and seconds, where the BSP publishes a limit."""

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        """The send call. Raises Unsupported for a part that the BSP cannot express."""

    def parse_response(self, response: HttpResponse) -> SendResult:
        """The outcome of a send call that was answered. Raises nothing."""

    def handshake(self, request: HttpRequest, config: Config) -> HttpResponse | None:
        """The answer to a BSP's challenge to the webhook URL; None when it is no challenge."""

    def verify(self, request: HttpRequest, config: Config) -> bool:
        """Whether the webhook is from the BSP. True where the BSP signs nothing."""

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        """Every report and inbound message in the webhook. Raises Malformed, nothing else."""
