"""A test message from a template's page: into the ledger like any other, but never counted or reported."""

from collections.abc import Mapping, Sequence
from time import time

import msgspec
from django.contrib.admin.models import ADDITION, LogEntry

from campaigns.intake import receive
from campaigns.ledger import ledger
from campaigns.models import Message
from lib import phone
from lib.wakeup import wake
from providers import auth
from providers.dialects.clevertap.messages import clevertap_payload
from providers.dialects.clevertap.requests import read_send
from providers.messages import AnswerCode, Outbound, Refused
from templates_app.content.fill import fill
from templates_app.gate.validate import TEST_ID
from templates_app.models import Template


def send(
    template: Template, numbers: Sequence[str], values: Mapping[str, str], user_id: int
) -> list[Message]:
    """Queues one message to each number or user id, with the values by slot. Raises Refused, as intake does.

    The payload is what CleverTap posts for a test of its own, so intake handles both alike.
    """
    provider, began = template.provider, time()
    access = auth.access(provider.public_id)
    if access is None:
        raise Refused(AnswerCode.TEMPLATE, f"{provider} is archived, so nothing can be sent through it")
    content = fill(template.name, template.language, template.components, values)
    entries = {}
    for number in numbers:
        payload = clevertap_payload(Outbound("", TEST_ID, number, access.waba_number, content))
        message = receive.addressed(access, read_send(payload))
        notes = receive.check(access, message, began)
        body = msgspec.json.encode(payload)
        entries[phone.person(message.to)] = receive.accepted(access, message, notes, body, began)
    ledger.accept([*entries.values()])
    sent = Message.objects.filter(provider=provider, person__in=list(entries), untracked=True)
    moments = [entry.accepted_at for entry in entries.values()]
    found = list(sent.filter(accepted_at__in=moments).order_by("pk"))
    LogEntry.objects.log_actions(user_id, found, ADDITION, "Test sent.")
    wake("campaigns.send", provider.pk)
    return found
