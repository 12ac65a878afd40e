"""Sending a test of a template, and watching what becomes of it."""

from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode

from campaigns import test_send, timeline
from campaigns.models import Message, Status
from campaigns.pages import meaning, status_badge
from lib import shown
from lib.admin import LogAdmin, page_url, user_id
from providers.messages import Refused
from templates_app.models import Template
from templates_app.preview import bubble
from templates_app.values_form import MOST_NUMBERS, ValuesForm

ENDED = (Status.FAILED, Status.READ)


class TestSends(LogAdmin):
    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("test/<int:template_id>/", wrap(self.test_view), name="campaigns_message_test"),
            path("tests/", wrap(self.tests_view), name="campaigns_message_tests"),
            *super().get_urls(),
        ]

    def test_view(self, request: HttpRequest, template_id: int) -> HttpResponse:
        """Numbers and values; posted, the messages are queued."""
        template = Template.objects.select_related("provider").filter(pk=template_id).first()
        if template is None:
            raise Http404
        if not self.has_operate_permission(request):
            raise PermissionDenied
        country = template.provider.switches.default_country
        form = ValuesForm(template.components, country, request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                sent = test_send.send(template, form.cleaned_data["numbers"], form.values, user_id(request))
            except Refused as refused:
                form.add_error(None, f"It cannot be sent. {refused.message}")
            else:
                query = urlencode({"ids": ",".join(str(message.pk) for message in sent)})
                return redirect(f"{reverse('admin:campaigns_message_tests')}?{query}")
        context = self.admin_site.each_context(request) | {
            "title": f"Send a test of {template}",
            "opts": self.opts,
            "template": template,
            "form": form,
            "bubble": bubble(template.components, form.values if form.is_bound and form.is_valid() else None),
            "back": page_url("templates_app_template", template.pk),
        }
        return TemplateResponse(request, "campaigns/test_send.html", context)

    def tests_view(self, request: HttpRequest) -> HttpResponse:
        """The messages with these ids and their timelines. With `part`, only what changes meanwhile."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        ids = [int(pk) for pk in request.GET.get("ids", "").split(",") if pk.isdecimal() and len(pk) < 19]
        found = Message.objects.filter(pk__in=ids[:MOST_NUMBERS], untracked=True).select_related("provider")
        messages = list(found.order_by("pk"))
        if not messages:
            raise Http404
        context: dict[str, Any] = {
            "watched": [_watched(message) for message in messages],
            "ended": all(message.status in ENDED for message in messages),
        }
        if "part" in request.GET:
            return render(request, "campaigns/test_messages.html", context)
        first = messages[0]
        template = Template.objects.filter(
            provider=first.provider, name=first.template, language=first.language
        ).first()
        context |= self.admin_site.each_context(request) | {
            "title": f"Test of {first.template} ({first.language})",
            "opts": self.opts,
            "template": template,
        }
        return TemplateResponse(request, "campaigns/test_watch.html", context)


def _watched(message: Message) -> dict[str, Any]:
    return {
        "message": message,
        "url": page_url("campaigns_message", message.pk),
        "badge": status_badge(message),
        "meaning": meaning(message),
        "to": shown.number(message.to),
        "steps": timeline.shown(
            timeline.build(
                message,
                message.attempts.order_by("number"),
                message.events.order_by("id"),
                message.reply_set.order_by("id"),
                log_of(message),
            ),
            shown.eyes(),
        ),
    }


def log_of(message: Message) -> QuerySet[LogEntry]:
    """What people did to the message."""
    kind = get_content_type_for_model(message)
    return LogEntry.objects.filter(content_type=kind, object_id=str(message.pk)).select_related("user")
