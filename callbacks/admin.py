"""What came in from BSPs: the raw webhooks, and people's messages."""

from typing import Any

import msgspec
from django.contrib import admin, messages
from django.contrib.admin import action
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from callbacks import admin_forwarding, admin_reports, ingest, media
from callbacks.models import Media, Reply, Webhook
from campaigns.models import Forward
from lib import phone, pretty, shown
from lib.admin import (
    LogAdmin,
    Tone,
    badge,
    button,
    choice_filter,
    column,
    link,
    moment,
    page_url,
    user_id,
)
from lib.http import HttpRequest as Incoming
from lib.listing import Grouping, found_first
from lib.redact import redact_request
from providers.admin_filters import ProviderFilter
from providers.messages import Reply as Inbound
from providers.models import Provider

__all__ = ["admin_forwarding", "admin_reports"]

CHUNK = 1000
_STATES: dict[int, Tone] = {
    Webhook.State.PENDING: "info",
    Webhook.State.WAITING: "info",
    Webhook.State.DONE: "success",
    Webhook.State.UNMATCHED: "warning",
    Webhook.State.QUARANTINED: "danger",
}
_MEANINGS: dict[int, str] = {
    Webhook.State.PENDING: "It is stored and about to be read.",
    Webhook.State.WAITING: "It reports on a message that is not known yet. It is looked at again for hours.",
    Webhook.State.DONE: "It was read.",
    Webhook.State.UNMATCHED: "It reports on a message that was not sent through this provider, or was sent "
    "from elsewhere. If the message has turned up since, read it again.",
    Webhook.State.QUARANTINED: "It could not be read, so nothing of it was used. After a fix, read it again.",
}


def state_badge(webhook: Webhook) -> SafeString:
    words = "waiting" if webhook.state == Webhook.State.WAITING else webhook.get_state_display()
    return badge(words, _STATES.get(webhook.state, ""), _MEANINGS.get(webhook.state, ""))


