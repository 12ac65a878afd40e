"""The template health pages: all providers at a glance, and one with everything known of its templates."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from lib.admin import ModelAdmin, button, list_url, page_url
from providers.models import Provider
from stats.template_health import traffic
from templates_app.imports import health


class TemplateHealth(ModelAdmin):
    """What the provider pages have of it."""

    def has_template_health_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("templates_app.view_template")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.health_overview)
        return [path("template-health/", view, name="templates_app_health"), *super().get_urls()]

    def health_overview(self, request: HttpRequest) -> HttpResponse:
        if not self.has_template_health_permission(request):
            raise PermissionDenied
        providers = list(Provider.in_use())
        if len(providers) == 1:
            return redirect(_url(providers[0]))
        context = self.admin_site.each_context(request) | {
            "title": "Template health",
            "opts": self.opts,
            "rows": [row | {"url": _url(row["provider"])} for row in health.overview(providers)],
        }
        return TemplateResponse(request, "template_health/overview.html", context)

    @button("Template health", permissions=["template_health"], icon="monitor_heart", path="template-health")
    def template_health(self, request: HttpRequest, object_id: str) -> HttpResponse:
        provider: Provider = self.row(request, object_id)
        now = timezone.now()
        week = traffic.traffic(provider.pk, now)
        registered = health.registered(provider.pk)
        listed = {row.name for row in registered}
        context = self.admin_site.each_context(request) | {
            "title": f"Template health: {provider}",
            "opts": self.opts,
            "provider": provider,
            "imports": health.imports(provider),
            "states": health.states(provider.pk, registered),
            "changed": health.changed(provider.pk, now),
            "traffic": [(each, each.template in listed) for each in week],
            "unregistered": health.unregistered(provider.pk, registered),
            "drifted": traffic.drifted(provider.pk, week),
            "templates_url": list_url("templates_app_template", provider=provider.pk),
            "runs_url": list_url("templates_app_importrun", provider=provider.pk),
            "back": page_url("providers_provider", provider.pk),
            "may_import": request.user.has_perm("templates_app.add_importrun"),
            "may_create": request.user.has_perm("templates_app.add_template"),
        }
        return TemplateResponse(request, "template_health/provider.html", context)


def _url(provider: Provider) -> str:
    return reverse("admin:providers_provider_template_health", args=[provider.pk])
