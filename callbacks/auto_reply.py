"""The answer to people CleverTap does not track: those we were never asked to message."""

from collections.abc import Iterable

import msgspec
from django.db import transaction
from django.utils import timezone

from campaigns import ledger
from campaigns.models import Message
from lib.wake import wake
from providers.messages import Freeform
from providers.models import Provider

MSG_ID = "auto-reply"


def answer(provider: Provider, senders: Iterable[str]) -> int:
    """Queues the provider's auto-reply to each sender no message ever went to. Returns how many.

    The reply itself is such a message, so nobody gets it twice and two robots do not chat on.
    """
    senders = set(senders)
    known = Message.objects.filter(provider=provider, to__in=senders).values_list("to", flat=True)
    strangers = sorted(senders - set(known))
    now = timezone.now()
    content = msgspec.json.encode(Freeform("text", text=provider.auto_reply_text)).decode()
    ledger.accept(
        [
            ledger.Accepted(
                provider_id=provider.pk,
                msg_id=MSG_ID,
                untracked=True,
                to=sender,
                to_raw=sender,
                kind=Message.Kind.FREEFORM.value,
                template="",
                language="",
                campaign="",
                batch="",
                variant="",
                payload="",
                content=content,
                custom_props="{}",
                notes="[]",
                accepted_at=now,
                queued_at=now,
                next_attempt_at=now,
                answer_ms=0,
            )
            for sender in strangers
        ]
    )
    if strangers:
        transaction.on_commit(lambda: wake("campaigns.send", provider.pk))
    return len(strangers)
