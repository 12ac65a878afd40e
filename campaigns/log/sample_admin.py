"""Sending a test of a template, and watching its timeline."""

from datetime import timedelta
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode

from accounts import trail
from accounts.trail import What
from campaigns.log import timeline
from campaigns.log.message_page import meaning, status_badge
from campaigns.models import Message, Status
from campaigns.sending import sample_sends
from lib import phone_masking
from lib.admin import LogAdmin, page_url, user_id
from providers.messages import Refused
from templates_app.content.preview import bubble
from templates_app.editor.values_form import MOST_NUMBERS, ValuesForm
from templates_app.models import Template

ENDED = (Status.FAILED, Status.READ)
NEWS_EXPECTED = timedelta(minutes=15)  # after that the page asks less often


class SampleSends(LogAdmin):
    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("test/<int:template_id>/", wrap(self.sample_view), name="campaigns_message_test"),
            path("tests/", wrap(self.samples_view), name="campaigns_message_tests"),
            *super().get_urls(),
        ]

    def sample_view(self, request: HttpRequest, template_id: int) -> HttpResponse:
        """The form for numbers and values. A POST queues the messages."""
        template = Template.objects.select_related("provider").filter(pk=template_id).first()
        if template is None:
            raise Http404
        if not self.has_operate_permission(request):
            raise PermissionDenied
        country = template.provider.quirks.default_country
        form = ValuesForm(template.components, country, request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                sent = sample_sends.send(
                    template, form.cleaned_data["numbers"], form.values, user_id(request)
                )
            except Refused as refused:
                form.add_error(None, f"It cannot be sent. {refused.message}")
            else:
                trail.note(request, What.SENT, template, text="A test", rows=len(sent))
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

    def samples_view(self, request: HttpRequest) -> HttpResponse:
        """The messages with these ids and their timelines. With `part`, only what changes meanwhile."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        ids = [int(pk) for pk in request.GET.get("ids", "").split(",") if pk.isdecimal() and len(pk) < 19]
        found = Message.objects.filter(pk__in=ids[:MOST_NUMBERS], untracked=True).select_related("provider")
        messages = list(found.order_by("pk"))
        if not messages:
            raise Http404
        age = timezone.now() - max(message.accepted_at for message in messages)
        context: dict[str, Any] = {
            "watched": [_watched(message) for message in messages],
            "ended": all(message.status in ENDED for message in messages),
            "part_url": f"{request.path}?{urlencode({'ids': request.GET['ids'], 'part': '1'})}",
            "seconds": 1 if age < NEWS_EXPECTED else 10,
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
        "to": phone_masking.number(message.to),
        "steps": timeline.shown(
            timeline.build(
                message,
                message.attempts.order_by("number"),
                message.events.order_by("id"),
                message.reply_set.order_by("id"),
                log_of(message),
            ),
            phone_masking.eyes(),
        ),
    }


def log_of(message: Message) -> QuerySet[LogEntry]:
    """What people did to the message."""
    kind = get_content_type_for_model(message)
    return LogEntry.objects.filter(content_type=kind, object_id=str(message.pk)).select_related("user")
