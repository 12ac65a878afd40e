"""The requests that were refused: what CleverTap posted, and why it cannot be sent."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from campaigns.models import Refusal
from lib import display, phone_masking
from lib.admin import LogAdmin, badge, choice_filter, column, list_url, moment
from lib.listing import Grouping
from providers.list_filters import ProviderFilter
from providers.messages import AnswerCode


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
    search_help_text = "Beginning of the msgId or of the number as CleverTap wrote it; words of the reason"
    empty_title = "Nothing was refused"
    empty_text = (
        "When CleverTap posts a message that cannot be sent, Waypost refuses it immediately, with a code "
        "from 2000 to 2004. The request and the reason are kept here."
    )

    @column(description="received")
    def received(self, refusal: Refusal) -> SafeString | None:
        return moment(refusal.received_at)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """People who may not see numbers cannot search by a beginning, which would give the number away."""
        return self.search_fields if phone_masking.eyes().whole else ("msg_id__startswith", "to_raw__exact")

    @column(description="reason")
    def why(self, refusal: Refusal) -> str:
        return phone_masking.text(refusal.text)

    @column(description="to")
    def number(self, refusal: Refusal) -> str:
        return phone_masking.number(refusal.to_raw)

    @column(description="code")
    def code_badge(self, refusal: Refusal) -> SafeString:
        return badge(answer_words(refusal.code), "danger")

    def page_context(self, request: HttpRequest, obj: Refusal) -> dict[str, Any]:
        return {
            "words": answer_words(obj.code),
            "payload": phone_masking.text(display.body(obj.payload)),
            "messages_url": list_url("campaigns_message", q=obj.msg_id) if obj.msg_id else "",
        }
