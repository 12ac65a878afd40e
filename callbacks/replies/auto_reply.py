"""The automatic answer to people whom CleverTap does not know: no message ever went to them."""

from collections.abc import Iterable

import msgspec
from django.db import transaction
from django.utils import timezone

from campaigns.ledger import ledger
from campaigns.ledger.entries import Accepted
from campaigns.models import Message
from identities import known
from lib import phone
from lib.user_ids import is_user_id
from lib.wakeup import wake
from providers.messages import Freeform
from providers.models import Provider

MSG_ID = "auto-reply"


def answer(provider: Provider, senders: Iterable[str]) -> int:
    """Queues the provider's auto-reply to each sender to whom no message ever went. Returns how many.

    The auto-reply is itself a message, so nobody gets it twice, and two robots do not answer each other
    for ever. A sender is a number, or a user id where the number is not known and the BSP sends to user ids.
    """
    to_ids = provider.connector.sends_to_user_ids
    people = {phone.person(sender): sender for sender in senders if to_ids or not is_user_id(sender)}
    names = known.all_names(people)
    sent = Message.objects.filter(provider=provider, person__in=set().union(*names.values()))
    reached = set(sent.values_list("person", flat=True))
    strangers = sorted(people[one] for one in people if not names[one] & reached)
    now = timezone.now()
    content = msgspec.json.encode(Freeform("text", text=provider.auto_reply_text)).decode()
    ledger.accept(
        [
            Accepted(
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
                payload=content,  # nobody posted it
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
