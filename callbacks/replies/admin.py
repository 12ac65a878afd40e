"""What people write, and how far it got on its way to CleverTap."""

from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Any

import msgspec
from django.contrib import admin
from django.contrib.admin import action
from django.contrib.admin.utils import unquote
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from callbacks.forwarding import forward, reports_admin
from callbacks.media import signed_urls
from callbacks.models import Media, Reply
from callbacks.replies import export
from campaigns.models import Forward
from identities import known
from lib import display, phone, phone_masking
from lib.admin import (
    LogAdmin,
    button,
    choice_filter,
    column,
    link,
    moment,
    page_url,
)
from lib.exported import ExportedAdmin
from lib.listing import Grouping, found_first
from lib.phone_masking import Eyes
from lib.sheets import Row
from providers.list_filters import ProviderFilter
from providers.messages import Reply as Inbound
from providers.models import Provider


@admin.register(Reply)
class ReplyAdmin(ExportedAdmin, LogAdmin):
    export_name = "inbound"
    export_permission = "campaigns.export_stats"
    list_display = ("received", "provider", "number", "kind", "short_text", "forward_state")
    list_select_related = ("provider",)
    list_defer = ("content",)
    list_filter = (
        choice_filter("forward", Forward.choices, title="forwarding"),
        ProviderFilter,
        choice_filter("kind", [(kind, kind) for kind in Inbound.__annotations__["kind"].__args__]),
    )
    groupings = (Grouping("reply_listed", ("provider", "forward", "kind")),)
    search_fields = ("sender",)  # shows the box
    search_help_text = "Phone or its beginning; a whole user id or username; the BSP's whole id"
    actions = ("retry_selected",)
    actions_detail = ("retry",)
    empty_title = "No inbound message yet"
    empty_text = "What people write to a WABA number appears here once the BSP's webhooks arrive."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Reply], search_term: str
    ) -> tuple[QuerySet[Reply], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        providers = list(Provider.objects.values_list("pk", flat=True))
        by_id = Q(provider_id__in=providers, bsp_id=term)
        digits = phone.typed(term)
        by_sender = phone_masking.found("sender", digits) if digits else []
        names = known.who(term)
        by_user_id = ~Q(user_id="") & Q(user_id__in=names)
        found = found_first(
            queryset,
            Reply.objects.filter(by_id).order_by(),
            *(Reply.objects.filter(each).order_by("sender") for each in by_sender),
            *(Reply.objects.filter(each).order_by() for each in (Q(sender__in=names), by_user_id) if names),
        )
        if found is not None:
            return found, False
        ways = [*by_sender, Q(sender__in=names), by_user_id] if names else by_sender
        return queryset.filter(reduce(or_, ways, by_id)), False

    def export_rows(self, found: QuerySet[Reply], eyes: Eyes) -> Iterator[Row]:
        return export.rows(found, eyes)

    @column(description="received")
    def received(self, reply: Reply) -> SafeString | None:
        return moment(reply.received_at)

    @column(description="sender")
    def number(self, reply: Reply) -> str:
        return phone_masking.number(reply.sender or reply.user_id)

    @column(description="text")
    def short_text(self, reply: Reply) -> str | None:
        text = phone_masking.text(reply.text)
        return text[:80] + "…" * (len(text) > 80) or None

    @column(description="forwarding")
    def forward_state(self, reply: Reply) -> SafeString:
        return reports_admin.forward_badge(reply)

    def page_context(self, request: HttpRequest, obj: Reply) -> dict[str, Any]:
        try:
            inbound = msgspec.json.decode(obj.content, type=Inbound)
        except msgspec.MsgspecError:
            inbound = None
        answers = obj.answers
        return {
            "badge": reports_admin.forward_badge(obj),
            "inbound": inbound,
            "stored": Media.objects.filter(reply=obj).first(),
            "media_url": signed_urls.url(obj.pk),
            "answers": link(page_url("campaigns_message", answers.pk), answers) if answers else "",
            "content_json": phone_masking.text(display.body(obj.content)),
        }

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        reply = self.get_object(request, unquote(str(object_id)))
        if reply is None or reply.forward not in forward.OPEN:
            return []
        return super().get_actions_detail(request, object_id)  # type: ignore[misc,no-any-return]

    @button("Retry forwarding", permissions=["operate"], icon="forward", post=True, variant="primary")
    def retry(self, request: HttpRequest, object_id: str) -> HttpResponse:
        text = ["Posts it to CleverTap again now."]
        return self.at_once(request, object_id, self.retry_selected, "Retry forwarding", text)

    @action(description="Retry forwarding", permissions=["operate"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Reply]) -> None:
        reports_admin.retry(self, request, queryset)
