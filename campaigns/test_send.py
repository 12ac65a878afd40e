"""A test message from a template's page: into the ledger like any other, but never counted or reported."""

from collections.abc import Mapping, Sequence
from time import time

import msgspec
from django.contrib.admin.models import ADDITION, LogEntry

from campaigns import intake, ledger
from campaigns.models import Message
from lib.wake import wake
from providers import auth
from providers.dialects import clevertap_send, clevertap_write
from providers.messages import Outbound
from templates_app.filling import fill
from templates_app.models import Template
from templates_app.validate import TEST_ID


def send(
    template: Template, numbers: Sequence[str], values: Mapping[str, str], user_id: int
) -> list[Message]:
    """Queues one message to each number, with the values by slot. Raises Refused, as the door does.

    The payload is the one CleverTap's own test would bring, so it takes the same way in.
    """
    provider, began = template.provider, time()
    door = auth.door(provider.public_id)
    assert door is not None
    content = fill(template.name, template.language, template.components, values)
    entries = []
    for number in numbers:
        payload = clevertap_write.write(Outbound("", TEST_ID, number, door.waba_number, content))
        message = clevertap_send.read(payload)
        notes = intake.check(door, message, began)
        entries.append(intake.accepted(door, message, notes, msgspec.json.encode(payload), began))
    ledger.accept(entries)
    sent = Message.objects.filter(provider=provider, to__in=numbers, untracked=True)
    found = list(sent.filter(accepted_at=entries[0].accepted_at).order_by("pk"))
    LogEntry.objects.log_actions(user_id, found, ADDITION, "Test sent.")
    wake("campaigns.send", provider.pk)
    return found
