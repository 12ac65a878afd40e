"""Broadcasts: the list, and each one's page with its progress and what may be done with it."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.safestring import SafeString

from broadcasts.models import Broadcast
from broadcasts.pages import calendar, exporting, progress, recipients, segments
from broadcasts.pages.steps import BroadcastSteps
from broadcasts.pages.trial import BroadcastTrials
from broadcasts.run import lifecycle
from lib.admin import badge, choice_filter, column, confirm, moment, page_url
from lib.exported import ExportedAdmin
from lib.phone_masking import Eyes
from lib.sheets import Row
from providers.list_filters import ProviderFilter
from stats.query.filters import YEARS

__all__ = ["recipients", "segments"]

State = Broadcast.State
# The buttons: label, the states in which each is shown, and what the page says before it acts.
ACTIONS = {
    "pause": ("Pause", (State.RUNNING,), ""),
    "resume": ("Resume", (State.PAUSED,), ""),
    "end": (
        "End",
        (State.RUNNING,),
        "Nothing triggers a message any more. Those who wait already still get theirs.",
    ),
    "cancel": (
        "Cancel",
        (State.SCHEDULED, State.RUNNING, State.PAUSED),
        "Those who still wait never get the message. Messages that are queued for sending still go out.",
    ),
    "withdraw": ("Back to draft", (State.SCHEDULED,), ""),
    "copy": ("Copy", tuple(State), ""),
}


# What the trail calls them
DOINGS = {
    "pause": "paused",
    "resume": "resumed",
    "end": "stopped",
    "cancel": "stopped",
    "withdraw": "stopped",
}


def _counter(name: str) -> Any:
    """The column of a counter, each number of which leads to its people."""

    @column(description=name, ordering=name)
    def shown(page: Any, broadcast: Broadcast) -> SafeString:
        return progress.people(broadcast, name)

    return shown


@admin.register(Broadcast)
class BroadcastAdmin(BroadcastSteps, BroadcastTrials, ExportedAdmin):
    export_name = "broadcasts"
    export_permission = "campaigns.export_stats"
    list_display = (
        "name", "state_badge", "kind", "provider", "of_recipients", "of_queued", "of_waiting", "of_excluded",
        "begun",
    )  # fmt: skip
    list_select_related = ("provider",)
    list_filter = (
        choice_filter("state", State.choices),
        choice_filter("kind", Broadcast.Kind.choices, title="type"),
        ProviderFilter,
    )
    list_filter_submit = True
    list_fullwidth = True
    search_fields = ("name",)
    search_help_text = "Name"
    actions = None
    empty_title = "No broadcast yet"
    empty_text = (
        "A broadcast is a campaign that Waypost itself sends, to its own contacts. Add one: it is written "
        "step by step, and nothing is sent before you launch it. Campaigns that CleverTap sends are under "
        "Campaigns."
    )

    def export_rows(self, found: QuerySet[Any], eyes: Eyes) -> Iterator[Row]:
        return exporting.broadcasts(found)

    @column(description="state")
    def state_badge(self, broadcast: Broadcast) -> SafeString:
        return progress.state_badge(broadcast)

    of_recipients = _counter("recipients")
    of_queued = _counter("queued")
    of_waiting = _counter("waiting")
    of_excluded = _counter("excluded")

    @column(description="began")
    def begun(self, broadcast: Broadcast) -> SafeString | None:
        if broadcast.started_at is None and broadcast.state == State.SCHEDULED and broadcast.starts_at:
            return badge(
                f"from {broadcast.starts_at.astimezone(broadcast.tz):%Y-%m-%d %H:%M}", "info", broadcast.zone
            )
        return moment(broadcast.started_at)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only drafts: counts were made from the recipients of the others."""
        deletable = isinstance(obj, Broadcast) and obj.state == State.DRAFT
        return deletable and super().has_delete_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Broadcast]:
        return super().get_queryset(request).select_related("provider", "segment")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("calendar/", wrap(self.calendar_view), name="broadcasts_broadcast_calendar"),
            path("<int:pk>/progress/", wrap(self.progress_view), name="broadcasts_broadcast_progress"),
            path("<int:pk>/do/<str:what>/", wrap(self.do_view), name="broadcasts_broadcast_do"),
            *super().get_urls(),
        ]

    def calendar_view(self, request: HttpRequest) -> HttpResponse:
        """What runs and what is planned, week by week; `view` is week or month, `day` one of its days."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now, zone = timezone.now(), timezone.get_current_timezone()
        view: calendar.View = "month" if request.GET.get("view") == "month" else "week"
        shown = calendar.page(view, _day(request) or timezone.localdate(now), now, zone)
        context = self.admin_site.each_context(request) | shown | {"title": "Calendar", "opts": self.opts}
        return TemplateResponse(request, "broadcasts/calendar.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        broadcast = self._found(request, int(object_id) if object_id.isdecimal() else 0)
        may = self.has_change_permission(request, broadcast)
        if broadcast.state == State.DRAFT and may:
            return redirect(reverse("admin:broadcasts_broadcast_step", args=[broadcast.pk, "review"]))
        context = self.admin_site.each_context(request) | self._progress(request, broadcast)
        context |= {
            "title": broadcast.name,
            "opts": self.opts,
            "summary": [rest for _, *rest in progress.summary(broadcast)],
            "log": _log(broadcast),
        }
        return TemplateResponse(request, "broadcasts/broadcast.html", context)

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The part of the page that refreshes itself."""
        broadcast = self._found(request, pk)
        return render(request, "broadcasts/progress.html", self._progress(request, broadcast))

    def _progress(self, request: HttpRequest, broadcast: Broadcast) -> dict[str, Any]:
        """Where it is, and the buttons that go with it."""
        may = self.has_change_permission(request, broadcast)
        return progress.page(broadcast, request.user.has_perm("campaigns.view_stats")) | {
            "buttons": [(what, label) for what, label in _possible(broadcast) if may],
            "may_test": may and request.user.has_perm("campaigns.change_message"),
        }

    def _found(self, request: HttpRequest, pk: int) -> Broadcast:
        broadcast: Broadcast | None = self.get_queryset(request).filter(pk=pk).first()
        if broadcast is None:
            raise Http404
        if not self.has_view_permission(request, broadcast):
            raise PermissionDenied
        return broadcast

    def do_view(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        """One of the buttons; those that cannot be taken back ask first."""
        broadcast = self._found(request, pk)
        if what not in ACTIONS:
            raise Http404
        allowed = self.has_add_permission(request) if what == "copy" else self.has_change_permission(request)
        if not allowed:
            raise PermissionDenied
        label, _, warning = ACTIONS[what]
        back = page_url("broadcasts_broadcast", broadcast.pk)
        if request.method != "POST" or (warning and "confirmed" not in request.POST):
            text = [warning or f"{label} “{broadcast}”?"]
            return confirm(
                self, request, title=f"{label}: {broadcast}", text=text, button=f"{label} broadcast",
                back=back, danger=what == "cancel",
            )  # fmt: skip
        return self._done(request, broadcast, what)

    def _done(self, request: HttpRequest, broadcast: Broadcast, what: str) -> HttpResponse:
        by = request.user.get_username()
        if what == "copy":
            made = lifecycle.copy(broadcast, by)
            self.log_addition(request, made, f"Copied from {broadcast}.")
            return redirect(page_url("broadcasts_broadcast", made.pk))
        done = {
            "pause": lambda: lifecycle.pause(broadcast, f"Paused by {by}."),
            "resume": lambda: lifecycle.resume(broadcast),
            "end": lambda: lifecycle.end(broadcast),
            "cancel": lambda: lifecycle.cancel(broadcast, f"Cancelled by {by}."),
            "withdraw": lambda: lifecycle.withdraw(broadcast),
        }[what]()
        if done:
            self.log_change(request, broadcast, f"{ACTIONS[what][0]}.", DOINGS[what])
        else:
            self.message_user(
                request, "The broadcast’s state had changed meanwhile. Nothing was done.", messages.WARNING
            )
        return redirect(page_url("broadcasts_broadcast", broadcast.pk))


def _day(request: HttpRequest) -> date | None:
    """The day that is asked for; none where the address has no day, or one that no calendar shows."""
    with suppress(ValueError):
        day = parse_date(request.GET.get("day", ""))
        return day if day and day.year in YEARS else None
    return None


def _possible(broadcast: Broadcast) -> list[tuple[str, str]]:
    return [
        (what, label)
        for what, (label, states, _) in ACTIONS.items()
        if broadcast.state in states and (what != "end" or broadcast.triggered)
    ]


def _log(broadcast: Broadcast) -> list[LogEntry]:
    """What people did to it, the newest first."""
    entries = LogEntry.objects.filter(
        content_type__app_label="broadcasts", content_type__model="broadcast", object_id=str(broadcast.pk)
    )
    return list(entries.filter(action_flag__lte=CHANGE).select_related("user").order_by("-action_time")[:20])
