"""The message log and the refused requests."""

from datetime import datetime, time
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import action
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_time
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateTimeFilter

from campaigns import admin_campaigns, export, lookup, resend
from campaigns.admin_tests import TestSends, log_of
from campaigns.models import Message, Refusal, Status
from campaigns.pages import message_page, status_badge
from campaigns.timeline import code_words
from lib import pretty, shown
from lib.admin import (
    LogAdmin,
    SimpleListFilter,
    badge,
    button,
    choice_filter,
    column,
    confirm,
    list_url,
    moment,
    page_url,
    user_id,
)
from lib.listing import FEW, Grouping
from providers.admin_filters import ProviderFilter
from providers.messages import AnswerCode, ReportCode

__all__ = ["admin_campaigns"]

EXPORT = "campaigns_message_export"
MANY_FOUND = (
    f"More than {FEW:,} messages begin like this. The list shows those among the newest {FEW:,} that pass "
    "the filters. Type more of it to see the others; an export has them all."
)
RESENDABLE = (Status.FAILED, Status.UNKNOWN)


class ErrorFilter(SimpleListFilter):
    title = "error code"
    parameter_name = "error"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(code.value), code_words(code)) for code in ReportCode]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        if self.value() not in dict(self.lookup_choices):
            return queryset
        found = queryset.filter(status=Status.FAILED, error_code=self.value())
        return found.extra(where=[lookup.BY_CODE.among])  # noqa: S610


class TestFilter(SimpleListFilter):
    title = "test messages"
    parameter_name = "test"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Only tests"), ("no", "Without tests")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        return queryset.filter(untracked=self.value() == "yes") if self.value() else queryset


