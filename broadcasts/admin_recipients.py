"""The recipients of campaigns: who is in which state, and why."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from broadcasts.models import Broadcast, Recipient
from broadcasts.progress import message_link
from lib import shown
from lib.admin import LogAdmin, SimpleListFilter, Tone, badge, choice_filter, column, link, moment, page_url

State = Recipient.State
_TONES: dict[int, Tone] = {
    State.WAITING: "info",
    State.QUEUED: "success",
    State.CONTROL: "",
    State.EXCLUDED: "warning",
    State.CANCELLED: "danger",
}


class CampaignFilter(SimpleListFilter):
    title = "campaign"
    parameter_name = "broadcast"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        begun = Broadcast.objects.exclude(state=Broadcast.State.DRAFT)
        return [(str(pk), name) for pk, name in begun.values_list("pk", "name")[:200]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Recipient]) -> QuerySet[Recipient]:
        value = self.value() or ""
        return queryset.filter(broadcast=int(value)) if value.isdecimal() and len(value) < 19 else queryset


@admin.register(Recipient)
class RecipientAdmin(LogAdmin):
    list_display = (
        "who",
        "number",
        "campaign",
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
        CampaignFilter,
        choice_filter("state", State.choices),
        choice_filter("reason", [each for each in Recipient.Reason.choices if each[0]]),
    )
    search_fields = ("phone",)
    search_help_text = "Phone number"
    empty_title = "Nobody"
    empty_text = "Every person that a campaign of ours is for has a row here, made before anything is sent."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Recipient], search_term: str
    ) -> tuple[QuerySet[Recipient], bool]:
        digits = "".join(filter(str.isdigit, search_term))
        return (queryset.filter(contact__phone=digits) if digits else queryset), False

    @column(description="contact", empty_value="deleted")
    def who(self, row: Recipient) -> SafeString | None:
        if row.contact is None:
            return None
        identity = shown.identity(row.contact.identity, row.phone or row.contact.phone)
        if not shown.may("audience.view_contact"):
            return format_html("{}", identity)
        return link(page_url("audience_contact", row.contact_id), identity)

    @column(description="phone", empty_value="–")
    def number(self, row: Recipient) -> str | None:
        return f"+{shown.number(row.phone)}" if row.phone else None

    @column(description="campaign")
    def campaign(self, row: Recipient) -> SafeString:
        return link(page_url("broadcasts_broadcast", row.broadcast_id), row.broadcast)

    @column(description="state")
    def state_badge(self, row: Recipient) -> SafeString:
        return badge(row.get_state_display(), _TONES[row.state], shown.text(row.detail))

    @column(description="because", empty_value="")
    def reason_words(self, row: Recipient) -> str | None:
        if not row.reason:
            return None
        return ": ".join(filter(None, (Recipient.Reason(row.reason).label, shown.text(row.detail))))

    @column(description="not before")
    def due(self, row: Recipient) -> SafeString | None:
        return moment(row.due_at)

    @column(description="sent on", empty_value="–")
    def sent_on(self, row: Recipient) -> SafeString | None:
        return moment(row.queued_at)

    @column(description="message", empty_value="–")
    def of(self, row: Recipient) -> SafeString | None:
        return message_link(row.message)
