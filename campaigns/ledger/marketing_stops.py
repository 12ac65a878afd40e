"""Refusals that say that a person stopped marketing messages in WhatsApp itself."""

from collections.abc import Mapping, Sequence

from campaigns.ledger.entries import Told, Tried
from campaigns.ledger.matching import match
from campaigns.models import Message
from providers.messages import Preference, StatusUpdate, identity


def of_reports(provider_id: int, updates: Sequence[StatusUpdate]) -> list[Preference]:
    """What failed reports with such a code say of the people whom their messages went to."""
    if not updates:
        return []
    matched = match([Told(provider_id, update) for update in updates])
    numbers = dict(
        Message.objects.filter(pk__in={found.message_id for found in matched.values()}).values_list(
            "id", "to"
        )
    )
    return [
        _stop(numbers[found.message_id], updates[position].timestamp, updates[position].text)
        for position, found in sorted(matched.items())
        if found.message_id in numbers
    ]


def of_answers(tries: Sequence[Tried], numbers: Mapping[int, str]) -> list[Preference]:
    """The same of answers to send calls; `numbers` are those of the messages by id."""
    return [
        _stop(numbers[tried.message_id], int(tried.started_at.timestamp()), f"{tried.bsp_code}: {tried.text}")
        for tried in tries
        if tried.message_id in numbers
    ]


def _stop(number: str, timestamp: int, text: str) -> Preference:
    return Preference(True, timestamp=timestamp, proof=f"A message was refused: {text}").of(identity(number))
