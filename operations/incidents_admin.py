"""The list of incidents, the page of one, and what people do with it."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts import trail
from accounts.trail import What
from lib import display, phone_masking
from lib.admin import (
    LogAdmin,
    SimpleListFilter,
    badge,
    button,
    choice_filter,
    column,
    confirm,
    link,
    moment,
    page_url,
)
from operations.forms import SilenceForm
from operations.incidents import handling
from operations.incidents.wording import TONES, state_words, title_of
from operations.kinds import KINDS
from operations.models import Incident
from providers.list_filters import ProviderFilter


class OpenFilter(SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "open"), ("ended", "ended")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Incident]) -> QuerySet[Incident]:
        if self.value() not in ("open", "ended"):
            return queryset
        return queryset.filter(ended_at__isnull=self.value() == "open")


@admin.register(Incident)
class IncidentAdmin(LogAdmin):
    list_display = ("what", "about", "state_now", "began", "ended", "affected", "reason")
    list_filter = (
        OpenFilter,
        ProviderFilter,
        choice_filter("severity", Incident.Severity.choices),
        choice_filter("kind", [(kind.slug, kind.title) for kind in KINDS.values()]),
    )
    search_fields = ("subject__icontains", "text__icontains")
    search_help_text = "Words of the incident’s subject, or of what is wrong."
    actions_detail = ("acknowledge", "silence")
    empty_title = "No incident yet"
    empty_text = (
        "Waypost looks every few seconds. What it finds wrong is listed here, with what to do about it."
    )

    @column(description="incident")
    def what(self, incident: Incident) -> SafeString:
        return badge(title_of(incident), TONES[incident.severity] if incident.ended_at is None else "")

    @column(description="about")
    def about(self, incident: Incident) -> str:
        return phone_masking.text(incident.subject)

    @column(description="state")
    def state_now(self, incident: Incident) -> str:
        return state_words(incident)

    @column(description="began")
    def began(self, incident: Incident) -> SafeString | None:
        return moment(incident.began_at)

    @column(description="ended")
    def ended(self, incident: Incident) -> SafeString | None:
        return moment(incident.ended_at)

    @column(description="messages")
    def affected(self, incident: Incident) -> str | SafeString:
        kind = KINDS.get(incident.kind)
        url = kind.behind(incident) if kind else ""
        return link(url, f"{incident.messages:,}") if url and incident.messages else f"{incident.messages:,}"

    @column(description="what is wrong")
    def reason(self, incident: Incident) -> str:
        return phone_masking.text(incident.text)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        incident = self.get_object(request, unquote(str(object_id)))
        shown: list[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        if incident is None or incident.ended_at:
            return []
        hidden = {"acknowledge"} if incident.acknowledged_at else set()
        return [action for action in shown if action.path not in hidden]

    def page_context(self, request: HttpRequest, obj: Incident) -> dict[str, Any]:
        kind = KINDS.get(obj.kind)
        return {
            "heading": title_of(obj),
            "badge": badge(obj.get_severity_display(), TONES[obj.severity]),
            "state": state_words(obj),
            "text": phone_masking.text(obj.text),
            "subject": phone_masking.text(obj.subject),
            "lasted": display.length((obj.ended_at or timezone.now()) - obj.began_at),
            "affected": self.affected(obj),
            "step": kind.step(obj) if kind and obj.ended_at is None else None,
        }

    @button("Acknowledge", permissions=["operate"], icon="back_hand", path="acknowledge", post=True)
    def acknowledge(self, request: HttpRequest, object_id: str) -> HttpResponse:
        text = ["Everybody sees that you take care of the incident, and no more reminders are sent."]
        return self.at_once(request, object_id, self._acknowledge, "Acknowledge", text)

    def _acknowledge(self, request: HttpRequest, queryset: QuerySet[Incident]) -> None:
        for incident in queryset:
            if handling.acknowledge(incident, request.user, timezone.now()):
                trail.note(request, What.CHANGED, incident, acknowledged=True)
                self.message_user(
                    request, "Acknowledged: everybody sees that you take care of it.", messages.SUCCESS
                )

    @button("Silence", permissions=["operate"], icon="notifications_paused")
    def silence(self, request: HttpRequest, object_id: str) -> HttpResponse:
        incident: Incident = self.row(request, object_id)
        back = page_url("operations_incident", incident.pk)
        form = SilenceForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            until = timezone.now() + timedelta(hours=float(form.cleaned_data["hours"]))
            reason = form.cleaned_data["reason"]
            handling.silence(incident, request.user, until, reason)
            trail.note(request, What.CHANGED, incident, silenced_until=until, reason=reason)
            self.message_user(
                request,
                f"No notification of it is sent before {display.to_minute(until)}.",
                messages.SUCCESS,
            )
            return redirect(back)
        text = ["The incident stays on the home page. Until then no notification of it is sent."]
        return confirm(self, request, title="Silence it", text=text, button="Silence", back=back, form=form)
