"""From claimed messages to the BSP's requests, and from its answers to what the ledger records."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import uniform
from typing import NamedTuple

import msgspec
from django.db import Error as DatabaseError

from campaigns.ledger import claims, matching
from campaigns.ledger.entries import Claimed, Tried
from campaigns.links import short_links
from campaigns.links.short_links import Wanted
from campaigns.models import Attempt
from campaigns.sending import marketing_hold
from lib.http import HttpRequest, HttpResponse
from lib.redact import Redactor
from lib.transport import NotSent, Result
from providers.messages import AnswerCode, Content, Outbound, Outcome, Refused, ReportCode, SendResult
from providers.models import Provider
from providers.outcomes import GATEWAYS
from templates_app.gate.prepare import Prepared, prepare

logger = logging.getLogger(__name__)

STORED_ANSWER = 4000
LONGEST_RETRY = 300.0

_decode_content: msgspec.json.Decoder[Content] = msgspec.json.Decoder(Content)


class Held(NamedTuple):
    """A message whose template may not be sent now, or has to be imported first."""

    reason: str


class Flight(NamedTuple):
    """One request under way."""

    claimed: Claimed
    request: HttpRequest
    started_at: datetime


@dataclass(slots=True)
class _Draft:
    """A message that may be sent, and where its tracked buttons lead."""

    prepared: Prepared
    destinations: dict[str, str]


class Outgoing:
    """How one provider's messages leave, by its settings as they are now."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.connector = provider.connector
        self.config = provider.config
        self.redactor = Redactor(provider.secret_values)

    def prepare(
        self, claimed: Sequence[Claimed], now: datetime
    ) -> list[tuple[Claimed, HttpRequest | Held | Tried]]:
        """Each message as its request, or with the reason why it waits or is refused.

        Short links are stored on the way; a database error leaves every message as it was.
        """
        drafts = [self._draft(message, now) for message in claimed]
        wanted = [
            Wanted(message.id, path, url, draft.prepared.template.links[path])
            for message, draft in zip(claimed, drafts, strict=True)
            if isinstance(draft, _Draft) and draft.prepared.template
            for path, url in draft.destinations.items()
        ]
        tokens = short_links.make(wanted, now, self.provider.link_days)
        first = claims.first_attempts([message.id for message in claimed if message.attempt > 1])
        return [
            (message, self._request(message, draft, tokens.get(message.id, {}), first.get(message.id), now))
            if isinstance(draft, _Draft)
            else (message, draft)
            for message, draft in zip(claimed, drafts, strict=True)
        ]

    def _draft(self, message: Claimed, now: datetime) -> _Draft | Held | Tried:
        prepared: Prepared | None = None
        try:
            prepared = prepare(self.provider.pk, _decode_content.decode(message.content))
            template = prepared.template
            if template and template.stopped and self.provider.stopped_templates == Provider.Stopped.HOLD:
                return Held(f"Held: the template is {template.status.lower()}.")
            if marketing_hold.holds(self.provider, prepared, now):
                return Held("Held: the BSP accepts no marketing templates from this account.")
            return _Draft(prepared, prepared.destinations(test=message.untracked))
        except DatabaseError:
            raise
        except Exception as error:
            return self._not_built(message, prepared, error, now)

    def _request(
        self,
        message: Claimed,
        draft: _Draft,
        tokens: Mapping[str, str],
        first: int | None,
        now: datetime,
    ) -> HttpRequest | Held | Tried:
        props = message.custom_props
        try:
            outbound = Outbound(
                reference=matching.reference(message.id, message.attempt),
                msg_id=message.msg_id,
                to=message.to,
                sender=self.config.waba_number,
                content=draft.prepared.filled(tokens),
                custom_props=msgspec.json.decode(props) if isinstance(props, str) else props,  # type: ignore[arg-type]
                registered=draft.prepared.registered,
                once=matching.reference(message.id, first or message.attempt),
            )
            return self.connector.build_request(outbound, self.config)
        except Exception as error:
            return self._not_built(message, draft.prepared, error, now)

    def _not_built(
        self, message: Claimed, prepared: Prepared | None, error: Exception, now: datetime
    ) -> Held | Tried:
        """The attempt that failed by the message's content, or by a connector's bug. The others go on.

        What does not fit a template that is known to be stale waits for its import.
        """
        if isinstance(error, Refused):
            if prepared and prepared.stale and error.code == AnswerCode.TEMPLATE:
                return Held(f"Held until the changed template is imported: {error.message}")
            ours = error.code == AnswerCode.CREDENTIALS
            code = ReportCode.CREDENTIALS if ours else ReportCode.TEMPLATE
            return _refused(message, now, code, error.message)
        logger.error("Message %s could not be built", message.id, exc_info=error)
        text = f"The {self.connector.slug} connector failed on it: {type(error).__name__}: {error}"
        return _refused(message, now, ReportCode.OTHER, self.redactor.text(text))

    def result(self, flight: Flight, answer: Result) -> SendResult:
        """One of the outcomes, for an answer or for its absence."""
        result = self._outcome(answer)
        category = self.connector.category_named(flight.request, result, self.config)
        if not category or self._went_both_ways(flight.claimed):
            return result
        return SendResult(
            Outcome.RETRY, bsp_code=result.bsp_code, text=result.text, retry_after=0.0, category=category
        )

    def _went_both_ways(self, message: Claimed) -> bool:
        """Whether the other API has just refused the message, too."""
        before = Attempt.objects.filter(message_id=message.id, number=message.attempt - 1)
        return before.filter(bsp_code__in=self.connector.category_codes).exists()

    def _outcome(self, answer: Result) -> SendResult:
        if isinstance(answer, HttpResponse):
            try:
                result = self.connector.parse_response(answer)
                left_open = result.outcome is Outcome.UNKNOWN and answer.status in GATEWAYS
                if left_open and self.connector.repeats_safely(self.config):
                    return msgspec.structs.replace(result, outcome=Outcome.RETRY)
                return result
            except Exception as error:  # a bug of the connector must not lose the other answers
                slug = self.connector.slug
                logger.exception("An answer of %s could not be read", slug)
                text = f"The {slug} connector failed on the answer: {type(error).__name__}: {error}"
                return SendResult(Outcome.UNKNOWN, text=text)
        safe = isinstance(answer, NotSent) or self.connector.repeats_safely(self.config)
        outcome = Outcome.RETRY if safe else Outcome.UNKNOWN
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
    """When to try again: after a doubling wait with jitter. A throttled message waits for its provider."""
    if result.outcome == Outcome.THROTTLED:
        return now
    if result.outcome not in (Outcome.RETRY, Outcome.STOPPED):
        return None
    longest = min(LONGEST_RETRY, 2.0 ** min(attempt, 12))
    wait = result.retry_after if result.retry_after is not None else uniform(longest / 4, longest)
    return now + timedelta(seconds=min(wait, 3600.0))