class AcceptedFilter(RangeDateTimeFilter):  # type: ignore[misc]
    """A date without a time means the whole day."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        return lookup.accepted_between(queryset, self._end("from", time.min), self._end("to", time.max))

    def _end(self, side: str, default: time) -> datetime | None:
        try:
            day = parse_date(self.used_parameters.get(f"accepted_at_{side}_0") or "")
            hour = parse_time(self.used_parameters.get(f"accepted_at_{side}_1") or "")
        except ValueError:
            return None
        return None if day is None else timezone.make_aware(datetime.combine(day, hour or default))


@admin.register(Message)
class MessageAdmin(TestSends, LogAdmin):
    list_display = ("accepted", "number", "what", "provider", "status_now", "reason", "msgid")
    list_select_related = ("provider",)
    list_defer = ("payload", "content", "custom_props", "notes")
    list_filter = (
        choice_filter("status", Status.choices),
        ProviderFilter,
        ErrorFilter,
        choice_filter("kind", Message.Kind.choices),
        TestFilter,
        ("accepted_at", AcceptedFilter),
    )
    groupings = lookup.GROUPINGS
    search_fields = ("msg_id",)  # shows the box; lookup.searched does the work
    search_help_text = "Phone or msgId, or the beginning of either; the BSP's whole id"
    actions = ("resend_selected",)
    actions_detail = ("resend",)
    empty_title = "No message yet"
    empty_text = (
        "Messages appear here as soon as CleverTap posts them. Nothing arrives? Copy the message endpoint "
        "and the credentials from the provider's page into CleverTap, and look under Refused requests."
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        if not search_term.strip():
            return queryset, False
        if request.resolver_match and request.resolver_match.url_name == EXPORT:
            return lookup.search(queryset, search_term), False
        found, some_missing = lookup.searched(queryset, search_term)
        if some_missing:
            self.message_user(request, MANY_FOUND, messages.WARNING)
        return found, False

    # Columns

    @column(description="accepted")
    def accepted(self, message: Message) -> SafeString | None:
        return moment(message.accepted_at)

    @column(description="to")
    def number(self, message: Message) -> str:
        return shown.number(message.to)

    @column(description="msgId")
    def msgid(self, message: Message) -> str:
        return message.msg_id

    @column(description="message")
    def what(self, message: Message) -> SafeString:
        test = badge("Test") if message.untracked else ""
        return format_html("{} {}", message.template or "Freeform", test)

    @column(description="status")
    def status_now(self, message: Message) -> SafeString:
        return status_badge(message)

    @column(description="reason", empty_value="")
    def reason(self, message: Message) -> SafeString | None:
        if not (message.error_code or message.error_text):
            return None
        text = shown.text(f"{message.error_code or ''} {message.error_text}".strip())
        return format_html('<span title="{}">{}</span>', text, text[:60] + "…" * (len(text) > 60))

    # The page

    def page_context(self, request: HttpRequest, obj: Message) -> dict[str, Any]:
        may_retry = request.user.has_perm("campaigns.change_event")
        return message_page(obj, log_of(obj)) | {"may_retry": may_retry}

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        message = self.get_object(request, unquote(str(object_id)))
        if message is None or message.status not in RESENDABLE:
            return []
        return super().get_actions_detail(request, object_id)  # type: ignore[misc,no-any-return]

    @button("Resend", permissions=["operate"], icon="redo", variant="primary")
    def resend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        message = self.get_object(request, unquote(object_id))
        if message is None:
            raise Http404
        back = page_url("campaigns_message", message.pk)
        if request.method == "POST":
            sent = resend.run(Message.objects.filter(pk=message.pk), user_id(request))
            if sent:
                self.message_user(request, f"Queued again.{_waits(message)}", messages.SUCCESS)
            else:
                self.message_user(
                    request, "Not sent again: it is no longer failed or unknown.", messages.WARNING
                )
            return redirect(back)
        if message.status == Status.UNKNOWN:
            text = [
                "It left us, but no answer came, so it may have been delivered. Sent again, the person may "
                "get it twice. If a delivery report comes in meanwhile, it settles the question by itself."
            ]
        elif message.status == Status.FAILED:
            text = [
                shown.text(f"It failed: {message.error_text or 'no reason was given'}"),
                "It is queued as a new attempt.",
            ]
        else:
            text = [
                f"It is {Status(message.status).label.lower()}; only failed and unknown ones are sent again."
            ]
        return confirm(
            self, request, title=f"Send {message} again", text=text, button="Resend", back=back,
            danger=message.status == Status.UNKNOWN, possible=message.status in RESENDABLE,
        )  # fmt: skip

    @action(description="Resend failed or unknown", permissions=["operate"])
    def resend_selected(self, request: HttpRequest, queryset: QuerySet[Message]) -> HttpResponse | None:
        if request.POST.get("confirmed"):
            sent = resend.run(queryset, user_id(request))
            level = messages.SUCCESS if sent else messages.WARNING
            self.message_user(request, f"{sent:,} queued again." if sent else "Nothing to send again.", level)
            return None
        count = resend.tally(queryset)
        text = [f"{count.failed:,} failed will be sent again."]
        if count.unknown:
            text.append(
                f"{count.unknown:,} unknown will be sent again. They left us without an answer and may have "
                "been delivered: those people may get the message twice."
            )
        if count.others:
            text.append(f"{count.others:,} skipped: they are neither failed nor unknown.")
        hidden = [("action", "resend_selected"), ("select_across", request.POST.get("select_across", "0"))]
        hidden += [(ACTION_CHECKBOX_NAME, pk) for pk in request.POST.getlist(ACTION_CHECKBOX_NAME)]
        return confirm(
            self, request, title="Resend failed or unknown messages", text=text, button="Resend",
            back=request.get_full_path(), hidden=hidden, danger=bool(count.unknown),
            possible=bool(count.failed or count.unknown),
        )  # fmt: skip

    # Export

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/", view, name=EXPORT), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """What the list shows under its present search and filters, as CSV."""
        if not (self.has_view_permission(request) and request.user.has_perm("campaigns.export_stats")):
            raise PermissionDenied
        found = self.get_changelist_instance(request).get_queryset(request)
        lines = export.rows(found, shown.eyes())
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="messages-{timezone.localdate()}.csv"'
        return response


def _waits(message: Message) -> str:
    provider = message.provider
    return f" {provider} is paused; it goes out when that is resumed." if provider.state == "paused" else ""


def answer_words(code: int) -> str:
    known = code in AnswerCode.__members__.values()
    return f"{code} {AnswerCode(code).name.replace('_', ' ').lower()}" if known else str(code)


@admin.register(Refusal)
class RefusalAdmin(LogAdmin):
    list_display = ("received", "provider", "code_badge", "why", "number", "msg_id")
    list_select_related = ("provider",)
    list_defer = ("payload",)
    list_filter = (
        choice_filter("code", [(code.value, answer_words(code)) for code in AnswerCode]),
        ProviderFilter,
    )
    groupings = (Grouping("refusal_by_provider", ("provider", "code")),)
    search_fields = ("msg_id__startswith", "to_raw__startswith", "text__icontains")
    search_help_text = (
        "By the beginning of the msgId or of the number as CleverTap wrote it, or words of the reason."
    )
    empty_title = "Nothing was refused"
    empty_text = (
        "When CleverTap posts a message that cannot be sent, it is told so at once, with a code from 2000 to "
        "2004. The request and the reason are kept here."
    )

    @column(description="received")
    def received(self, refusal: Refusal) -> SafeString | None:
        return moment(refusal.received_at)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Who may not see numbers does not find them out by their beginnings, either."""
        return self.search_fields if shown.eyes().whole else ("msg_id__startswith", "to_raw__exact")

    @column(description="reason")
    def why(self, refusal: Refusal) -> str:
        return shown.text(refusal.text)

    @column(description="to")
    def number(self, refusal: Refusal) -> str:
        return shown.number(refusal.to_raw)

    @column(description="code")
    def code_badge(self, refusal: Refusal) -> SafeString:
        return badge(answer_words(refusal.code), "danger")

    def page_context(self, request: HttpRequest, obj: Refusal) -> dict[str, Any]:
        return {
            "words": answer_words(obj.code),
            "payload": shown.text(pretty.body(obj.payload)),
            "messages_url": list_url("campaigns_message", q=obj.msg_id) if obj.msg_id else "",
        }
