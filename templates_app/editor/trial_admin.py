"""Trying a template out: CleverTap's validation through the provider, and the way to a test message."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from lib.admin import ModelAdmin, button, page_url
from lib.display import body
from templates_app.gate.validate import DUMMY_NUMBER, validate
from templates_app.models import Template


class TemplateTrial(ModelAdmin):
    def has_send_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the user may have messages sent, as on the message pages."""
        return request.user.has_perm("campaigns.change_message")

    @button("Validate with provider", permissions=["send"], icon="rule", path="validate")
    def validate_with_provider(self, request: HttpRequest, object_id: str) -> HttpResponse:
        template = self._tried(request, object_id)
        context = self.admin_site.each_context(request) | {
            "title": f"Validate {template} with {template.provider}",
            "opts": self.opts,
            "number": DUMMY_NUMBER,
            "back": page_url("templates_app_template", template.pk),
        }
        if request.method == "POST":
            found = validate(template)
            context |= {
                "found": found,
                "payload": body(found.payload),
                "request_body": body(str(found.request.get("body", ""))),
                "answer": body(found.response),
            }
        return TemplateResponse(request, "templates_app/validate.html", context)

    @button("Send test", permissions=["send"], icon="send", path="test", variant="primary")
    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        template = self._tried(request, object_id)
        return redirect("admin:campaigns_message_test", template.pk)  # messages are of an app above this one

    def _tried(self, request: HttpRequest, object_id: str) -> Template:
        template: Template = self.row(request, object_id)
        if not self.has_send_permission(request):
            raise PermissionDenied
        return template
