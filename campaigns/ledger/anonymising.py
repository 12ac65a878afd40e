"""Removes from messages their contents and their numbers. Every figure stays, and a recount still finds it.

A message without its body keeps its template, its times, its status and its codes. In place of its number it
has a pseudonym (`identities.pseudonyms`), so that counts by person stay.
"""

from collections.abc import Mapping, Sequence

import msgspec
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns.ledger.events import clicked_page
from campaigns.models import Attempt, Event, Forward, Link, Message, Status
from identities import pseudonyms
from lib import sql
from lib.phone_hiding import hidden
from providers.messages import Content, Freeform, TemplateContent

ENDED = (Status.UNKNOWN, Status.ACCEPTED, Status.SENT, Status.FAILED, Status.DELIVERED, Status.READ)
_OWED = Event.objects.filter(message=OuterRef("pk"), forward=Forward.PENDING)


def settled(messages: QuerySet[Message]) -> QuerySet[Message]:
    """Those that no worker needs any more: sent or failed, and without a report that must still be forwarded
    to CleverTap."""
    owed = Exists(_OWED.exclude(provider__delivery_url=""))
    return messages.filter(status__in=ENDED).exclude(owed)


def drop_bodies(messages: Sequence[int]) -> None:
    """Removes payloads, contents, custom properties, requests and answers. In the caller's transaction."""
    rows = Message.objects.filter(pk__in=messages).values_list("pk", "template", "language")
    sql.update(
        Message,
        ("id", "content"),
        [(pk, _empty(template, language)) for pk, template, language in rows],
        "payload = '', content = v.content, custom_props = '{}', notes = '[]'",
        "m.id = v.id",
    )
    Attempt.objects.filter(message__in=messages).update(request="", response_body="")


def _empty(template: str, language: str) -> str:
    """A content without values, which still names the template."""
    content: Content = TemplateContent(template, language) if template else Freeform("text")
    return msgspec.json.encode(content).decode()


def hide_people(messages: Sequence[int]) -> None:
    """Replaces the number by the person's pseudonym, and removes whatever else contains it. Needs `settled`
    messages without bodies. In the caller's transaction. Raises pseudonyms.NoKey."""
    rows = Message.objects.filter(pk__in=messages).values_list("pk", "to", "error_text")
    sql.update(
        Message,
        ("id", "to", "error_text"),
        [(pk, pseudonyms.standing_for(to), _hidden(text)) for pk, to, text in rows],
        # WhatsApp's ids hold the number in base64.
        '"to" = v."to", to_raw = v."to", error_text = v.error_text, bsp_id = \'\'',
        "m.id = v.id",
    )
    attempts = Attempt.objects.filter(message__in=messages).values_list("pk", "message", "text")
    sql.update(
        Attempt,
        ("id", "message_id", "text"),
        [(pk, message, _hidden(text)) for pk, message, text in attempts],
        "text = v.text, bsp_id = ''",
        "m.id = v.id AND m.message_id = v.message_id",
    )
    _hide_in_reports(messages)
    Link.objects.filter(message__in=messages).delete()


def _hidden(text: str) -> str:
    return hidden(text)[:500]


def _hide_in_reports(messages: Sequence[int]) -> None:
    """The clicked page stays, so that its clicks can still be told from those of another page."""
    reports = Event.objects.filter(message__in=messages)
    reports.filter(forward=Forward.PENDING).update(
        forward=Forward.PARKED, forward_error="Its message has no number any longer."
    )
    telling = reports.exclude(Q(text="") & Q(url="") & Q(user_agent="") & Q(forward_error=""))
    rows = telling.values_list("pk", "message", "text", "url", "forward_error")
    sql.update(
        Event,
        ("id", "message_id", "text", "url", "forward_error"),
        [(pk, mine, _hidden(text), _page(url), hidden(error)[:300]) for pk, mine, text, url, error in rows],
        "text = v.text, url = v.url, short_url = '', user_agent = '', forward_error = v.forward_error",
        "m.id = v.id AND m.message_id = v.message_id",
    )


def _page(url: str) -> str:
    return url if not url or pseudonyms.is_one(url) else pseudonyms.of(clicked_page(url))


def put(message: int, values: Mapping[str, str]) -> None:
    """Replaces texts of a message by the same texts without anything that names a person."""
    Message.objects.filter(pk=message).update(**values)


def anonymise(messages: Sequence[int]) -> None:
    """Both, in one transaction."""
    with transaction.atomic():
        drop_bodies(messages)
        hide_people(messages)
