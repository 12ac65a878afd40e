"""One person, the receipts of erasures, and what retention leaves alone."""

import tempfile
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts import trail
from accounts.trail import What
from identities import pseudonyms
from lib import phone_masking
from lib.admin import (
    LogAdmin,
    ModelAdmin,
    Tone,
    badge,
    button,
    choice_filter,
    column,
    confirm,
    list_url,
    moment,
    page_url,
)
from privacy import erasing, export, finding, holding, receipt, register
from privacy.finding import Person
from privacy.forms import EraseForm, HoldForm, PersonForm
from privacy.models import Erasure, Hold
from privacy.retention import holds
from privacy.retention_admin import RetentionRunAdmin, RetentionSettingAdmin
from privacy.table_names import plain

__all__ = ["ErasureAdmin", "HoldAdmin", "RetentionRunAdmin", "RetentionSettingAdmin"]

_TONES: dict[str, Tone] = {
    Erasure.State.OPEN: "info",
    Erasure.State.DONE: "success",
    Erasure.State.FAILED: "danger",
}


@admin.register(Erasure)
class ErasureAdmin(LogAdmin):
    """The receipts; and the page that looks somebody up."""

    list_display = ("when", "who", "state_badge", "asked", "due", "finished")
    list_filter = (choice_filter("state", Erasure.State.choices),)
    search_fields = ("person",)
    search_help_text = "A number or user id, to see whether it was erased"
    actions_list = ("person",)
    progress_template = "privacy/receipt.html"
    empty_title = "Nobody has been erased"
    empty_text = "“Look somebody up” shows, exports and erases everything about a person."

    def has_person_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perms(("privacy.export_person", phone_masking.PERMISSION))

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return self.has_person_permission(request) and request.user.has_perm("privacy.add_erasure")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()
        if not term or pseudonyms.is_one(term):
            return (queryset & Erasure.of([term]) if term else queryset), False
        try:
            hashes = map(pseudonyms.of, finding.person(term).names)
            return queryset & Erasure.of(hashes), False
        except (finding.Unknown, pseudonyms.NoKey) as error:
            self.message_user(request, str(error), messages.WARNING)
            return queryset.none(), False

    @column(description="asked for")
    def when(self, erasure: Erasure) -> SafeString | None:
        return moment(erasure.asked_at)

    @column(description="person")
    def who(self, erasure: Erasure) -> str:
        return erasure.person

    @column(description="by")
    def asked(self, erasure: Erasure) -> str:
        return phone_masking.text(erasure.asked_by)

    @column(description="state")
    def state_badge(self, erasure: Erasure) -> SafeString:
        return badge(
            erasure.get_state_display(), _TONES[erasure.state], phone_masking.text(receipt.waits(erasure))
        )

    @column(description="deadline")
    def due(self, erasure: Erasure) -> SafeString | None:
        return moment(erasure.deadline)

    @column(description="finished", empty_value="")
    def finished(self, erasure: Erasure) -> SafeString | None:
        return moment(erasure.finished_at) if erasure.finished_at else None

    def page_context(self, request: HttpRequest, obj: Erasure) -> dict[str, Any]:
        return _shown(obj)

    # One person

    @button(
        "Look somebody up", permissions=["person"], icon="person_search", path="person", variant="primary"
    )
    def person(self, request: HttpRequest) -> HttpResponse | FileResponse:
        if not self.has_person_permission(request):
            raise PermissionDenied
        form = PersonForm(request.POST or None)
        context: dict[str, Any] = {
            "title": "Everything about one person",
            "opts": self.opts,
            "form": form,
            "back": list_url("privacy_erasure"),
            "may_erase": self.has_erase_permission(request),
        }
        if form.is_bound and form.is_valid():
            who = form.person
            if "export" in request.POST:
                return self._export(request, who)
            if "erase" in request.POST:
                return self._erase(request, who)
            trail.note(request, What.LOOKED, f"everything about {who.stands_for}")
            context |= {"who": who, "found": _found(who), "hold": holding.over(who)}
        return TemplateResponse(
            request, "privacy/person.html", self.admin_site.each_context(request) | context
        )

    def _export(self, request: HttpRequest, who: Person) -> FileResponse:
        self.admin_site.prove(request)
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
        rows = export.write(who, file, timezone.now(), everywhere=False)
        file.seek(0)
        trail.note(request, What.EXPORTED, f"everything about {who.stands_for}", rows=sum(rows.values()))
        return FileResponse(file, as_attachment=True, filename=f"person-{timezone.localdate()}.zip")

    def _erase(self, request: HttpRequest, who: Person) -> HttpResponse:
        if not self.has_erase_permission(request):
            raise PermissionDenied
        self.admin_site.prove(request)
        if hold := holding.over(who):
            self.message_user(request, str(erasing.Held(hold)), messages.ERROR)
            return redirect("admin:privacy_erasure_person")
        form = EraseForm(request.POST if "confirmed" in request.POST else None)
        if form.is_bound and form.is_valid():
            try:
                asked_by = form.cleaned_data["asked_by"]
                erasure = erasing.start(who, request.user.get_username(), asked_by, timezone.now())
            except (erasing.Held, pseudonyms.NoKey) as error:
                self.message_user(request, str(error), messages.ERROR)
                return redirect("admin:privacy_erasure_person")
            trail.note(request, What.ERASED, erasure)
            return redirect(page_url("privacy_erasure", erasure.pk))
        rows = sum(finding.counts(who).values())
        return confirm(
            self,
            request,
            title="Erase this person",
            text=(
                f"{rows:,} rows of {', '.join(who.names)} go, and whatever else names the person.",
                "Figures stay.",
                "Whoever stopped stays stopped. What is queued for the person is not sent.",
                "Nothing brings it back. A worker does it, and the receipt says how far it is.",
            ),
            button="Erase",
            back=list_url("privacy_erasure"),
            form=form,
            hidden=(("number", request.POST["number"]), ("erase", "yes")),
            danger=True,
        )


