"""What refusals say about templates: the category has changed, or the content may have.

If the category has changed, the message is sent once more, by the API for that category. In both cases
Waypost imports the template again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from django.db import transaction

from campaigns.ledger.entries import Told
from campaigns.ledger.matching import match
from campaigns.models import Message
from campaigns.sending.outgoing import Flight
from lib.transport import Result
from lib.wakeup import wake
from providers.messages import Content, SendResult, StatusUpdate, TemplateContent
from providers.models import Provider
from templates_app.history import changes
from templates_app.imports import renewal

_decode: msgspec.json.Decoder[Content] = msgspec.json.Decoder(Content)


class _Use(NamedTuple):
    """A template as messages name it: CleverTap writes `namespace:name`, and either may be its name."""

    names: tuple[str, ...]
    language: str


def heed_reports(provider: Provider, updates: Sequence[StatusUpdate], now: datetime) -> None:
    """The same for failed reports: several BSPs say only there that values do not fit."""
    misfits = [update for update in updates if update.bsp_code in provider.connector.misfit_codes]
    if not misfits:
        return
    about = {found.message_id for found in match([Told(provider.pk, update) for update in misfits]).values()}
    contents = Message.objects.filter(pk__in=about).values_list("content", flat=True)
    for use in {use for content in contents if (use := _use(content))}:
        renewal.doubt(provider, use.names, use.language, now)
    transaction.on_commit(lambda: wake("templates.import"))


def heed(
    provider: Provider,
    answered: Sequence[tuple[Flight, Result]],
    results: Sequence[SendResult],
    now: datetime,
) -> bool:
    """Notes what the refusals told, and queues the imports of these templates. Returns whether any did."""
    heard: dict[_Use, SendResult] = {}
    for (flight, _), result in zip(answered, results, strict=True):
        if not result.category and result.bsp_code not in provider.connector.misfit_codes:
            continue
        if use := _use(flight.claimed.content):
            heard[use] = result
    for use, result in heard.items():
        if not result.category:
            renewal.doubt(provider, use.names, use.language, now)
            continue
        template = changes.recategorize(
            provider.pk, use.names, use.language, result.category, result.text, now
        )
        if template is not None:
            renewal.start(provider, template)
    return bool(heard)


def _use(stored: str) -> _Use | None:
    """The template that a message's content is about; None of a freeform one."""
    content = _decode.decode(stored)
    if not isinstance(content, TemplateContent):
        return None
    return _Use(tuple(name for name in (content.namespace, content.name) if name), content.language)
