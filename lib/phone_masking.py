"""Phone numbers for the person who looks: whole, or with their middle hidden.

This person is the user of the current request. Without a user, numbers are hidden. A download is written
after its view has returned, so the view calls `eyes()` before and passes the result on.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse

from lib import phone, phone_hiding
from lib.listing import prefix

PERMISSION = "campaigns.view_phone_numbers"


@dataclass(frozen=True, slots=True)
class Eyes:
    whole: bool

    def number(self, number: str) -> str:
        return self._seen(number, phone.masked)

    def text(self, text: str) -> str:
        """A text in which numbers may be."""
        return self._seen(text, phone_hiding.hidden)

    def identity(self, identity: str, number: str) -> str:
        """Of a contact: hidden where it is the phone number itself."""
        return self._seen(identity, lambda identity: phone.masked_identity(identity, number))

    def _seen(self, text: str, mask: Callable[[str], str]) -> str:
        if not self.whole:
            return mask(text)
        request = _request.get()
        if request is not None and not were_shown(request) and mask(text) != text:
            setattr(request, _SHOWN, True)
        return text

    def found(self, field: str, digits: str) -> list[Q]:
        """Rows with that number in any spelling, one condition for each, which the field's index serves.
        By its beginning only for those who may see the rest of it."""
        if self.whole:
            return [prefix(field, each) for each in phone.beginnings(digits)]
        return [Q(**{field: each}) for each in phone.spellings(digits)]


WHOLE, HIDDEN = Eyes(True), Eyes(False)
_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)
_SHOWN = "phone_numbers_were_shown"


def were_shown(request: HttpRequest) -> bool:
    """Whether the answer to the request shows a whole phone number. A download is written later: it shows
    none yet."""
    return getattr(request, _SHOWN, False)


def eyes_of(user: Any) -> Eyes:
    return WHOLE if user is not None and user.has_perm(PERMISSION) else HIDDEN


def eyes() -> Eyes:
    """The view of phone numbers that the current request's user has."""
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


def found(field: str, digits: str) -> list[Q]:
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
