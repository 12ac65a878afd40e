"""Contacts: finding one among millions, what is known of it, what it agreed to."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts import trail
from accounts.trail import What
from audience import exporting, finding, kept_values, opting, properties, settings_admin, uploads_admin
from audience.forms import ReasonForm
from audience.lists_admin import MAY_EXPORT, ByPhoneAdmin
from audience.models import Contact, OptChange
from identities.pseudonyms import written
from lib import phone, phone_masking
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
from lib.display import to_minute
from lib.exported import ExportedAdmin
from lib.phone_masking import Eyes
from lib.sheets import Row

__all__ = ["settings_admin", "uploads_admin"]

SHOWN = 50  # events, changes of consent
OTHERS = 10  # contacts with the same number
_TONES: dict[str, Tone] = {
    OptChange.To.IN: "success",
    OptChange.To.OUT: "warning",
    OptChange.To.STOP: "danger",
    OptChange.To.RESUME: "info",
}
_ASKED = {
    OptChange.To.IN: ("Opt in", "From now on WhatsApp messages may be sent to this contact."),
    OptChange.To.OUT: (
        "Opt out",
        "No broadcast is sent to this contact. A later upload may opt it in again.",
    ),
    OptChange.To.STOP: (
        "Do not disturb",
        "No broadcast is sent to this contact, whatever a later upload says.",
    ),
    OptChange.To.RESUME: ("May be disturbed", "Broadcasts may reach this contact again, if it is opted in."),
}


def reach_badge(contact: Contact) -> SafeString:
    if contact.dnd:
        return badge("Do not disturb", "danger", "MSG-dndWhatsApp is true.")
    if contact.stopped:
        return badge(
            "Stopped in WhatsApp", "danger", "WhatsApp itself refuses marketing messages to this contact."
        )
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
            ("stopped", "Stopped in WhatsApp"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        return queryset.filter(**finding.CONSENT.get(self.value() or "", {}))


@admin.register(Contact)
class ContactAdmin(ExportedAdmin, LogAdmin):
    export_name = "contacts"
    export_permission = MAY_EXPORT
    list_display = ("who", "called", "number", "mail", "consent", "updated")
    list_display_links = ("who",)
    list_defer = ("attributes",)
    list_filter = (ReachFilter,)
    search_fields = ("identity",)  # shows the box
    search_help_text = "Identity, phone or e-mail, or the beginning of any; a whole user id or username"
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
        return (finding.search(queryset, term, phone_masking.eyes()) if term else queryset), False

    @column(description="identity")
    def who(self, contact: Contact) -> str:
        return phone_masking.identity(contact.identity, contact.phone)

    @column(description="phone")
    def number(self, contact: Contact) -> str | None:
        return f"+{phone_masking.number(contact.phone)}" if contact.phone else None

    # A name or an address may be a phone number, too.

    @column(description="name")
    def called(self, contact: Contact) -> str:
        return phone_masking.text(contact.name)

    @column(description="email")
    def mail(self, contact: Contact) -> str:
        return phone_masking.text(contact.email)

    @column(description="WhatsApp")
    def consent(self, contact: Contact) -> SafeString:
        return reach_badge(contact)

    @column(description="updated")
    def updated(self, contact: Contact) -> SafeString | None:
        return moment(contact.updated_at)

    # The page

    def page_context(self, request: HttpRequest, obj: Contact) -> dict[str, Any]:
        alike = Contact.objects.filter(phone__in=phone.spellings(obj.phone))
        others = alike.exclude(phone="").exclude(pk=obj.pk)
        return {
            "badge": reach_badge(obj),
            "identity": self.who(obj),
            "number": self.number(obj),
            "attributes": _named(obj.attributes, properties.attribute_types()),
            "events": [
                (event, _named(event.properties, properties.types_of(event.name)))
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
                if obj.phone
                and phone_masking.eyes().whole
                and request.user.has_perm("campaigns.view_message")
                else ""
            ),
        }

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        contact = self.get_object(request, unquote(str(object_id)))
        if contact is None:
            return []
        fitting = {"opt-out" if contact.opted_in else "opt-in", "resume" if contact.dnd else "stop"}
        actions = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return [action for action in actions if action.path in fitting]

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
                trail.note(request, What.CHANGED, contact, text=f"{to.label}: {reason}")
                self.message_user(request, f"{contact}: {to.label}.", messages.SUCCESS)
            else:
                self.message_user(
                    request, "Nothing to change: the contact has that state already.", messages.INFO
                )
            return redirect(back)
        return confirm(
            self, request, title=f"{label}: {contact}", text=[text], button=label, back=back, form=form
        )

    def export_rows(self, found: QuerySet[Any], eyes: Eyes) -> Iterator[Row]:
        return exporting.contacts(found, eyes)


def _named(values: Mapping[str, Any], kinds: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        (phone_masking.text(name), _shown(value, kinds.get(name, "")))
        for name, value in sorted(values.items())
    ]


def _shown(value: Any, kind: str) -> str:
    """A value by the type of its property: a text that only looks like a moment stays as it was written."""
    at = kept_values.moment_of(value)
    if at and kind in ("date", "moment", "list"):
        return to_minute(at)
    if at or kept_values.day_of(value):
        return str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_shown(each, kind) for each in value)
    if isinstance(value, dict):  # an item of Charged
        return "(" + ", ".join(f"{name}: {_shown(each, kind)}" for name, each in value.items()) + ")"
    return phone_masking.text(kept_values.spelled(value))


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

    def named(self, names: set[str]) -> list[Q]:
        return [*super().named(names), Q(phone="", user_id__gt="", user_id__in=names)]

    @column(description="at")
    def when(self, change: OptChange) -> SafeString | None:
        return moment(change.at)

    @column(description="phone")
    def number(self, change: OptChange) -> str | None:
        if not change.phone:
            return phone_masking.number(change.user_id) or None
        return written(change.phone, phone_masking.eyes())

    @column(description="contact")
    def person(self, change: OptChange) -> SafeString | None:
        contact = change.contact
        return link(page_url("audience_contact", contact.pk), contact) if contact else None

    @column(description="proof")
    def words(self, change: OptChange) -> str:
        return phone_masking.text(change.proof)

    @column(description="change")
    def what(self, change: OptChange) -> SafeString:
        return badge(change.get_to_display(), _TONES[change.to])
