"""Phone numbers as whoever is looking may see them: whole, or with their middle hidden.

Like the time zone, the person is that of the request being answered. Where nobody is known, numbers
are hidden. What is written after the answer has begun (a download) keeps the eyes it was asked with.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse

from lib import phone
from lib.admin import prefix

PERMISSION = "campaigns.view_phone_numbers"


@dataclass(frozen=True, slots=True)
class Eyes:
    whole: bool

    def number(self, number: str) -> str:
        return number if self.whole else phone.masked(number)

    def text(self, text: str) -> str:
        """A text in which numbers may be."""
        return text if self.whole else phone.hidden(text)

    def identity(self, identity: str, number: str) -> str:
        """Of a contact: hidden where it is the phone number itself."""
        return identity if self.whole else phone.masked_identity(identity, number)

    def found(self, field: str, digits: str) -> Q:
        """Rows with that number; by its beginning only for those who may see the rest of it."""
        return prefix(field, digits) if self.whole else Q(**{field: digits})


WHOLE, HIDDEN = Eyes(True), Eyes(False)
_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


def eyes_of(user: Any) -> Eyes:
    return WHOLE if user is not None and user.has_perm(PERMISSION) else HIDDEN


def eyes() -> Eyes:
    """Of the person whose request is being answered."""
    request = _request.get()
    return HIDDEN if request is None else eyes_of(request.user)


def may(permission: str) -> bool:
    """Whether that person has the permission: for links that would end in a refusal."""
    request = _request.get()
    return request is not None and request.user.has_perm(permission)


def number(number: str) -> str:
    return eyes().number(number)


def text(text: str) -> str:
    return eyes().text(text)


def identity(identity: str, number: str) -> str:
    return eyes().identity(identity, number)


def found(field: str, digits: str) -> Q:
    return eyes().found(field, digits)


class Middleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        before = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(before)
