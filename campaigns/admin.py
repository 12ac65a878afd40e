"""The message log."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import action
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_time
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateTimeFilter

from accounts import trail
from accounts.trail import What
from campaigns import campaigns_admin, refusals_admin
from campaigns.log import export, search
from campaigns.log.message_page import message_page, status_badge
from campaigns.log.named import BspCodeFilter, CampaignFilter, TemplateFilter, VariantFilter
from campaigns.log.sample_admin import SampleSends, log_of
from campaigns.log.timeline import code_words, said_once
from campaigns.models import Message, Status
from campaigns.sending import resend
from lib import phone_masking
from lib.admin import (
    LogAdmin,
    SimpleListFilter,
    badge,
    button,
    choice_filter,
    column,
    confirm,
    copied,
    moment,
    page_url,
    user_id,
)
from lib.exported import ExportedAdmin
from lib.listing import FEW
from lib.phone_masking import Eyes
from lib.sheets import Row
from providers.list_filters import ProviderFilter
from providers.messages import ReportCode

__all__ = ["campaigns_admin", "refusals_admin"]

EXPORTS = ("campaigns_message_export", "campaigns_message_export_xlsx")
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
        return found.extra(where=[search.BY_CODE.among])  # noqa: S610


class UntrackedFilter(SimpleListFilter):
    title = "test messages"
    parameter_name = "test"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Only tests"), ("no", "Without tests")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        return queryset.filter(untracked=self.value() == "yes") if self.value() else queryset


class AcceptedFilter(RangeDateTimeFilter):  # type: ignore[misc]
    """A date without a time means the whole day."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        return search.accepted_between(queryset, self._end("from", time.min), self._end("to", time.max))

    def _end(self, side: str, default: time) -> datetime | None:
        try:
            day = parse_date(self.used_parameters.get(f"{self.field_path}_{side}_0") or "")
            hour = parse_time(self.used_parameters.get(f"{self.field_path}_{side}_1") or "")
        except ValueError:
            return None
        return None if day is None else timezone.make_aware(datetime.combine(day, hour or default))


class FailedFilter(AcceptedFilter):
    """By the time of the message's last failure, from the first second to the end of the last one."""

    def __init__(self, *args: Any, field_path: str) -> None:
        super().__init__(*args, field_path="failed_at")  # no column, but the name of its parameters
        self.title = "failed"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        start, end = self._end("from", time.min), self._end("to", time(23, 59, 59))
        if start is None and end is None:
            return queryset
        return search.failed_between(queryset, start, end and end + timedelta(seconds=1))


@admin.register(Message)
class MessageAdmin(SampleSends, ExportedAdmin, LogAdmin):
    export_name = "messages"
    export_permission = "campaigns.export_stats"
    list_display = ("accepted", "number", "what", "provider", "status_now", "reason", "msgid")
    list_select_related = ("provider",)
    list_defer = ("payload", "content", "custom_props", "notes")
    list_filter = (
        choice_filter("status", Status.choices),
        ProviderFilter,
        CampaignFilter,
        VariantFilter,
        TemplateFilter,
        ErrorFilter,
        BspCodeFilter,
        choice_filter("kind", Message.Kind.choices),
        UntrackedFilter,
        ("accepted_at", AcceptedFilter),
        ("accepted_at", FailedFilter),
    )
    groupings = search.GROUPINGS
    search_fields = ("msg_id",)  # shows the box; log.search does the work
    search_help_text = "Phone or msgId, or the beginning of either; a whole BSP id, user id or username"
    actions = ("resend_selected",)
    actions_detail = ("resend",)
    empty_title = "No message yet"
    empty_text = (
        "Messages appear here as soon as CleverTap posts them. Nothing arrives? Copy the message endpoint "
        "and the credentials from the provider's page into CleverTap, and look under Refused requests."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        found = super().get_queryset(request)
        shown = request.resolver_match and request.resolver_match.url_name == "campaigns_message_change"
        return found.select_related("provider", "pricing") if shown else found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        if not search_term.strip():
            return queryset, False
        if request.resolver_match and request.resolver_match.url_name in EXPORTS:
            return search.search(queryset, search_term), False
        found, some_missing = search.searched(queryset, search_term)
        if some_missing:
            self.message_user(request, MANY_FOUND, messages.WARNING)
        return found, False

    def export_rows(self, found: QuerySet[Any], eyes: Eyes) -> Iterator[Row]:
        return export.rows(found, eyes)

    # Columns

    @column(description="accepted")
    def accepted(self, message: Message) -> SafeString | None:
        return moment(message.accepted_at)

    @column(description="to")
    def number(self, message: Message) -> str:
        return phone_masking.number(message.to)

    @column(description="msgId")
    def msgid(self, message: Message) -> SafeString:
        return copied(f"msgid-{message.pk}", message.msg_id)

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
        code = code_words(message.error_code)
        text = phone_masking.text(f"{code}: {said_once(message.error_text)}".strip(": "))
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
                trail.note(request, What.RESENT, message)
                self.message_user(request, f"Queued again.{_waits(message)}", messages.SUCCESS)
            else:
                self.message_user(request, "Not resent: it is no longer failed or unknown.", messages.WARNING)
            return redirect(back)
        if message.status == Status.UNKNOWN:
            text = [
                "It left Waypost, but no answer came, so it may have been delivered. If you resend it, the "
                "person may get it twice. If a delivery report comes first, that settles the question."
            ]
        elif message.status == Status.FAILED:
            text = [
                phone_masking.text(f"It failed: {said_once(message.error_text) or 'no reason was given'}"),
                "It is queued as a new attempt.",
            ]
        else:
            text = [
                f"It is {Status(message.status).label.lower()}; only failed and unknown messages can "
                "be resent."
            ]
        return confirm(
            self, request, title=f"Send {message} again", text=text, button="Resend", back=back,
            danger=message.status == Status.UNKNOWN, possible=message.status in RESENDABLE,
        )  # fmt: skip

    @action(description="Resend failed or unknown", permissions=["operate"])
    def resend_selected(self, request: HttpRequest, queryset: QuerySet[Message]) -> HttpResponse | None:
        if request.POST.get("confirmed"):
            sent = resend.run(queryset, user_id(request))
            trail.note(request, What.RESENT, "messages", filter=request.GET.dict(), rows=sent)
            level = messages.SUCCESS if sent else messages.WARNING
            self.message_user(request, f"{sent:,} queued again." if sent else "Nothing to resend.", level)
            return None
        count = resend.tally(queryset)
        text = [f"{count.failed:,} failed will be resent."]
        if count.unknown:
            text.append(
                f"{count.unknown:,} unknown will be resent. They left Waypost, but no answer came, "
                "so they may "
                "have been delivered: those people may get the message twice."
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


def _waits(message: Message) -> str:
    provider = message.provider
    return f" {provider} is paused; Resume sends the message." if provider.state == "paused" else ""
