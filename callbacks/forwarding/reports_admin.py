"""Delivery reports on their way to CleverTap, above all those that it did not accept."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import action
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts import trail
from accounts.trail import What
from callbacks.forwarding import forward
from callbacks.models import Reply
from campaigns.admin import MessageAdmin
from campaigns.log.timeline import code_words
from campaigns.models import Event, Forward, Message
from lib import phone_masking
from lib.admin import LogAdmin, ModelAdmin, Tone, badge, choice_filter, column, link, moment, page_url
from lib.listing import Grouping
from providers.list_filters import ProviderFilter
from providers.models import Provider

_TONES: dict[int, Tone] = {
    Forward.PENDING: "info",
    Forward.DONE: "success",
    Forward.PARKED: "danger",
    Forward.NO_NUMBER: "warning",
}


def forward_badge(item: Event | Reply) -> SafeString:
    return badge(
        Forward(item.forward).label, _TONES.get(item.forward, ""), phone_masking.text(item.forward_error)
    )


def retry(page: ModelAdmin, request: HttpRequest, items: QuerySet[Any]) -> None:
    """Puts those of the items that are pending or parked back in the queue, and says how many."""
    owed = items.filter(forward__in=forward.OPEN).order_by("pk")
    count, last = 0, 0
    while ids := list(owed.filter(pk__gt=last).values_list("pk", flat=True)[: forward.RETRIED_AT_ONCE]):
        last = ids[-1]
        count += forward.retry(events=ids) if items.model is Event else forward.retry(replies=ids)
    if count:
        trail.note(request, What.RESENT, str(items.model._meta.verbose_name_plural), rows=count)
        page.message_user(request, f"{count:,} will be forwarded now.", messages.SUCCESS)
    else:
        page.message_user(request, "Nothing to retry: it is forwarded already.", messages.WARNING)


# The indexes on what is owed to CleverTap.
PENDING = Grouping("event_pending", ("provider",), among="campaigns_event.forward = 1")
PARKED = Grouping("event_parked", ("provider",), among="campaigns_event.forward = 3")
_WORDS = {"1": PENDING.among, "3": PARKED.among}


_OF_REPORTS = [choice for choice in Forward.choices if choice[0] != Forward.NO_NUMBER]


class OwedFilter(choice_filter("forward", _OF_REPORTS, title="forwarding", spelled=_WORDS)):  # type: ignore[misc]
    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        found: QuerySet[Event] = super().queryset(request, queryset)
        if self.value() in ("1", "3"):
            # The indexes on what is owed begin with the provider.
            found = found.filter(provider_id__in=list(Provider.objects.values_list("pk", flat=True)))
        return found


@admin.register(Event)
class EventAdmin(LogAdmin):
    """Delivery reports, above all those that CleverTap did not accept. A report opens its message's page."""

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
    )
    groupings = (PENDING, PARKED)
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
        return phone_masking.number(event.message.to)

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
        text = phone_masking.text(event.forward_error)
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
            self.log_change(
                request, Message.objects.get(pk=message_id), f"Retried {count} forwards.", "resent"
            )
        self.message_user(request, f"{count} will be forwarded now.", messages.SUCCESS)
        return redirect(page_url("campaigns_message", message_id))
