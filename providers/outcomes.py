"""What an answer means before, or without, reading the BSP's own words: one place for all."""

from email.utils import parsedate_to_datetime
from typing import Any

from lib import reading
from lib.http import HttpResponse
from providers.messages import Malformed, Outcome, ReportCode, SendResult

EXCERPT = 300
LONGEST_WAIT = 86_400.0

Reasons = tuple[tuple[tuple[str, ...], ReportCode], ...]


def by_status(response: HttpResponse, text: str = "", bsp_code: str = "") -> SendResult:
    """The outcome that the HTTP status alone decides.

    429 throttles; 401 and 403 refuse our credentials; 504 means that a gateway forwarded the
    request and heard nothing, so the message may be on its way; every other 5xx is the BSP's
    own word that it did not take the message; a 2xx nobody can read is unknown.
    """
    status = response.status
    text = text or f"HTTP {status}: {excerpt(response)}"
    bsp_code = bsp_code or str(status)
    if status == 429:
        return SendResult(Outcome.THROTTLED, bsp_code=bsp_code, text=text, retry_after=retry_after(response))
    if status in (401, 403):
        return rejected(ReportCode.CREDENTIALS, bsp_code, text, credentials=True)
    if status == 504 or 200 <= status < 300:
        return SendResult(Outcome.UNKNOWN, bsp_code=bsp_code, text=text)
    if status >= 500 or status == 408:
        return SendResult(Outcome.RETRY, bsp_code=bsp_code, text=text, retry_after=retry_after(response))
    return rejected(ReportCode.OTHER, bsp_code, text)


def by_words(words: str, reasons: Reasons) -> ReportCode:
    """The code of the first reason one of whose words occurs, for BSPs that give a sentence and no code."""
    lowered = words.lower()
    found = (code for named, code in reasons if any(word in lowered for word in named))
    return next(found, ReportCode.OTHER)


def rejected(
    code: ReportCode, bsp_code: str = "", text: str = "", *, credentials: bool = False
) -> SendResult:
    return SendResult(Outcome.REJECTED, code=code, bsp_code=bsp_code, text=text, credentials=credentials)


def accepted(bsp_id: str) -> SendResult:
    return SendResult(Outcome.ACCEPTED, bsp_id=bsp_id)


def json_object(body: bytes) -> dict[str, Any] | None:
    """The body as a JSON object; None when it is anything else."""
    try:
        value = reading.decode(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def webhook_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a webhook's body. Raises Malformed when it is anything else."""
    payload = json_object(body)
    if payload is None:
        raise Malformed("the body is not a JSON object")
    return payload


def excerpt(response: HttpResponse) -> str:
    return " ".join(response.text.split())[:EXCERPT] or "(empty body)"


def retry_after(response: HttpResponse) -> float | None:
    """Retry-After in seconds; its date form counts from the answer's own Date header."""
    value = response.header("Retry-After").strip()
    if not value:
        return None
    if value.isascii() and value.replace(".", "", 1).isdecimal():
        return min(float(value), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(value)
        answered = parsedate_to_datetime(response.header("Date"))
        return min(max(0.0, (until - answered).total_seconds()), LONGEST_WAIT)
    except (TypeError, ValueError):
        return None
