"""The recipients of broadcasts: who is in which state, and why."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audience.models import Contact
from broadcasts.models import Broadcast, Recipient
from broadcasts.pages import exporting
from broadcasts.pages.progress import message_link
from campaigns.admin import MessageAdmin
from campaigns.models import Message
from lib import phone, phone_masking
from lib.admin import LogAdmin, SimpleListFilter, Tone, badge, choice_filter, column, link, moment, page_url
from lib.exported import ExportedAdmin
from lib.phone_masking import Eyes
from lib.sheets import Row

State = Recipient.State
MOST = 10_000  # rows that a search finds
_TONES: dict[int, Tone] = {
    State.WAITING: "info",
    State.QUEUED: "success",
    State.CONTROL: "",
    State.EXCLUDED: "warning",
    State.CANCELLED: "danger",
}


class BroadcastFilter(SimpleListFilter):
    title = "broadcast"
    parameter_name = "broadcast"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        begun = Broadcast.objects.exclude(state=Broadcast.State.DRAFT)
        return [(str(pk), name) for pk, name in begun.values_list("pk", "name")[:200]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Recipient]) -> QuerySet[Recipient]:
        value = self.value() or ""
        return queryset.filter(broadcast=int(value)) if value.isdecimal() and len(value) < 19 else queryset


def _found(term: str) -> set[int]:
    """Rows of contacts with that identity or number, or of messages to it, each found by its index."""
    digits = phone.typed(term)
    contacts = list(Contact.objects.filter(identity=term).values_list("pk", flat=True))
    sent: list[int] = []
    if digits:
        alike = Contact.objects.filter(phone__in=phone.spellings(digits))
        contacts += alike.values_list("pk", flat=True)[:MOST]
        sent += Message.objects.filter(person=phone.person(digits)).values_list("pk", flat=True)[:MOST]
    rows = Recipient.objects.order_by().values_list("pk", flat=True)
    return {*rows.filter(contact__in=contacts)[:MOST], *rows.filter(message__in=sent)[:MOST]}


@admin.register(Recipient)
class RecipientAdmin(ExportedAdmin, LogAdmin):
    export_name = "recipients"
    export_permission = "campaigns.export_stats"
    list_display = (
        "who",
        "number",
        "broadcast_link",
        "state_badge",
        "reason_words",
        "variant",
        "due",
        "sent_on",
        "of",
    )
    list_display_links = None
    list_select_related = ("broadcast", "contact", "message")
    list_filter = (
        BroadcastFilter,
        choice_filter("state", State.choices),
        choice_filter("reason", [each for each in Recipient.Reason.choices if each[0]]),
    )
    list_defer = ("contact__attributes", *(f"message__{name}" for name in MessageAdmin.list_defer))
    groupings = exporting.RECIPIENTS
    search_fields = ("phone",)  # shows the box
    search_help_text = "Whole phone number or identity"
    empty_title = "Nobody"
    empty_text = "Every person in the audience of a broadcast has a row here, made before anything is sent."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Recipient], search_term: str
    ) -> tuple[QuerySet[Recipient], bool]:
        term = search_term.strip()
        return (queryset.filter(pk__in=_found(term)) if term else queryset), False

    def export_rows(self, found: QuerySet[Any], eyes: Eyes) -> Iterator[Row]:
        return exporting.recipients(found, eyes)

    @column(description="contact", empty_value="deleted")
    def who(self, row: Recipient) -> SafeString | None:
        if row.contact is None:
            return None
        identity = phone_masking.identity(row.contact.identity, row.phone or row.contact.phone)
        if not phone_masking.may("audience.view_contact"):
            return format_html("{}", identity)
        return link(page_url("audience_contact", row.contact_id), identity)

    @column(description="phone")
    def number(self, row: Recipient) -> str | None:
        return f"+{phone_masking.number(row.phone)}" if row.phone else None

    @column(description="broadcast")
    def broadcast_link(self, row: Recipient) -> SafeString:
        return link(page_url("broadcasts_broadcast", row.broadcast_id), row.broadcast)

    @column(description="state")
    def state_badge(self, row: Recipient) -> SafeString:
        return badge(row.get_state_display(), _TONES[row.state], phone_masking.text(row.detail))

    @column(description="because", empty_value="")
    def reason_words(self, row: Recipient) -> str | None:
        if not row.reason:
            return None
        return ": ".join(filter(None, (Recipient.Reason(row.reason).label, phone_masking.text(row.detail))))

    @column(description="not before")
    def due(self, row: Recipient) -> SafeString | None:
        return moment(row.due_at)

    @column(description="queued at")
    def sent_on(self, row: Recipient) -> SafeString | None:
        return moment(row.decided_at) if row.state == Recipient.State.QUEUED else None

    @column(description="message")
    def of(self, row: Recipient) -> SafeString | None:
        return message_link(row.message)
