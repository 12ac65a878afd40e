"""From claimed messages to the BSP's requests, and from its answers to what the ledger records."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import uniform
from typing import NamedTuple

import msgspec
from django.db import Error as DatabaseError

from campaigns import links, matching
from campaigns.ledger import Tried
from campaigns.links import Wanted
from lib.http import HttpRequest, HttpResponse
from lib.redact import Redactor
from lib.transport import NotSent, Result
from providers.messages import (
    AnswerCode,
    Content,
    Outbound,
    Outcome,
    Refused,
    ReportCode,
    SendResult,
    TemplateContent,
)
from providers.models import Provider
from templates_app import known, tracking
from templates_app.known import Known

logger = logging.getLogger(__name__)

STORED_ANSWER = 4000
LONGEST_RETRY = 300.0

_decode_content: msgspec.json.Decoder[Content] = msgspec.json.Decoder(Content)


class Claimed(NamedTuple):
    id: int
    attempt: int
    msg_id: str
    to: str
    content: str
    custom_props: object
    untracked: bool


class Held(NamedTuple):
    """A message whose template may not be sent now."""

    reason: str


class Flight(NamedTuple):
    """One request under way."""

    claimed: Claimed
    request: HttpRequest
    started_at: datetime


@dataclass(slots=True)
class _Draft:
    """A message that may be sent, with the destinations of the buttons whose clicks are tracked."""

    content: Content
    template: Known | None
    tracked: dict[str, str]


class Outgoing:
    """How one provider's messages leave, by its settings as they are now."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.connector = provider.bsp
        self.config = provider.config
        self.redactor = Redactor(provider.secret_values)

    def prepare(
        self, claimed: Sequence[Claimed], now: datetime
    ) -> list[tuple[Claimed, HttpRequest | Held | Tried]]:
        """For each message its request, or why it waits, or what it is refused for.

        Short links are stored on the way; a database error leaves every message as it was.
        """
        drafts = [self._draft(message, now) for message in claimed]
        wanted = [
            Wanted(message.id, path, url, draft.template.links[path])
            for message, draft in zip(claimed, drafts, strict=True)
            if isinstance(draft, _Draft) and draft.template
            for path, url in draft.tracked.items()
        ]
        tokens = links.make(wanted, now, self.provider.link_days)
        return [
            (message, self._request(message, draft, tokens.get(message.id, {}), now))
            if isinstance(draft, _Draft)
            else (message, draft)
            for message, draft in zip(claimed, drafts, strict=True)
        ]

    def _draft(self, message: Claimed, now: datetime) -> _Draft | Held | Tried:
        try:
            content = _decode_content.decode(message.content)
            template = known.find(self.provider.pk, content)
            if template and template.stopped and self.provider.stopped_templates == Provider.Stopped.HOLD:
                return Held(f"Held: the template is {template.status.lower()}.")
            content = known.fit(content, template)
            if not template or not template.links or not isinstance(content, TemplateContent):
                return _Draft(content, template, {})
            tracked = tracking.wanted(content, template.links, test=message.untracked)
            return _Draft(content, template, dict(tracked))
        except DatabaseError:
            raise
        except Exception as error:
            return self._not_built(message, error, now)

    def _request(
        self, message: Claimed, draft: _Draft, tokens: Mapping[str, str], now: datetime
    ) -> HttpRequest | Tried:
        props = message.custom_props
        try:
            outbound = Outbound(
                reference=matching.reference(message.id, message.attempt),
                msg_id=message.msg_id,
                to=message.to,
                sender=self.config.waba_number,
                content=tracking.put_in(draft.content, tokens),
                custom_props=msgspec.json.decode(props) if isinstance(props, str) else props,  # type: ignore[arg-type]
                registered=draft.template.registered if draft.template else None,
            )
            return self.connector.build_request(outbound, self.config)
        except Exception as error:
            return self._not_built(message, error, now)

    def _not_built(self, message: Claimed, error: Exception, now: datetime) -> Tried:
        """Refused: by its content, or by a connector's bug, which must not cost the whole claim."""
        if isinstance(error, Refused):
            ours = error.code == AnswerCode.CREDENTIALS
            code = ReportCode.CREDENTIALS if ours else ReportCode.TEMPLATE
            return _refused(message, now, code, error.message)
        logger.error("Message %s could not be built", message.id, exc_info=error)
        text = f"The {self.connector.slug} connector failed on it: {type(error).__name__}: {error}"
        return _refused(message, now, ReportCode.OTHER, self.redactor.text(text))

    def result(self, answer: Result) -> SendResult:
        """One of the five outcomes, for an answer or for its absence."""
        if isinstance(answer, HttpResponse):
            try:
                return self.connector.parse_response(answer)
            except Exception as error:  # a connector's bug must not cost the other answers
                slug = self.connector.slug
                logger.exception("An answer of %s could not be read", slug)
                text = f"The {slug} connector failed on the answer: {type(error).__name__}: {error}"
                return SendResult(Outcome.UNKNOWN, text=text)
        outcome = Outcome.RETRY if isinstance(answer, NotSent) else Outcome.UNKNOWN
        return SendResult(outcome, text=str(answer))

    def tried(self, flight: Flight, answer: Result, result: SendResult, now: datetime) -> Tried:
        """What the ledger is to keep of the attempt, redacted."""
        response = answer if isinstance(answer, HttpResponse) else None
        return Tried(
            message_id=flight.claimed.id,
            number=flight.claimed.attempt,
            started_at=flight.started_at,
            outcome=result.outcome,
            milliseconds=response.milliseconds if response else None,
            bsp_id=result.bsp_id,
            code=result.code,
            bsp_code=result.bsp_code,
            text=self.redactor.text(result.text),
            retry_at=retry_at(result, flight.claimed.attempt, now),
            request=self.redactor.request(flight.request),
            response_status=response.status if response else None,
            response_body=self.redactor.text(response.text[:STORED_ANSWER]).replace("\x00", "")
            if response
            else "",
        )


def _refused(message: Claimed, now: datetime, code: ReportCode, text: str) -> Tried:
    return Tried(message.id, message.attempt, now, Outcome.REJECTED, code=code, text=text)


def retry_at(result: SendResult, attempt: int, now: datetime) -> datetime | None:
    """Full jitter over a doubling wait; what was throttled waits for the provider alone."""
    if result.outcome == Outcome.THROTTLED:
        return now
    if result.outcome != Outcome.RETRY:
        return None
    longest = min(LONGEST_RETRY, 2.0 ** min(attempt, 12))
    wait = result.retry_after if result.retry_after is not None else uniform(longest / 4, longest)
    return now + timedelta(seconds=min(wait, 3600.0))
