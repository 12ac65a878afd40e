"""How many days each kind of data is kept: by the settings, or by a provider's own numbers."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from privacy.models import RetentionSetting
from providers.models import Provider


class Age(NamedTuple):
    """A kind of data. `column` is that of RetentionSetting, where a provider may have a number of its own."""

    name: str
    setting: str
    words: str
    column: str = ""

    @property
    def days(self) -> int:
        """0: for ever."""
        return int(getattr(settings, self.setting))


WEBHOOKS = Age("webhooks", "WEBHOOK_RETENTION_DAYS", "Raw webhooks that were read", "webhooks")
BODIES = Age("bodies", "BODY_RETENTION_DAYS", "What messages, requests and answers say", "bodies")
NUMBERS = Age("numbers", "NUMBER_RETENTION_DAYS", "Phone numbers and inbound texts", "numbers")
MESSAGES = Age("messages", "MESSAGE_RETENTION_DAYS", "Whole messages with their reports", "messages")
CONTACTS = Age("contacts", "CONTACT_RETENTION_DAYS", "Contacts without consent")
KINDS = (WEBHOOKS, BODIES, NUMBERS, MESSAGES, CONTACTS)
EVENTS = Age("contact events", "CONTACT_EVENT_RETENTION_DAYS", "What contacts did")
TRAIL = Age("trail", "TRAIL_RETENTION_DAYS", "Who did or saw what")
# What the upkeep of each app deletes.
OTHERS = (
    Age("media", "MEDIA_RETENTION_DAYS", "Files of inbound messages"),
    EVENTS,
    Age("upload rows", "AUDIENCE_RETENTION_DAYS", "Rows of uploads that were not taken over, told opt-outs"),
    Age("repeats", "REPEAT_RETENTION_DAYS", "Hashes by which repeated messages are known"),
    TRAIL,
    Age("tokens", "TOKEN_RETENTION_DAYS", "Tokens that open nothing any longer"),
)


def moments(now: datetime) -> dict[Age, dict[int, datetime]]:
    """For each age, the moment before which the rows of each provider are too old. Providers that keep them
    for ever are not in it."""
    own = {each.provider_id: each for each in RetentionSetting.objects.all()}
    providers = list(Provider.objects.order_by("pk").values_list("pk", flat=True))
    found: dict[Age, dict[int, datetime]] = {}
    for age in KINDS:
        found[age] = {}
        for pk in providers:
            days = getattr(own.get(pk), age.column, None)
            days = age.days if days is None else days
            if days:
                found[age][pk] = now - timedelta(days=days)
    return found
