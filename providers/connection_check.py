"""Check connection: the payload CleverTap validates a provider with, sent to the BSP."""

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from lib.http import HttpRequest, HttpResponse
from lib.redact import Redactor
from lib.transport import TransportError, transport
from providers.dialects.clevertap.requests import VERIFY_NAMESPACE
from providers.messages import Account, Outbound, Outcome, Refused, TemplateContent, Value
from providers.models import Provider

TIMEOUT = 15.0

VALIDATION = Outbound(
    reference="wp-0-0",
    msg_id="0|0|0|0",
    to="919999999999",
    sender="",
    content=TemplateContent(
        name=VERIFY_NAMESPACE,
        namespace=VERIFY_NAMESPACE,
        language="en",
        body=(Value("1"), Value("2"), Value("3")),
        body_text="1 code: 2.Valid for 3 minutes.",
    ),
)


_MEANINGS = {
    Outcome.THROTTLED: "The BSP accepts no more requests for now",
    Outcome.RETRY: "The BSP had an error of its own",
    Outcome.STOPPED: "The BSP accepts nothing from this account",
    Outcome.REJECTED: "The BSP refused the validation message",
    Outcome.UNKNOWN: "The BSP's answer could not be understood",
}


@dataclass(frozen=True, slots=True)
class Checked:
    """What was sent, what came back, and what it means for the operator. Redacted."""

    ok: bool
    verdict: str
    request: dict[str, Any]
    status: int | None
    response: str
    milliseconds: int | None


def check(provider: Provider) -> Checked:
    """Sends the validation payload through the provider's connector and judges the answer.

    BSPs do not know this template, except those in CleverTap's format. So the connection works if the BSP
    accepts our credentials and refuses only the template.
    """
    if provider.unreadable:
        return Checked(False, provider.unreadable, {}, None, "", None)
    redactor = Redactor(provider.secret_values)
    config = provider.config
    # Each check has a reference of its own. A BSP whose message id it becomes refuses a second one.
    reference = f"check-{config.now}"
    outbound = msgspec.structs.replace(VALIDATION, reference=reference, sender=config.waba_number)
    try:
        request = provider.connector.build_request(outbound, config)
    except Refused as error:
        return _check_by_list(provider, redactor, error.message)
    checked, response = _ask(request, redactor)
    if response is None:
        return checked
    result = provider.connector.parse_response(response)
    text = redactor.text(result.text)
    if result.outcome == Outcome.ACCEPTED:
        ok, verdict = True, "The BSP accepted the validation message."
    elif result.outcome == Outcome.REJECTED and not provider.connector.takes_endpoint:
        ok = True
        verdict = f"Connected: the BSP took the credentials and refused only the dummy message ({text})."
    elif result.account is Account.CREDENTIALS:
        ok, verdict = False, f"The BSP refused the credentials: {text}"
    else:
        ok, verdict = False, f"{_MEANINGS[result.outcome]}: {text}"
    return replace(checked, ok=ok, verdict=verdict)


def _check_by_list(provider: Provider, redactor: Redactor, reason: str) -> Checked:
    """Asks for the template list instead, if the BSP accepts no message without its own template id."""
    request = provider.connector.templates_request(provider.config, "")
    if request is None:
        return Checked(False, reason, {}, None, "", None)
    checked, response = _ask(request, redactor)
    if response is None:
        return checked
    ok = 200 <= response.status < 300
    verdict = "Connected: the BSP gave its template list."
    if response.status in (401, 403):
        verdict = f"The BSP refused the credentials: HTTP {response.status}"
    elif not ok:
        verdict = f"The BSP gave no template list: HTTP {response.status}"
    return replace(checked, ok=ok, verdict=verdict)


def _ask(request: HttpRequest, redactor: Redactor) -> tuple[Checked, HttpResponse | None]:
    """Makes the call. There is no verdict yet, unless no answer came: then it says why."""
    shown = msgspec.json.decode(redactor.request(request))
    try:
        response = transport.send(request, TIMEOUT)
    except TransportError as error:
        return Checked(False, redactor.text(_no_answer(error)), shown, None, "", None), None
    answer = redactor.text(response.text[:4000])
    return Checked(False, "", shown, response.status, answer, response.milliseconds), response


def _no_answer(error: TransportError) -> str:
    return f"The BSP gave no answer ({error}). Is the address right, and can it be reached from here?"
