"""Validate with provider: what CleverTap posts when a template is saved there, sent on to the BSP."""

from dataclasses import dataclass
from typing import Any

import msgspec
from django.utils import timezone

from lib.redact import Redactor
from lib.transport import TransportError, transport
from providers.dialects.clevertap.messages import clevertap_payload
from providers.dialects.clevertap.requests import read_send
from providers.messages import AnswerCode, Outbound, Outcome, Refused
from templates_app.content.fill import fill, samples
from templates_app.gate.check import Rules
from templates_app.gate.prepare import prepare
from templates_app.models import Template

TIMEOUT = 15.0
TEST_ID = "0|0|0|0"
DUMMY_NUMBER = "919999999999"

_VERDICTS = {
    Outcome.ACCEPTED: "The BSP accepted the message, so the template is correct.",
    Outcome.THROTTLED: "The BSP accepts no more requests for now",
    Outcome.RETRY: "The BSP had an error of its own",
    Outcome.STOPPED: "The BSP accepts nothing from this account",
    Outcome.REJECTED: "The BSP refused the message",
    Outcome.UNKNOWN: "The BSP's answer could not be understood",
}


@dataclass(frozen=True, slots=True)
class Validated:
    """What CleverTap would post, what went to the BSP, what came back. Redacted.

    `request` is empty when nothing was sent, `milliseconds` None when nothing was answered.
    """

    ok: bool
    verdict: str
    payload: str
    request: dict[str, Any]
    status: int | None = None
    response: str = ""
    milliseconds: int | None = None


def payload_of(template: Template) -> dict[str, Any]:
    """CleverTap's request for a template that is saved there: sample values, a dummy number."""
    now_ms = int(timezone.now().timestamp() * 1000)
    content = fill(
        template.name, template.language, template.components, samples(template.components, now_ms)
    )
    sender = template.provider.config.waba_number
    return clevertap_payload(Outbound("", TEST_ID, DUMMY_NUMBER, sender, content))


def validate(template: Template) -> Validated:
    """Sends CleverTap's request through the provider's connector. What the gate refuses is not sent."""
    provider, payload = template.provider, payload_of(template)
    redactor, config = Redactor(provider.secret_values), provider.config
    written = msgspec.json.encode(payload).decode()
    try:
        send = read_send(payload, provider.quirks.default_country)
        rules = Rules(provider.unknown_templates, provider.stopped_templates, now=0.0)
        prepared = prepare(provider.pk, send.content, rules)
        outbound = Outbound(
            reference=f"check-{config.now}",  # no message has this id
            msg_id=TEST_ID,
            to=send.to,
            sender=config.waba_number,
            content=prepared.sample(test=True),
            registered=prepared.registered,
        )
        request = provider.connector.build_request(outbound, config)
    except Refused as refused:
        answer = f"{refused.code.value} {AnswerCode(refused.code).name.replace('_', ' ').lower()}"
        verdict = (
            f"CleverTap would get the answer {answer}: {redactor.text(refused.message)}. Nothing was sent."
        )
        return Validated(False, verdict, written, {})
    shown = msgspec.json.decode(redactor.request(request))
    try:
        response = transport.send(request, TIMEOUT)
    except TransportError as error:
        verdict = f"The BSP gave no answer ({error}). Is the address right, and can it be reached from here?"
        return Validated(False, redactor.text(verdict), written, shown)
    result = provider.connector.parse_response(response)
    ok = result.outcome == Outcome.ACCEPTED
    verdict = _VERDICTS[result.outcome] + ("" if ok else f": {redactor.text(result.text)}")
    answer = redactor.text(response.text[:4000])
    return Validated(ok, verdict, written, shown, response.status, answer, response.milliseconds)
