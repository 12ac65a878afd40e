"""What goes on to CleverTap: its URLs, the calls to them, and the reports it did not take."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import action
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Case, OuterRef, Q, QuerySet, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from callbacks import forward
from callbacks.models import ForwardCall, Outlet, Reply
from campaigns.admin import MessageAdmin
from campaigns.models import Event, Forward, Message
from campaigns.timeline import code_words
from lib import pretty
from lib.admin import (
    CappedCount,
    LogAdmin,
    ModelAdmin,
    SimpleListFilter,
    Tone,
    badge,
    button,
    capped,
    choice_filter,
    column,
    link,
    list_url,
    moment,
    page_url,
)
from providers.admin_filters import ProviderFilter
from providers.models import Provider

_TONES: dict[int, Tone] = {Forward.PENDING: "info", Forward.DONE: "success", Forward.PARKED: "danger"}


def forward_badge(item: Event | Reply) -> SafeString:
    return badge(Forward(item.forward).label, _TONES.get(item.forward, ""), item.forward_error)


def retry(page: ModelAdmin, request: HttpRequest, items: QuerySet[Any]) -> None:
    """Puts what is pending or parked among the items back in the queue, and says how much."""
    owed = items.filter(forward__in=(Forward.PENDING, Forward.PARKED)).order_by("pk")
    count, last = 0, 0
    while ids := list(owed.filter(pk__gt=last).values_list("pk", flat=True)[: forward.RETRIED_AT_ONCE]):
        last = ids[-1]
        count += forward.retry(events=ids) if items.model is Event else forward.retry(replies=ids)
    if count:
        page.message_user(request, f"{count:,} will be forwarded at once.", messages.SUCCESS)
    else:
        page.message_user(request, "Nothing to retry: it has been forwarded already.", messages.WARNING)


@admin.register(Outlet)
class OutletAdmin(LogAdmin):
    list_display = ("what", "state_now", "failures", "held", "last_error", "success", "pending", "parked")
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
            badge("Failing", "danger", outlet.last_error) if outlet.failures else badge("Working", "success")
        )

    @column(description="tried again", empty_value="-")
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
        text = ["Ends the break after a failure, and puts back what was parked."]
        return self.at_once(request, object_id, self.retry_selected, "Retry now", text)

    @action(description="Retry now", permissions=["operate"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Outlet]) -> None:
        for outlet in queryset.select_related("provider"):
            if not _url(outlet):
                what = f"{outlet.provider} has no CleverTap URL for {outlet.get_kind_display()}."
                self.message_user(request, f"{what} Set it on the provider's page.", messages.WARNING)
                continue
            count = forward.retry_outlet(outlet)
            self.log_change(request, outlet, f"Retried now; {count} parked put back.")
            text = f"{self.what(outlet)} are tried at once. {count:,} that were parked are among them."
            self.message_user(request, text, messages.SUCCESS)


def _url(outlet: Outlet) -> str:
    provider = outlet.provider
    return provider.delivery_url if outlet.kind == Outlet.Kind.DELIVERY else provider.inbound_url


def _items_url(outlet: Outlet, state: Forward) -> str:
    name = "campaigns_event" if outlet.kind == Outlet.Kind.DELIVERY else "callbacks_reply"
    return list_url(name, provider=outlet.provider_id, forward=state.value)


class AnsweredFilter(SimpleListFilter):
    title = "answer"
    parameter_name = "answer"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("taken", "Taken (2xx)"), ("refused", "Refused"), ("none", "No answer")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ForwardCall]) -> QuerySet[ForwardCall]:
        taken = Q(status__gte=200, status__lt=300)
        wanted = {"taken": taken, "refused": Q(status__isnull=False) & ~taken, "none": Q(status=None)}
        return queryset.filter(wanted.get(self.value() or "", Q()))


@admin.register(ForwardCall)
class ForwardCallAdmin(LogAdmin):
    list_display = ("started", "provider", "kind", "answered", "milliseconds", "error")
    list_select_related = ("provider",)
    list_defer = ("body", "answer")
    list_filter = (AnsweredFilter, ProviderFilter, choice_filter("kind", Outlet.Kind.choices))
    empty_title = "CleverTap has not been called yet"
    empty_text = (
        "Every request that brings reports or inbound messages to CleverTap is kept here with its answer."
    )

    @column(description="started")
    def started(self, call: ForwardCall) -> SafeString | None:
        return moment(call.started_at)

    @column(description="answer")
    def answered(self, call: ForwardCall) -> SafeString:
        if call.status is None:
            return badge("No answer", "danger", call.error)
        return badge(call.status, "success" if 200 <= call.status < 300 else "danger")

    def page_context(self, request: HttpRequest, obj: ForwardCall) -> dict[str, Any]:
        return {
            "badge": self.answered(obj),
            "started": pretty.clock(obj.started_at),
            "body": pretty.body(obj.body),
            "answer": pretty.body(obj.answer),
        }


class OwedFilter(choice_filter("forward", Forward.choices, title="forwarding")):  # type: ignore[misc]
    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        found: QuerySet[Event] = super().queryset(request, queryset)
        if self.value() in ("1", "3"):
            # The indexes on what is owed begin with the provider.
            found = found.filter(provider_id__in=list(Provider.objects.values_list("pk", flat=True)))
        return found


@admin.register(Event)
class EventAdmin(LogAdmin):
    """Delivery reports, above all those that CleverTap did not take. Their page is their message's."""

    list_display = (
        "received",
        "kind_badge",
        "message_link",
        "to",
        "provider",
        "code",
        "state_now",
        "tries",
        "error",
        "call",
    )
    list_display_links = None
    list_select_related = ("provider", "message")
    list_defer = ("user_agent", "url", *(f"message__{name}" for name in MessageAdmin.list_defer))
    list_filter = (
        OwedFilter,
        ProviderFilter,
        choice_filter("kind", Event.Kind.choices),
    )  # fmt: skip
    actions = ("retry_selected",)
    empty_title = "No delivery report yet"
    empty_text = (
        "Delivery reports appear here as BSPs send them, with how far they got on their way to CleverTap."
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        parked = request.GET.get("forward") == str(Forward.PARKED.value)
        title = {"title": "Parked reports" if parked else "Delivery reports"}
        return super().changelist_view(request, title | (extra_context or {}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        event = self.get_object(request, unquote(object_id))
        if event is None or not self.has_view_permission(request, event):
            raise PermissionDenied
        return redirect(page_url("campaigns_message", event.message_id))

    @column(description="received")
    def received(self, event: Event) -> SafeString | None:
        return moment(event.received_at)

    @column(description="report")
    def kind_badge(self, event: Event) -> SafeString:
        return badge(event.get_kind_display(), "danger" if event.kind == Event.Kind.FAILED else "")

    @column(description="message")
    def message_link(self, event: Event) -> SafeString:
        return link(page_url("campaigns_message", event.message_id), event.message.msg_id)

    @column(description="to")
    def to(self, event: Event) -> str:
        return event.message.to

    @column(description="code", empty_value="")
    def code(self, event: Event) -> str | None:
        return code_words(event.code) or None

    @column(description="forwarding")
    def state_now(self, event: Event) -> SafeString:
        return forward_badge(event)

    @column(description="tries")
    def tries(self, event: Event) -> int:
        return event.forward_attempts

    @column(description="error", empty_value="")
    def error(self, event: Event) -> SafeString | None:
        text = event.forward_error
        return (
            format_html('<span title="{}">{}</span>', text, text[:60] + "…" * (len(text) > 60))
            if text
            else None
        )

    @column(description="call", empty_value="")
    def call(self, event: Event) -> SafeString | None:
        return (
            link(page_url("callbacks_forwardcall", event.forward_log), "answer")
            if event.forward_log
            else None
        )

    @action(description="Retry now", permissions=["operate"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Event]) -> None:
        retry(self, request, queryset)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.retry_message_view)
        return [path("of/<int:message_id>/retry/", view, name="callbacks_retry_message"), *super().get_urls()]

    def retry_message_view(self, request: HttpRequest, message_id: int) -> HttpResponse:
        """Everything of one message that CleverTap is still owed: reports, and answers to it."""
        if request.method != "POST" or not self.has_operate_permission(request):
            raise PermissionDenied
        owed = Q(forward__in=(Forward.PENDING, Forward.PARKED))
        events = Event.objects.filter(owed, message=message_id).values_list("pk", flat=True)
        replies = Reply.objects.filter(owed, answers=message_id).values_list("pk", flat=True)
        count = forward.retry(events, replies)
        if count:
            self.log_change(request, Message.objects.get(pk=message_id), f"Retried {count} forwards.")
        self.message_user(request, f"{count} will be forwarded at once.", messages.SUCCESS)
        return redirect(page_url("campaigns_message", message_id))
