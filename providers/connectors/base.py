"""What a connector is: one pure object that turns messages into a BSP's HTTP and back.

A connector opens no socket, reads no clock, no settings and no database. It declares its
credentials and options as data; the admin form, redaction, the command line and the docs
come from that declaration.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from lib.http import HttpRequest, HttpResponse
from providers.features import Feature
from providers.messages import (
    InboundMedia,
    Malformed,
    Outbound,
    SendResult,
    TemplatePage,
    WebhookItem,
)

SUCCESS = b'{"status":"success"}'


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


# For connectors that hand Meta's location header on, which takes no coordinates without both texts.
PLACE_OPTIONS = (
    Field(
        "location_name",
        "Location name",
        "Shown over location headers for which CleverTap sends coordinates alone. Meta demands one.",
    ),
    Field("location_address", "Location address", "The same for the address."),
)


@dataclass(frozen=True, slots=True)
class Config:
    """A provider's set-up as a connector sees it.

    `previous` holds replaced credentials that are still valid for incoming webhooks.
    `webhook_url` is ours, for BSPs that are told it with every message. `now` is the time in
    epoch seconds, for tokens with an end; a connector has no other clock.
    """

    waba_number: str = ""
    endpoint: str = ""
    credentials: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    previous: Mapping[str, str] = field(default_factory=dict)
    webhook_url: str = ""
    now: int = 0

    def secrets(self, name: str) -> tuple[str, ...]:
        """The credential's current and still valid former values, empty ones left out."""
        values = (self.credentials.get(name, ""), self.previous.get(name, ""))
        return tuple(value for value in values if value)

    def credential(self, name: str) -> str:
        return self.credentials.get(name, "")

    def option(self, name: str) -> str:
        return self.options.get(name, "")

    def base(self, default: str) -> str:
        """The option `base_url`, or the BSP's usual address, without a slash at the end."""
        return (self.options.get("base_url") or default).rstrip("/")


class Connector(Protocol):
    """What dispatch, webhooks, admin and docs need of a BSP. Defaults are what most BSPs have."""

    slug: str
    label: str
    webhook_setup: str
    """Where the webhook URL is entered at the BSP, as a sentence for operators."""
    tried_live: bool = False
    """Whether somebody has used it with a real account."""
    takes_endpoint: bool = False
    credentials: tuple[Field, ...] = ()
    options: tuple[Field, ...] = ()
    default_rate: tuple[int, int] | None = None
    """Requests and seconds, where the BSP publishes a limit."""
    lacks: Mapping[Feature, str] = MappingProxyType({})
    """What the BSP, or the connector, has not, and why."""
    mapped_statuses: frozenset[str] = frozenset()
    """The BSP's own words for events and kinds that `parse_webhook` knows; each has a fixture."""
    mapped_codes: frozenset[str] = frozenset()
    """The BSP's own codes that are translated; each has a fixture."""
    takes_get: bool = False
    """Whether webhooks may come as GET, all in the query."""
    webhook_answer: HttpResponse = HttpResponse(200, {"Content-Type": "application/json"}, SUCCESS)
    """What the BSP is told once its webhook is stored."""
    login_headers: Mapping[str, str] = MappingProxyType({})
    """Headers by which CleverTap may prove itself with the BSP's own credentials, and their names."""
    host_header: tuple[str, tuple[str, ...]] = ("", ())
    """A header in which CleverTap names the BSP's host, and the hosts it may name."""

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        """The send call. Raises Unsupported for a part that the BSP cannot express."""

    def parse_response(self, response: HttpResponse) -> SendResult:
        """The outcome of a send call that was answered. Raises nothing."""

    def handshake(self, request: HttpRequest, config: Config) -> HttpResponse | None:
        """The answer to a BSP's challenge to the webhook URL; None when it is no challenge."""
        return None

    def verify(self, request: HttpRequest, config: Config) -> bool:
        """Whether the webhook is from the BSP. Where it proves nothing, the URL is the secret."""
        return True

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        """Every report and inbound message in the webhook. Raises Malformed, nothing else."""

    def read_webhook(self, request: HttpRequest, config: Config) -> list[WebhookItem]:
        """The same with the set-up, for BSPs that leave out what only the operator can say."""
        return self.parse_webhook(request)

    def media_request(self, media: InboundMedia, config: Config) -> HttpRequest | None:
        """The call that fetches inbound media; None when CleverTap can and should fetch the URL itself.

        The BSP's credentials go to the BSP's own host only, whatever URL a webhook names.
        """
        return None

    def media_follow(self, response: HttpResponse, config: Config) -> HttpRequest | None:
        """The second call where the first one only told where the media lies; None when it is the media."""
        return None

    def templates_request(self, config: Config, cursor: str) -> HttpRequest | None:
        """The call for the page of the template list after `cursor` ("" for the first).

        None when there is no list, or the set-up lacks what it takes.
        """
        return None

    def parse_templates(self, response: HttpResponse, cursor: str) -> TemplatePage:
        """The page, in Meta's component grammar. Raises Malformed, nothing else.

        `cursor` is the one the page was asked for with. Only answers with a 2xx status get here.
        """
        raise Malformed("this BSP has no template list")
