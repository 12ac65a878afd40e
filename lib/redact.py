"""Taking secrets out of what is stored or shown: requests, answers, error texts."""

import json
import logging
import re
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

import msgspec

from lib.http import HttpRequest

MASK = "•••"

_SECRET_HEADER = re.compile(r"auth|(api|access)[-_]?key|token|secret|passw|credential|cookie", re.IGNORECASE)
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/=_-]+")
_URL_TOKEN = re.compile(r"^(/(?:callbacks|webhooks|media|l)/)[^/]+")
_SHORTEST_PART = 4  # characters of base64 that are long enough to look for


def is_secret_header(name: str) -> bool:
    """Whether a header of that name carries credentials."""
    return bool(_SECRET_HEADER.search(name))


def redact_request(request: HttpRequest, secrets: Iterable[str]) -> HttpRequest:
    """The request as it may be stored: no secret in its URL, headers or body.

    Headers that carry credentials by their name are masked whole, whatever their value.
    """
    secrets = tuple(secrets)
    headers = {
        name: MASK if is_secret_header(name) else redact_text(value, secrets)
        for name, value in request.headers.items()
    }
    body = request.body.decode("utf-8", "surrogateescape")
    return HttpRequest(
        request.method,
        redact_text(request.url, secrets),
        headers,
        redact_text(body, secrets).encode("utf-8", "surrogateescape"),
    )


def redact_text(text: str, secrets: Iterable[str]) -> str:
    """The text with every form of every secret masked: as it is, in a URL, in JSON, in base64."""
    secrets = tuple(filter(None, secrets))
    # Base64 first: masking a short secret could cut through the base64 of a longer one.
    parts = {part for secret in secrets for part in _base64_parts(secret) if part in text}
    if parts:
        text = _BASE64_RUN.sub(lambda run: MASK if any(part in run[0] for part in parts) else run[0], text)
    for form in sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def _forms(secret: str) -> set[str]:
    plain = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    encoded = {quote(secret, safe="", errors="replace"), quote(secret, errors="replace")}
    encoded.add(quote_plus(secret, errors="replace"))
    encoded |= {_PERCENT.sub(lambda code: code[0].lower(), form) for form in encoded}
    return plain | encoded


def _base64_parts(secret: str) -> set[str]:
    """What the secret looks like inside base64 of `user:secret`, for a user of any length.

    Base64 writes three bytes as four characters, so the secret can begin at three places of such a group. The
    characters at both ends, which also hold bits of the neighbours, are left off.
    """
    data = secret.encode("utf-8", "surrogatepass")
    parts = set()
    for before, shared in ((0, 0), (1, 2), (2, 3)):
        written = b64encode(bytes(before) + data).decode().rstrip("=")
        part = written[shared : len(written) - bool((before + len(data)) % 3)]
        if len(part) >= _SHORTEST_PART:
            parts |= {part, part.replace("+", "-").replace("/", "_")}
    return parts


class Redactor:
    """The same for many requests with one set of secrets, their forms worked out once."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # Shorter ones hide nothing, and masking every occurrence would leave nothing to read.
        self._secrets = tuple(secret for secret in secrets if len(secret) >= _SHORTEST_PART)
        forms = {form for secret in self._secrets for form in _forms(secret)}
        self._traces = forms | {part for secret in self._secrets for part in _base64_parts(secret)}

    def text(self, text: str) -> str:
        return redact_text(text, self._secrets) if any(trace in text for trace in self._traces) else text

    def request(self, request: HttpRequest) -> str:
        """The request as JSON with method, url, headers and body, fit to be stored."""
        headers = {
            name: MASK if is_secret_header(name) else self.text(value)
            for name, value in request.headers.items()
        }
        body = self.text(request.body.decode("utf-8", "replace").replace("\0", ""))
        parts = {"method": request.method, "url": self.text(request.url), "headers": headers, "body": body}
        return msgspec.json.encode(parts).decode()


class UrlTokens(logging.Filter):
    """Masks the token in the path of a refused request, which Django logs. This token alone may open a
    URL."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                _URL_TOKEN.sub(rf"\1{MASK}", part) if isinstance(part, str) else part for part in record.args
            )
        return True
