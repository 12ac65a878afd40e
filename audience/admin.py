"""Contacts: finding one among millions, what is known of it, what it agreed to."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.safestring import SafeString

from audience import admin_settings, admin_uploads, exporting, finding, opting
from audience.admin_lists import MAY_EXPORT, ByPhoneAdmin
from audience.forms import ReasonForm
from audience.models import Contact, OptChange
from audience.profiles import date_of
from lib import shown
from lib.admin import (
    LogAdmin,
    SimpleListFilter,
    Tone,
    badge,
    button,
    choice_filter,
    column,
    confirm,
    link,
    list_url,
    moment,
    page_url,
)
from lib.exported import ExportedAdmin
from lib.pretty import clock
from lib.sheets import Row
from lib.shown import Eyes

__all__ = ["admin_settings", "admin_uploads"]

SHOWN = 50  # events, changes of consent
OTHERS = 10  # contacts with the same number
_TONES: dict[str, Tone] = {
    OptChange.To.IN: "success",
    OptChange.To.OUT: "warning",
    OptChange.To.STOP: "danger",
    OptChange.To.RESUME: "info",
}
_ASKED = {
    OptChange.To.IN: ("Opt in", "WhatsApp messages may be sent to it from now on."),
    OptChange.To.OUT: ("Opt out", "No campaign will be sent to it. A later upload may opt it in again."),
    OptChange.To.STOP: ("Do not disturb", "No campaign will be sent to it, whatever a later upload says."),
    OptChange.To.RESUME: ("May be disturbed", "Campaigns may reach it again, if it is opted in."),
}


def reach_badge(contact: Contact) -> SafeString:
    if contact.dnd:
        return badge("Do not disturb", "danger", "MSG-dndWhatsApp is true.")
    if not contact.opted_in:
        return badge("Not opted in", "warning", "MSG-whatsapp is not true.")
    return badge("Reachable", "success") if contact.phone else badge("No phone", "warning")


class ReachFilter(SimpleListFilter):
    title = "consent"
    parameter_name = "consent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("yes", "Opted in, may be disturbed"),
            ("out", "Not opted in"),
            ("dnd", "Do not disturb"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        return queryset.filter(**finding.CONSENT.get(self.value() or "", {}))


@admin.register(Contact)
class ContactAdmin(ExportedAdmin, LogAdmin):
    export_name = "contacts"
    export_permission = MAY_EXPORT
    list_display = ("who", "name", "number", "email", "consent", "updated")
    list_display_links = ("who",)
    list_defer = ("attributes",)
    list_filter = (ReachFilter,)
    search_fields = ("identity",)  # shows the box
    search_help_text = "Identity, phone or e-mail, or the beginning of any"
    actions_detail = ("opt_in", "opt_out", "stop", "resume")
    empty_title = "No contact yet"
    empty_text = (
        "Contacts come from a CSV file, under Uploads, or from the upload API. Nobody is opted in until a "
        "file, a call or the person says so."
    )

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("audience.delete_contact")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Contact], search_term: str
    ) -> tuple[QuerySet[Contact], bool]:
        term = search_term.strip()
        return (finding.search(queryset, term, shown.eyes()) if term else queryset), False

    @column(description="identity")
    def who(self, contact: Contact) -> str:
        return shown.identity(contact.identity, contact.phone)

    @column(description="phone", empty_value="-")
    def number(self, contact: Contact) -> str | None:
        return f"+{shown.number(contact.phone)}" if contact.phone else None

    @column(description="WhatsApp")
    def consent(self, contact: Contact) -> SafeString:
        return reach_badge(contact)

    @column(description="updated")
    def updated(self, contact: Contact) -> SafeString | None:
        return moment(contact.updated_at)

    # The page

    def page_context(self, request: HttpRequest, obj: Contact) -> dict[str, Any]:
        others = Contact.objects.filter(phone=obj.phone).exclude(phone="").exclude(pk=obj.pk)
        return {
            "badge": reach_badge(obj),
            "identity": self.who(obj),
            "number": self.number(obj),
            "attributes": [(name, _shown(value)) for name, value in sorted(obj.attributes.items())],
            "events": [
                (event, [(name, _shown(value)) for name, value in sorted(event.properties.items())])
                for event in obj.events.order_by("-at")[:SHOWN]
            ],
            "changes": [
                (change, badge(change.get_to_display(), _TONES[change.to]))
                for change in obj.opt_changes.select_related("provider").order_by("-at", "-id")[:SHOWN]
            ],
            "others": list(others[:OTHERS]),
            "shown": SHOWN,
            "messages_url": (
                list_url("campaigns_message", q=obj.phone)
                if obj.phone and shown.eyes().whole and request.user.has_perm("campaigns.view_message")
                else ""
            ),
        }

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        contact = self.get_object(request, unquote(str(object_id)))
        if contact is None:
            return []
        fitting = {"opt-out" if contact.opted_in else "opt-in", "resume" if contact.dnd else "stop"}
        shown = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return [action for action in shown if action.path in fitting]

    @button("Opt in", permissions=["operate"], icon="check_circle", path="opt-in")
    def opt_in(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._set(request, object_id, OptChange.To.IN)

    @button("Opt out", permissions=["operate"], icon="cancel", path="opt-out")
    def opt_out(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._set(request, object_id, OptChange.To.OUT)

    @button("Do not disturb", permissions=["operate"], icon="do_not_disturb_on", path="stop")
    def stop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._set(request, object_id, OptChange.To.STOP)

    @button("May be disturbed", permissions=["operate"], icon="notifications_active", path="resume")
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._set(request, object_id, OptChange.To.RESUME)

    def _set(self, request: HttpRequest, object_id: str, to: OptChange.To) -> HttpResponse:
        contact: Contact | None = self.get_object(request, unquote(object_id))
        if contact is None:
            raise Http404
        back = page_url("audience_contact", contact.pk)
        form = ReasonForm(request.POST or None)
        label, text = _ASKED[to]
        if request.method == "POST" and form.is_valid():
            by, reason = request.user.get_username(), form.cleaned_data["reason"]
            if opting.by_operator(contact, to, by, reason, timezone.now()):
                self.message_user(request, f"{contact}: {to.label}.", messages.SUCCESS)
            else:
                self.message_user(request, "It was so already.", messages.INFO)
            return redirect(back)
        return confirm(
            self, request, title=f"{label}: {contact}", text=[text], button=label, back=back, form=form
        )

    def export_rows(self, found: QuerySet[Any], eyes: Eyes) -> Iterator[Row]:
        return exporting.contacts(found, eyes)


def _shown(value: Any) -> str:
    if at := date_of(value):
        return clock(at)[:-7]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, dict):  # an item of Charged
        return "(" + ", ".join(f"{name}: {_shown(each)}" for name, each in value.items()) + ")"
    return shown.text(str(value))


@admin.register(OptChange)
class OptChangeAdmin(ExportedAdmin, ByPhoneAdmin):
    export_permission = MAY_EXPORT
    export_name = "consent"
    list_display = ("when", "number", "person", "what", "why", "words", "by")
    list_display_links = None
    list_select_related = ("contact",)
    list_filter = (
        choice_filter("to", OptChange.To.choices, title="change"),
        choice_filter("why", OptChange.Why.choices, title="how"),
    )
    empty_title = "No change of consent yet"
    empty_text = "Every opt-in and opt-out is kept here with its proof: the message, the file, the call."

    def export_rows(self, found: QuerySet[Any], eyes: Eyes) -> Iterator[Row]:
        return exporting.changes(found, eyes)

    @column(description="at")
    def when(self, change: OptChange) -> SafeString | None:
        return moment(change.at)

    @column(description="phone", empty_value="-")
    def number(self, change: OptChange) -> str | None:
        return f"+{shown.number(change.phone)}" if change.phone else None

    @column(description="contact", empty_value="-")
    def person(self, change: OptChange) -> SafeString | None:
        contact = change.contact
        return link(page_url("audience_contact", contact.pk), contact) if contact else None

    @column(description="proof")
    def words(self, change: OptChange) -> str:
        return shown.text(change.proof)

    @column(description="change")
    def what(self, change: OptChange) -> SafeString:
        return badge(change.get_to_display(), _TONES[change.to])
