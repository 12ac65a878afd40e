"""The callbacks of BSPs as they came: what was found in each, and reading it again."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import action
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from accounts import proof, trail
from accounts.trail import What
from callbacks.models import Webhook
from callbacks.webhooks import ingest
from lib import display, phone_masking
from lib.admin import (
    LogAdmin,
    Tone,
    badge,
    button,
    choice_filter,
    column,
    moment,
    user_id,
)
from lib.http import HttpRequest as Incoming
from lib.listing import Grouping
from lib.redact import redact_request
from providers.list_filters import ProviderFilter

CHUNK = 1000
_STATES: dict[int, Tone] = {
    Webhook.State.PENDING: "info",
    Webhook.State.WAITING: "info",
    Webhook.State.READING: "info",
    Webhook.State.READING_ALONE: "warning",
    Webhook.State.DONE: "success",
    Webhook.State.UNMATCHED: "warning",
    Webhook.State.QUARANTINED: "danger",
    Webhook.State.NOT_OURS: "warning",
}
_MEANINGS: dict[int, str] = {
    Webhook.State.PENDING: "It is stored and about to be read.",
    Webhook.State.READING: "It is being read.",
    Webhook.State.READING_ALONE: "A worker crashed while it read this webhook, or took very long. "
    "It is read once more.",
    Webhook.State.WAITING: "It reports on a message that is not known yet. Waypost looks again for "
    "some hours.",
    Webhook.State.DONE: "It was read.",
    Webhook.State.UNMATCHED: "It reports on a message that was not sent through this provider, or was sent "
    "from elsewhere. If the message has turned up since, read it again.",
    Webhook.State.NOT_OURS: "Something in it is for a number or account that no provider here has. If you "
    "add that provider, read it again.",
    Webhook.State.QUARANTINED: "It could not be parsed, so nothing of it was used. After a fix, "
    "read it again.",
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

    @column(description="summary")
    def found(self, webhook: Webhook) -> str | None:
        return phone_masking.text(webhook.summary) or None

    def page_context(self, request: HttpRequest, obj: Webhook) -> dict[str, Any]:
        received = _redacted(obj)
        return {
            "badge": state_badge(obj),
            "meaning": _MEANINGS.get(obj.state, ""),
            "url": phone_masking.text(received.url),
            "headers": {name: phone_masking.text(value) for name, value in received.headers.items()},
            "body": phone_masking.text(display.body(received.body)),
            "size": len(obj.body),
            "may_download": phone_masking.eyes().whole,
        }

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        webhook = self.get_object(request, unquote(str(object_id)))
        if webhook is None or webhook.state not in ingest.TROUBLED:
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
        wanted = queryset.filter(state__in=ingest.TROUBLED)
        wanted = wanted.select_related(None).only("pk").order_by("pk")
        count, last = 0, 0
        while chunk := list(wanted.filter(pk__gt=last)[:CHUNK]):
            last = chunk[-1].pk
            count += ingest.replay([webhook.pk for webhook in chunk])
            LogEntry.objects.log_actions(user_id(request), chunk, CHANGE, "Read again.")
        if count:
            trail.note(request, What.STARTED, "webhooks read again", rows=count)
            self.message_user(request, f"{count:,} will be read again.", messages.SUCCESS)
        else:
            text = "Nothing to read again: only webhooks that were not recorded can be read again."
            self.message_user(request, text, messages.WARNING)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.raw_view)
        return [path("<int:pk>/raw/", view, name="callbacks_webhook_raw"), *super().get_urls()]

    def raw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The body, byte for byte, for those who may see the numbers in it."""
        if not self.has_view_permission(request) or not phone_masking.eyes().whole:
            raise PermissionDenied
        webhook = self.get_object(request, str(pk))
        if webhook is None:
            raise Http404
        proof.demand(request)
        trail.note(request, What.EXPORTED, webhook, whole_numbers=True)
        response = HttpResponse(bytes(webhook.body), content_type="application/octet-stream")
        response["Content-Disposition"] = f'attachment; filename="webhook-{pk}.bin"'
        return response


def _redacted(webhook: Webhook) -> Incoming:
    """The webhook without our secrets: the token of its own URL, and credentials in its headers."""
    provider = webhook.provider
    secrets = [*provider.secret_values, *provider.callback_tokens.values_list("token", flat=True)]
    body = bytes(webhook.body[: display.SHOWN + 1])
    return redact_request(Incoming(webhook.method, webhook.url, webhook.headers, body), secrets)
