"""What a BSP's answer means by its HTTP status and its form, for all BSPs alike."""

from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from lib import reading
from lib.http import HttpResponse
from providers.messages import Account, Malformed, Outcome, ReportCode, SendResult

EXCERPT = 300
LONGEST_WAIT = 86_400.0
ACCOUNT_LIMIT = 5  # refusals of the account in a row that pause the provider
GATEWAYS = (502, 503, 504)  # what a gateway answers if the BSP behind it did not answer

Reasons = tuple[tuple[tuple[str, ...], ReportCode], ...]
AccountReasons = tuple[tuple[tuple[str, ...], Account], ...]


def by_status(response: HttpResponse, text: str = "", bsp_code: str = "") -> SendResult:
    """The outcome that the HTTP status alone decides.

    429 throttles; 401 and 403 refuse our credentials, 402 says that the account has not paid. A gateway's own
    502, 503 or 504 leaves open whether the BSP has taken the message; every other 5xx means that the BSP has
    not. A 2xx that cannot be parsed is unknown.
    """
    from_gateway = _by_gateway(response, bsp_code)
    status = response.status
    text = text or f"HTTP {status}: {excerpt(response)}"
    bsp_code = bsp_code or str(status)
    if status == 429:
        return SendResult(Outcome.THROTTLED, bsp_code=bsp_code, text=text, retry_after=retry_after(response))
    if status in (401, 403):
        return stopped(Account.CREDENTIALS, bsp_code, text)
    if status == 402:
        return stopped(Account.PAYMENT, bsp_code, text)
    if from_gateway or 200 <= status < 300:
        return SendResult(Outcome.UNKNOWN, bsp_code=bsp_code, text=text)
    if status >= 500 or status == 408:
        return SendResult(Outcome.RETRY, bsp_code=bsp_code, text=text, retry_after=retry_after(response))
    return rejected(ReportCode.OTHER, bsp_code, text)


def by_words(words: str, reasons: Reasons) -> ReportCode:
    """The code of the first reason with a word that the sentence holds, for BSPs that give no code."""
    lowered = words.lower()
    found = (code for named, code in reasons if any(word in lowered for word in named))
    return next(found, ReportCode.OTHER)


def account_by_words(words: str, reasons: AccountReasons) -> Account | None:
    """What a sentence says of the whole account; None when it is about the message."""
    lowered = words.lower()
    return next((one for named, one in reasons if any(word in lowered for word in named)), None)


def refused_with(
    words: str, reasons: Reasons, account_reasons: AccountReasons, bsp_code: str, text: str
) -> SendResult:
    """A refusal. Only its sentence shows whether it is about the account or the message."""
    account = account_by_words(words, account_reasons)
    return stopped(account, bsp_code, text) if account else rejected(by_words(words, reasons), bsp_code, text)


def _by_gateway(response: HttpResponse, bsp_code: str) -> bool:
    """Whether a gateway answered for the BSP, which may have taken the message meanwhile.

    A 504 always comes from one. A 502 or 503 is the BSP's own if it has a code of the BSP, and a 503 also if
    it is JSON or says when to retry: then it was refused before it was passed on.
    """
    if response.status == 504:
        return True
    if bsp_code or response.status not in GATEWAYS:
        return False
    refused = json_object(response.body) is not None or bool(response.header("Retry-After"))
    return response.status == 502 or not refused


def rejected(code: ReportCode, bsp_code: str = "", text: str = "") -> SendResult:
    """A refusal of this one message, which fails."""
    return SendResult(Outcome.REJECTED, code=code, bsp_code=bsp_code, text=text)


def stopped(account: Account, bsp_code: str = "", text: str = "") -> SendResult:
    """A refusal of the whole account. It never fails a message: the message waits until the account may
    send again, or its validity ends."""
    return SendResult(Outcome.STOPPED, bsp_code=bsp_code, text=text, account=account)


class Refusal(NamedTuple):
    """What operators read of a refused account: why it was refused, and what to do."""

    why: str
    remedy: str


ACCOUNT_REFUSALS = {
    Account.CREDENTIALS: Refusal(
        "refused for their credentials", "Correct the credentials, use Check connection, then resume."
    ),
    Account.PAYMENT: Refusal(
        "refused because the account has not paid", "Clear up the payment with Meta or the BSP, then resume."
    ),
    Account.SENDER: Refusal(
        "refused because the sender is not set up",
        "Correct the number or its service here or at the BSP, then resume.",
    ),
    Account.RESTRICTED: Refusal(
        "refused because the account is restricted",
        "Look at the account at Meta or the BSP, and resume when the restriction is over.",
    ),
}


def why_paused(what: str, account: Account, words: str) -> str:
    """The reason on the page of a provider that was paused. `what` counts the refusals; `words` are the
    BSP's about the last one, without secrets."""
    why, remedy = ACCOUNT_REFUSALS[account]
    return f"{what} in a row were {why} (“{words[:EXCERPT]}”). {remedy}"


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
