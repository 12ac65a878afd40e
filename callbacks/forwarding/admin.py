"""CleverTap's URLs as we forward to them, and every call."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import action
from django.db.models import Case, OuterRef, QuerySet, When
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from callbacks.forwarding import forward
from callbacks.models import ForwardCall, Outlet, Reply
from campaigns.models import Event, Forward
from lib import display, phone_masking
from lib.admin import (
    CappedCount,
    LogAdmin,
    SimpleListFilter,
    badge,
    button,
    capped,
    choice_filter,
    column,
    link,
    list_url,
    moment,
)
from lib.listing import Grouping
from providers.list_filters import ProviderFilter


@admin.register(Outlet)
class OutletAdmin(LogAdmin):
    list_display = ("what", "state_now", "failures", "held", "error", "success", "pending", "parked")
    list_select_related = ("provider",)
    list_filter = (ProviderFilter, choice_filter("kind", Outlet.Kind.choices))
    actions = ("retry_selected",)
    actions_detail = ("retry_now",)
    empty_title = "Nothing has been forwarded yet"
    empty_text = (
        "Each CleverTap URL of a provider appears here with its first report or inbound message. The URLs "
        "are set on the provider's page, under Back to CleverTap."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Outlet]:
        def count(model: type[Event] | type[Reply], state: Forward) -> CappedCount:
            return CappedCount(model._default_manager.filter(provider=OuterRef("provider"), forward=state))

        def by_kind(state: Forward) -> Case:
            reports = When(kind=Outlet.Kind.DELIVERY, then=count(Event, state))
            return Case(reports, default=count(Reply, state))

        outlets: QuerySet[Outlet] = super().get_queryset(request)
        return outlets.annotate(n_pending=by_kind(Forward.PENDING), n_parked=by_kind(Forward.PARKED))

    @column(description="outlet")
    def what(self, outlet: Outlet) -> str:
        return f"{outlet.provider}: {outlet.get_kind_display()}"

    @column(description="state")
    def state_now(self, outlet: Outlet) -> SafeString:
        if not _url(outlet):
            return badge("No URL", "warning", "Set it on the provider's page.")
        return (
            badge("Failing", "danger", phone_masking.text(outlet.last_error))
            if outlet.failures
            else badge("Working", "success")
        )

    @column(description="last error")
    def error(self, outlet: Outlet) -> str:
        return phone_masking.text(outlet.last_error)

    @column(description="tried again")
    def held(self, outlet: Outlet) -> SafeString | None:
        if outlet.hold_until is None or outlet.hold_until <= timezone.now():
            return None
        return moment(outlet.hold_until)

    @column(description="last success", empty_value="never")
    def success(self, outlet: Outlet) -> SafeString | None:
        return moment(outlet.last_success_at)

    @column(description="pending")
    def pending(self, outlet: Outlet) -> SafeString:
        return link(_items_url(outlet, Forward.PENDING), capped(outlet.n_pending))  # type: ignore[attr-defined]

    @column(description="parked")
    def parked(self, outlet: Outlet) -> SafeString:
        return link(_items_url(outlet, Forward.PARKED), capped(outlet.n_parked))  # type: ignore[attr-defined]

    def page_context(self, request: HttpRequest, obj: Outlet) -> dict[str, Any]:
        held = obj.hold_until is not None and obj.hold_until > timezone.now()
        return {
            "badge": self.state_now(obj),
            "url": _url(obj),
            "held": held,
            "pending": self.pending(obj),
            "parked": self.parked(obj),
            "calls": list_url("callbacks_forwardcall", provider=obj.provider_id, kind=obj.kind),
        }

    @button("Retry now", permissions=["operate"], icon="forward", path="retry", post=True, variant="primary")
    def retry_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        text = ["Retries now, without the wait after a failure, and includes what was parked."]
        return self.at_once(request, object_id, self.retry_selected, "Retry now", text)

    @action(description="Retry now", permissions=["operate"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Outlet]) -> None:
        for outlet in queryset.select_related("provider"):
            if not _url(outlet):
                what = f"{outlet.provider} has no CleverTap URL for {outlet.get_kind_display()}."
                self.message_user(request, f"{what} Set it on the provider's page.", messages.WARNING)
                continue
            count = forward.retry_outlet(outlet)
            self.log_change(request, outlet, f"Retried now, with {count} that were parked.", "resent")
            text = f"{self.what(outlet)} are retried now, with {count:,} that were parked."
            self.message_user(request, text, messages.SUCCESS)


def _url(outlet: Outlet) -> str:
    provider = outlet.provider
    return provider.delivery_url if outlet.kind == Outlet.Kind.DELIVERY else provider.inbound_url


def _items_url(outlet: Outlet, state: Forward) -> str:
    name = "campaigns_event" if outlet.kind == Outlet.Kind.DELIVERY else "callbacks_reply"
    return list_url(name, provider=outlet.provider_id, forward=state.value)


_LISTED = ("provider", "kind")
UNANSWERED = Grouping("forward_call_unanswered", _LISTED, among="callbacks_forwardcall.status IS NULL")
REFUSED = Grouping(
    "forward_call_refused",
    _LISTED,
    among="(callbacks_forwardcall.status < 200 OR callbacks_forwardcall.status >= 300)",
)


class AnsweredFilter(SimpleListFilter):
    title = "answer"
    parameter_name = "answer"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("taken", "Taken (2xx)"), ("refused", "Refused"), ("none", "No answer")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ForwardCall]) -> QuerySet[ForwardCall]:
        if self.value() == "taken":
            return queryset.filter(status__range=(200, 299))
        few = {"refused": REFUSED, "none": UNANSWERED}.get(self.value() or "")
        return queryset.extra(where=[few.among]) if few else queryset  # noqa: S610


@admin.register(ForwardCall)
class ForwardCallAdmin(LogAdmin):
    list_display = ("started", "provider", "kind", "answered", "milliseconds", "why")
    list_select_related = ("provider",)
    list_defer = ("body", "answer")
    list_filter = (AnsweredFilter, ProviderFilter, choice_filter("kind", Outlet.Kind.choices))
    groupings = (UNANSWERED, REFUSED, Grouping("forward_call_listed", _LISTED))
    empty_title = "CleverTap has not been called yet"
    empty_text = (
        "Every request that brings reports or inbound messages to CleverTap is kept here with its answer."
    )

    @column(description="started")
    def started(self, call: ForwardCall) -> SafeString | None:
        return moment(call.started_at)

    @column(description="error")
    def why(self, call: ForwardCall) -> str:
        return phone_masking.text(call.error)

    @column(description="answer")
    def answered(self, call: ForwardCall) -> SafeString:
        if call.status is None:
            return badge("No answer", "danger", phone_masking.text(call.error))
        return badge(call.status, "success" if 200 <= call.status < 300 else "danger")

    def page_context(self, request: HttpRequest, obj: ForwardCall) -> dict[str, Any]:
        return {
            "badge": self.answered(obj),
            "started": display.clock(obj.started_at),
            "body": phone_masking.text(display.body(obj.body)),
            "answer": phone_masking.text(display.body(obj.answer)),
        }