@admin.register(Webhook)
class WebhookAdmin(LogAdmin):
    list_display = ("received", "provider", "source", "state_now", "found", "attempts")
    list_select_related = ("provider",)
    list_defer = ("body", "headers")
    list_filter = (
        choice_filter("state", Webhook.State.choices),
        ProviderFilter,
        choice_filter("source", Webhook.Source.choices),
    )
    groupings = (Grouping("webhook_listed", ("provider", "state", "source")),)
    actions = ("read_again_selected",)
    actions_detail = ("read_again",)
    empty_title = "No webhook yet"
    empty_text = (
        "Every callback of a BSP is kept here as it came. Nothing arrives? Copy the BSP webhook URL from the "
        "provider's page into the BSP's dashboard, and make sure that it can reach this address."
    )

    @column(description="received")
    def received(self, webhook: Webhook) -> SafeString | None:
        return moment(webhook.received_at)

    @column(description="state")
    def state_now(self, webhook: Webhook) -> SafeString:
        return state_badge(webhook)

    @column(description="summary", empty_value="-")
    def found(self, webhook: Webhook) -> str | None:
        return shown.text(webhook.summary) or None

    def page_context(self, request: HttpRequest, obj: Webhook) -> dict[str, Any]:
        received = _redacted(obj)
        return {
            "badge": state_badge(obj),
            "meaning": _MEANINGS.get(obj.state, ""),
            "url": shown.text(received.url),
            "headers": {name: shown.text(value) for name, value in received.headers.items()},
            "body": shown.text(pretty.body(received.body)),
            "size": len(obj.body),
            "may_download": shown.eyes().whole,
        }

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        webhook = self.get_object(request, unquote(str(object_id)))
        if webhook is None or webhook.state not in (Webhook.State.UNMATCHED, Webhook.State.QUARANTINED):
            return []
        return super().get_actions_detail(request, object_id)  # type: ignore[misc,no-any-return]

    @button(
        "Read again", permissions=["operate"], icon="replay", path="read-again", post=True, variant="primary"
    )
    def read_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        text = ["Reads it once more, as it was stored."]
        return self.at_once(request, object_id, self.read_again_selected, "Read again", text)

    @action(description="Read again", permissions=["operate"])
    def read_again_selected(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        wanted = queryset.filter(state__in=(Webhook.State.UNMATCHED, Webhook.State.QUARANTINED))
        wanted = wanted.select_related(None).only("pk").order_by("pk")
        count, last = 0, 0
        while chunk := list(wanted.filter(pk__gt=last)[:CHUNK]):
            last = chunk[-1].pk
            count += ingest.replay([webhook.pk for webhook in chunk])
            LogEntry.objects.log_actions(user_id(request), chunk, CHANGE, "Read again.")
        if count:
            self.message_user(request, f"{count:,} will be read again.", messages.SUCCESS)
        else:
            text = "Nothing to read again: only quarantined and unmatched ones are."
            self.message_user(request, text, messages.WARNING)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.raw_view)
        return [path("<int:pk>/raw/", view, name="callbacks_webhook_raw"), *super().get_urls()]

    def raw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The body, byte for byte, for those who may see the numbers in it."""
        if not self.has_view_permission(request) or not shown.eyes().whole:
            raise PermissionDenied
        webhook = self.get_object(request, str(pk))
        if webhook is None:
            raise Http404
        response = HttpResponse(bytes(webhook.body), content_type="application/octet-stream")
        response["Content-Disposition"] = f'attachment; filename="webhook-{pk}.bin"'
        return response


def _redacted(webhook: Webhook) -> Incoming:
    """The webhook without our secrets: the token of its own URL, and credentials in its headers."""
    provider = webhook.provider
    secrets = [*provider.secret_values, *provider.callback_tokens.values_list("token", flat=True)]
    body = bytes(webhook.body[: pretty.SHOWN + 1])
    return redact_request(Incoming(webhook.method, webhook.url, webhook.headers, body), secrets)


@admin.register(Reply)
class ReplyAdmin(LogAdmin):
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
    search_help_text = "Phone or its beginning; the BSP's whole id"
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
        by_sender = shown.found("sender", digits) if digits else Q(pk=None)
        found = found_first(
            queryset,
            Reply.objects.filter(by_id).order_by(),
            Reply.objects.filter(by_sender).order_by("sender"),
        )
        return queryset.filter(by_id | by_sender) if found is None else found, False

    @column(description="received")
    def received(self, reply: Reply) -> SafeString | None:
        return moment(reply.received_at)

    @column(description="sender")
    def number(self, reply: Reply) -> str:
        return shown.number(reply.sender)

    @column(description="text", empty_value="-")
    def short_text(self, reply: Reply) -> str | None:
        text = shown.text(reply.text)
        return text[:80] + "…" * (len(text) > 80) or None

    @column(description="forwarding")
    def forward_state(self, reply: Reply) -> SafeString:
        return admin_reports.forward_badge(reply)

    def page_context(self, request: HttpRequest, obj: Reply) -> dict[str, Any]:
        try:
            inbound = msgspec.json.decode(obj.content, type=Inbound)
        except msgspec.MsgspecError:
            inbound = None
        answers = obj.answers
        return {
            "badge": admin_reports.forward_badge(obj),
            "inbound": inbound,
            "stored": Media.objects.filter(reply=obj).first(),
            "media_url": media.url(obj.pk),
            "answers": link(page_url("campaigns_message", answers.pk), answers) if answers else "",
            "content_json": shown.text(pretty.body(obj.content)),
        }

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        reply = self.get_object(request, unquote(str(object_id)))
        if reply is None or reply.forward not in (Forward.PENDING, Forward.PARKED):
            return []
        return super().get_actions_detail(request, object_id)  # type: ignore[misc,no-any-return]

    @button("Retry forwarding", permissions=["operate"], icon="forward", post=True, variant="primary")
    def retry(self, request: HttpRequest, object_id: str) -> HttpResponse:
        text = ["Brings it to CleverTap once more, at once."]
        return self.at_once(request, object_id, self.retry_selected, "Retry forwarding", text)

    @action(description="Retry forwarding", permissions=["operate"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Reply]) -> None:
        admin_reports.retry(self, request, queryset)
