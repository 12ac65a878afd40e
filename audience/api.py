"""POST /1/upload: profiles and events in CleverTap's format, up to 1,000 records a call.

Answers have CleverTap's shape: `status` (success, partial, fail), `processed`, `unprocessed`. A record that
is refused does not affect the others; it comes back with a code and the reason.

Sources: CleverTap, Upload User Profiles, Upload Events, API Errors.
"""

import logging
import threading
from functools import partial
from typing import Any, NamedTuple

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from audience import accounts, kept_values, writing
from audience.models import OptChange
from audience.profiles import Code, Event, Invalid, Profile, read_event, read_profile
from lib import aside, outages, reading
from lib.plain_api import PlainView
from providers.endpoints import TooLarge, answer, read_body
from providers.messages import Malformed

logger = logging.getLogger(__name__)

MOST_RECORDS = 1000
AT_ONCE = 15  # calls a process works on, as CleverTap allows an account
_places = threading.BoundedSemaphore(AT_ONCE)
_threads = aside.Threads("upload", 4)

Records = list[Any]


class UploadView(PlainView):
    """Creates and updates contacts, and stores what they did. `?dryRun=1` only checks."""

    async def dispatch(  # type: ignore[override]
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        if request.method in ("POST", "OPTIONS"):
            return await super().dispatch(request, *args, **kwargs)
        response = _failure(405, f"Method {request.method} is not allowed: post the records")
        response["Allow"] = "POST"
        return response

    async def post(self, request: HttpRequest) -> HttpResponse:
        if not _places.acquire(blocking=False):
            return _failure(429, "Too many concurrent requests")
        try:
            return await self._take(request)
        except TooLarge as error:
            return _failure(413, f"Payload too large: {error}")
        except Malformed as error:
            return _failure(400, f"Bad request: {error}")
        except Exception:  # the database's errors, and our own bugs
            logger.exception("An upload could not be stored")
            return _failure(500, "Unable to process the request")
        finally:
            _places.release()

    async def _take(self, request: HttpRequest) -> HttpResponse:
        account = request.META.get("HTTP_X_CLEVERTAP_ACCOUNT_ID", "")
        passcode = request.META.get("HTTP_X_CLEVERTAP_PASSCODE", "")
        if not await aside.run(outages.once_more, partial(accounts.admits, account, passcode)):
            return _failure(401, "Unauthorized: X-CleverTap-Account-Id or X-CleverTap-Passcode is wrong")
        body = await read_body(request, settings.UPLOAD_MAX_BODY)
        work = partial(_answer, body, account, dry=request.GET.get("dryRun") == "1")
        return await _threads.run(outages.once_more, work)  # a record that is stored twice changes nothing


def _answer(body: bytes, account: str, *, dry: bool) -> HttpResponse:
    records = _records(body)
    unprocessed, warnings = take(records, account, dry=dry)
    processed = len(records) - len(unprocessed)
    status = "success" if not unprocessed else "partial" if processed else "fail"
    content = {"status": status, "processed": processed, "unprocessed": unprocessed}
    return answer(200, content | ({"warnings": warnings} if warnings else {}))


def _records(body: bytes) -> Records:
    """The records of a body. Raises Malformed."""
    try:
        content = reading.decode(body, decimals=True)
    except ValueError as error:
        raise Malformed(f"the body is not JSON ({error})") from error
    records = content.get("d") if isinstance(content, dict) else None
    if not isinstance(records, list):
        raise Malformed('the body must be an object whose "d" is a list of records')
    if len(records) > MOST_RECORDS:
        raise Malformed(f"{len(records)} records; at most {MOST_RECORDS} are accepted in a call")
    return records


class Taken(NamedTuple):
    """What the answer says: the records that were refused, in CleverTap's words, and those that were stored
    without a value that does not fit the type of its property."""

    unprocessed: Records
    warnings: Records


def take(records: Records, account: str, *, dry: bool = False) -> Taken:
    """Stores the records, or only checks them."""
    now = timezone.now()
    country = accounts.country(account)
    profiles: list[tuple[int, Profile]] = []
    events: list[tuple[int, Event]] = []
    refused: dict[int, Invalid] = {}
    warnings: Records = []
    for position, record in enumerate(records):
        try:
            if not isinstance(record, dict):
                raise Invalid(Code.STRUCTURE, "the record is not an object")
            kind = record.get("type")
            if kind == "profile":
                profile = read_profile(record, country)
                profile.proof = f"call of the upload API by {account}"
                profiles.append((position, profile))
            elif kind == "event":
                events.append((position, read_event(record, now, position)))
            else:
                raise Invalid(Code.TYPE, 'type is neither "profile" nor "event"')
        except Invalid as error:
            refused[position] = error
    if not dry:
        source = writing.Source(OptChange.Why.API, account)
        written = writing.write_all(
            [profile for _, profile in profiles], [event for _, event in events], source, now
        )
        for (position, _), outcome, words in zip(profiles, written.outcomes, written.warnings, strict=True):
            if isinstance(outcome, Invalid):
                refused[position] = outcome
            else:
                warnings += [(position, each) for each in words]
        for (position, _), words in zip(events, written.event_warnings, strict=True):
            warnings += [(position, each) for each in words]
    return Taken(
        [
            {
                "status": "fail",
                "code": int(error.code),
                "error": str(error),
                "record": _raw(records[position]),
            }
            for position, error in sorted(refused.items())
        ],
        [{"warning": words, "record": _raw(records[position])} for position, words in sorted(warnings)],
    )


def _raw(record: Any) -> msgspec.Raw:
    """The record for the answer, its numbers with the digits that they came with."""
    return msgspec.Raw(kept_values.encode(record).encode())


def _failure(status: int, error: str) -> HttpResponse:
    return answer(
        status, {"status": "fail", "error": error, "code": status, "processed": 0, "unprocessed": []}
    )
