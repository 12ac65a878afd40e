"""What a connector is: one pure object that turns messages into a BSP's HTTP and back.

A connector opens no socket, reads no clock, no settings and no database. It declares its
credentials and options as data; the admin form, redaction, the command line and the docs
come from that declaration.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import NamedTuple, Protocol

from lib.http import HttpRequest, HttpResponse
from lib.phone import person, same
from providers.dialects.cloud_api.codes import MISFITS
from providers.dialects.cloud_api.marketing import LATEST, MARKETING, MODE, OFF, POLICIES, POLICY
from providers.features import Feature
from providers.messages import (
    InboundMedia,
    Malformed,
    Outbound,
    Receiver,
    SendResult,
    TemplatePage,
    WebhookItem,
    kind_of,
)

SUCCESS = b'{"status":"success"}'


@dataclass(frozen=True, slots=True)
class Field:
    """One credential or option an operator fills in, or chooses where there are choices.

    A name ending in ":" stands for any number of values named `prefix:NAME`
    (the generic connector's `header:`). A secret is stored encrypted and never shown again.
    """

    name: str
    label: str
    help: str
    secret: bool = False
    required: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()


# For connectors that hand Meta's location header on, which takes no coordinates without both texts.
PLACE_OPTIONS = (
    Field(
        "location_name",
        "Location name",
        "The name shown with location headers. CleverTap sends coordinates only, and Meta requires a name.",
    ),
    Field(
        "location_address",
        "Location address",
        "The address shown with location headers. CleverTap sends coordinates only, and Meta "
        "requires an address.",
    ),
)


# For connectors that hand Meta's Marketing Messages API on (providers.dialects.cloud_api.marketing).
MARKETING_OPTIONS = (
    Field(
        MODE,
        "Marketing Messages API",
        "Sends marketing templates through Meta's Marketing Messages API. The account must be onboarded. "
        "With “latest category”, a refusal that says that a template is marketing by now, or is no longer, "
        "sends the message by the other way.",
        default=OFF,
        choices=(OFF, MARKETING, LATEST),
    ),
    Field(
        POLICY,
        "Marketing policy",
        "What becomes of messages that the Marketing Messages API cannot send: sent as usual "
        "(CLOUD_API_FALLBACK) or refused (STRICT). Left empty, Meta decides.",
        choices=POLICIES,
    ),
)


@dataclass(frozen=True, slots=True)
class Config:
    """A provider's set-up as a connector sees it.

    `previous` holds replaced credentials that are still valid for incoming webhooks.
    `webhook_url` is ours, for BSPs that are told it with every message. `now` is the time in
    epoch seconds, for tokens with an end; a connector has no other clock. `sealed` says that there are
    credentials, and that no key of ours opens them.
    """

    waba_number: str = ""
    endpoint: str = ""
    credentials: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    previous: Mapping[str, str] = field(default_factory=dict)
    webhook_url: str = ""
    now: int = 0
    sealed: bool = False

    def secrets(self, name: str) -> tuple[str, ...]:
        """The credential's current value and former values that are still valid, without empty ones."""
        values = (self.credentials.get(name, ""), self.previous.get(name, ""))
        return tuple(value for value in values if value)

    def credential(self, name: str) -> str:
        return self.credentials.get(name, "")

    def option(self, name: str) -> str:
        return self.options.get(name, "")

    def base(self, default: str) -> str:
        """The option `base_url`, or the BSP's usual address, without a slash at the end."""
        return (self.options.get("base_url") or default).rstrip("/")


class Rate(NamedTuple):
    """A limit: this many requests in this many seconds."""

    requests: int
    seconds: int


class HostHeader(NamedTuple):
    """A header in which CleverTap names the BSP's host, and the hosts it may name."""

    name: str
    hosts: tuple[str, ...]


class Connector(Protocol):
    """What sending, webhooks, admin and docs need to know of a BSP. The defaults fit most BSPs."""

    slug: str
    label: str
    webhook_setup: str
    """Where the webhook URL is entered at the BSP, as a sentence for operators."""
    tried_live: bool = False
    """Whether somebody has used it with a real account."""
    takes_endpoint: bool = False
    webhook_fields: Mapping[str, str] = MappingProxyType({})
    """What has to be subscribed to at the BSP, one by one, and what each is for."""
    credentials: tuple[Field, ...] = ()
    options: tuple[Field, ...] = ()
    default_rate: Rate | None = None
    """What a new provider is limited to; None where the BSP publishes no limit."""
    lacks: Mapping[Feature, str] = MappingProxyType({})
    """The features that the BSP, or the connector, does not have, each with the reason."""
    mapped_statuses: frozenset[str] = frozenset()
    """The BSP's own words for events and kinds that `parse_webhook` knows; each has a fixture."""
    mapped_codes: frozenset[str] = frozenset()
    """The BSP's own codes that are translated; each has a fixture."""
    stopped_codes: frozenset[str] = frozenset({"131050"})
    """The BSP's codes for a person who stopped marketing messages in WhatsApp: Meta's, or its own."""
    capped_codes: frozenset[str] = frozenset({"131049"})
    """The BSP's codes for a person who got as many marketing messages as WhatsApp lets through: Meta's, or
    its own."""
    category_codes: frozenset[str] = frozenset()
    """The BSP's codes for a template that goes another way by now: see `category_named`."""
    misfit_codes: frozenset[str] = MISFITS
    """The BSP's codes for a message that does not fit its template, Meta's or its own: what we know of the
    template may be old."""
    takes_get: bool = False
    """Whether webhooks may come as GET, all in the query."""
    webhook_answer: HttpResponse = HttpResponse(200, {"Content-Type": "application/json"}, SUCCESS)
    """What the BSP is told once its webhook is stored."""
    login_headers: Mapping[str, str] = MappingProxyType({})
    """Headers by which CleverTap may prove itself with the BSP's own credentials, and their names."""
    host_header: HostHeader | None = None
    sends_to_user_ids: bool = False
    """Whether a message may go to a user id, as well as to a number."""
    proof: tuple[str, ...] = ()
    """The credentials that webhooks are verified with. Providers that share one trust the same sender."""
    number_id: str = ""
    """The credential or option that holds the BSP's own id of the number, where its webhooks name that."""
    account: str = ""
    """The credential or option that holds the account, where webhooks name it."""

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        """The send call. Raises Unsupported for a part that the BSP cannot express."""

    def repeats_safely(self, config: Config) -> bool:
        """Whether the BSP delivers a message once however often it is sent with the same `Outbound.once`.

        If so, a message whose answer was lost is sent again. Otherwise it stays unknown, so that nobody gets
        it twice.
        """
        return False

    def parse_response(self, response: HttpResponse) -> SendResult:
        """The outcome of a send call that was answered. Raises nothing."""

    def category_named(self, request: HttpRequest, result: SendResult, config: Config) -> str:
        """The category that a refusal says the template has, so that the message is sent by the other API;
        otherwise empty. Only for refusals that are certain."""
        return ""

    def sends_marketing_apart(self, config: Config) -> bool:
        """Whether marketing templates are sent by another API than all other messages."""
        return False

    def handshake(self, request: HttpRequest, config: Config) -> HttpResponse | None:
        """The answer to a BSP's challenge to the webhook URL; None when it is no challenge."""
        return None

    def verify(self, request: HttpRequest, config: Config) -> bool:
        """Whether the webhook is from the BSP. If nothing in it proves that, the URL is the secret."""
        return True

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        """Every report and inbound message in the webhook. Raises Malformed, nothing else."""

    def read_webhook(self, request: HttpRequest, config: Config) -> list[WebhookItem]:
        """As `parse_webhook`, for BSPs whose webhooks need something from the set-up to be understood."""
        return self.parse_webhook(request)

    def webhook_kinds(self, request: HttpRequest, items: Sequence[WebhookItem]) -> set[str]:
        """The kinds of news in a webhook that holds these items, in the words of `webhook_fields`."""
        return {kind_of(item) for item in items}

    def receives(self, receiver: Receiver, config: Config) -> bool | None:
        """Whether something is for the set-up's number or account; None where that cannot be told."""
        ours, theirs = config.waba_number, receiver.number
        answers = []
        if ours and theirs:  # some BSPs leave out the country code
            answers.append(person(ours) == person(theirs) or same(ours, theirs))
        number_id = config.credential(self.number_id) or config.option(self.number_id)
        if receiver.number_id and number_id:
            answers.append(receiver.number_id == number_id)
        account = config.credential(self.account) or config.option(self.account)
        if not answers and receiver.account and account:
            answers.append(receiver.account == account)
        return any(answers) if answers else None

    def media_request(self, media: InboundMedia, config: Config) -> HttpRequest | None:
        """The call that fetches inbound media; None when CleverTap is to fetch the URL itself.

        The BSP's credentials go to the BSP's own host only, whatever URL a webhook names.
        """
        return None

    def media_follow(self, response: HttpResponse, config: Config) -> HttpRequest | None:
        """The second call, if the first answer has only the media's URL; None if it was the media."""
        return None

    def api_ends(self, options: Mapping[str, str]) -> date | None:
        """From when on the BSP no longer answers at the API version of these options, where it says so."""
        return None

    def templates_request(self, config: Config, cursor: str) -> HttpRequest | None:
        """The call for the page of the template list after `cursor` ("" for the first).

        None if there is no list, or the set-up lacks something that the call needs.
        """
        return None

    def named_templates_request(self, config: Config, name: str, cursor: str) -> HttpRequest | None:
        """As `templates_request`, for the templates of that name; None if the BSP only gives the whole
        list."""
        return None

    def parse_templates(self, response: HttpResponse, cursor: str) -> TemplatePage:
        """The page, in Meta's component grammar. Raises Malformed, nothing else.

        `cursor` is the one the page was asked for with. Only answers with a 2xx status get here.
        """
        raise Malformed("this BSP has no template list")