def _found(who: Person) -> list[tuple[str, int]]:
    counts = finding.counts(who)
    names = {model._meta.label: str(model._meta.verbose_name_plural) for model in finding.rows(who)}
    return [(names[label], number) for label, number in counts.items()]


_FATES = (register.DELETED, register.ALTERED)


def _shown(erasure: Erasure) -> dict[str, Any]:
    return {
        "erasure": erasure,
        "receipt": (told := receipt.of(erasure)),
        "rows": [(plain(name), became, told[became][name]) for became in _FATES for name in told[became]],
        "open": erasure.state == Erasure.State.OPEN,
        "tone": _TONES[erasure.state],
        "late": erasure.finished_at is None and erasure.deadline < timezone.now(),
    }


@admin.register(Hold)
class HoldAdmin(ModelAdmin):
    form = HoldForm
    asks_for_proof = True  # retention deletes what the hold no longer names
    list_display = ("since", "about", "reason", "by")
    autocomplete_fields = ()
    search_fields = ("reason",)
    empty_title = "Nothing is held"
    empty_text = "Retention and erasure leave alone what a hold names, until it is ended."

    @column(description="what stays")
    def about(self, hold: Hold) -> str:
        parts = (
            ("provider", str(hold.provider or "")),
            ("campaign", hold.campaign),
            ("person", phone_masking.number(hold.number)),
        )
        return ", ".join(f"{name} {value}" for name, value in parts if value)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The form shows the whole number."""
        hidden = obj is not None and obj.number and not phone_masking.eyes_of(request.user).whole
        return super().has_change_permission(request, obj) and not hidden

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        if obj is not None and not self.has_change_permission(request, obj):
            return ["since", "about", "reason", "by"]
        return ["provider", "campaign", "number", "reason"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return ["since", "about", "by"]

    def delete_model(self, request: HttpRequest, obj: Hold) -> None:
        super().delete_model(request, obj)
        holds.ended()

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        super().delete_queryset(request, queryset)
        holds.ended()

    def save_model(self, request: HttpRequest, obj: Hold, form: Any, change: bool) -> None:
        obj.by = obj.by or request.user.get_username()
        super().save_model(request, obj, form, change)
        for erasure in erasing.held_by(obj):
            text = f"{erasure} is under way. What is left waits until the hold is ended."
            self.message_user(request, text, messages.WARNING)
