"""Where a provider's template list comes from: an endpoint in Meta's format, or its connector's own list.

Source of the endpoint's set-up: CleverTap's Generic WhatsApp page ("Import Templates"): limit, paging by
cursor, page number or token, Basic authentication or headers.
"""

from typing import Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from lib.http import HttpRequest, HttpResponse, basic
from lib.reading import at, first, text
from providers.dialects import template_list
from providers.messages import Malformed, TemplatePage
from providers.models import Provider
from providers.outcomes import json_object

_TOKENS = ("next_page_token", "nextPageToken", "next_token")


class Source(Protocol):
    name: str

    def request(self, cursor: str, name: str = "") -> HttpRequest | None:
        """The call for the page after `cursor`; None when the set-up lacks what it takes.

        With a name for the templates of that name; None as well where only the whole list is told.
        """

    def read_page(self, response: HttpResponse, cursor: str) -> TemplatePage:
        """The page in an answer with a 2xx status. Raises Malformed."""


def source_of(provider: Provider) -> Source:
    return Endpoint(provider) if provider.import_endpoint else ConnectorList(provider)


class ConnectorList:
    def __init__(self, provider: Provider) -> None:
        self.name = provider.connector.label
        self._connector, self._config = provider.connector, provider.config

    def request(self, cursor: str, name: str = "") -> HttpRequest | None:
        if name:
            return self._connector.named_templates_request(self._config, name, cursor)
        return self._connector.templates_request(self._config, cursor)

    def read_page(self, response: HttpResponse, cursor: str) -> TemplatePage:
        return self._connector.parse_templates(response, cursor)


class Endpoint:
    """A list in Meta's format. What a page says of the next one is only ever put into our own URL."""

    def __init__(self, provider: Provider) -> None:
        self.name = "The template list endpoint"
        self._url = provider.import_endpoint
        self._limit = provider.import_limit
        self._paging = provider.import_paging
        self._headers = headers(provider.import_credentials)

    def request(self, cursor: str, name: str = "") -> HttpRequest | None:
        if name:
            return None
        parts = urlsplit(self._url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True)) | {"limit": str(self._limit)}
        if self._paging == Provider.Paging.PAGE:
            query["page"] = cursor or "1"
        elif cursor:
            query["after" if self._paging == Provider.Paging.CURSOR else "page_token"] = cursor
        return HttpRequest("GET", urlunsplit(parts._replace(query=urlencode(query))), self._headers)

    def read_page(self, response: HttpResponse, cursor: str) -> TemplatePage:
        if self._paging == Provider.Paging.CURSOR:
            return template_list.read_page(response, cursor)
        payload = json_object(response.body)
        items = at(payload, "data")
        if not isinstance(items, list):
            raise Malformed(template_list.no_list(payload, "data"))
        if self._paging == Provider.Paging.TOKEN:
            named = (first(text(payload, key), text(payload, "paging", key)) for key in _TOKENS)
            return template_list.page_of(items, first(*named) if items else "")
        more = items and (len(items) >= self._limit or text(payload, "paging", "next"))
        return template_list.page_of(items, str(int(cursor or "1") + 1) if more else "")


def headers(credentials: dict[str, str]) -> dict[str, str]:
    """`username` and `password`, or `header:NAME` values, as request headers."""
    found = {
        name.removeprefix("header:"): value
        for name, value in credentials.items()
        if name.startswith("header:")
    }
    if credentials.get("username") or credentials.get("password"):
        found |= basic(credentials.get("username", ""), credentials.get("password", ""))
    return found
