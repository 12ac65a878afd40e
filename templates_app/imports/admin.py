"""Importing from the admin: starting it, from the templates or from a provider."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import action
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from accounts import trail
from accounts.trail import What
from lib.admin import ModelAdmin, SimpleListFilter, badge, button, confirm, list_url, page_url
from providers.models import Provider
from templates_app.imports import health, runs
from templates_app.imports.report import TONES
from templates_app.imports.runs_admin import ImportRunAdmin
from templates_app.imports.source import source_of
from templates_app.models import ImportRun, SeenTemplate, Template, TemplateChange

__all__ = ["ImportRunAdmin", "ProviderImports", "TemplateImports"]

_CREATED = (TemplateChange.Kind.CREATED,)
_NO_CHANGE = (TemplateChange.Kind.CREATED, TemplateChange.Kind.VANISHED)


class RunFilter(SimpleListFilter):
    """The templates that one import created or changed; the run's page links to it."""

    title = "import"
    parameter_name = "run"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        number, _, what = str(request.GET.get("run", "")).partition(".")
        return [(f"{number}.{what}", f"{what} by import {number}")] if number.isdecimal() else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Template]) -> QuerySet[Template]:
        number, _, what = str(self.value() or "").partition(".")
        if not number.isdecimal() or len(number) > 18:
            return queryset
        entries = TemplateChange.objects.filter(run_id=int(number))
        if what == "created":
            entries = entries.filter(kind__in=_CREATED)
        elif what == "changed":
            entries = entries.exclude(kind__in=_NO_CHANGE)
        return queryset.filter(pk__in=entries.values("template_id"))


class ListedFilter(SimpleListFilter):
    title = "at the BSP"
    parameter_name = "listed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Listed, or never imported"), ("no", "Vanished from the list")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Template]) -> QuerySet[Template]:
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(vanished_at__isnull=self.value() == "yes")


class UsableFilter(SimpleListFilter):
    title = "for CleverTap"
    parameter_name = "usable"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "It can use them"), ("no", "It cannot use them")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Template]) -> QuerySet[Template]:
        if self.value() == "yes":
            return queryset.filter(unsupported="")
        return queryset.exclude(unsupported="") if self.value() == "no" else queryset


class _MayImport(ModelAdmin):
    def has_import_now_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("templates_app.add_importrun")


class TemplateImports(_MayImport):
    """The button above the list of templates."""

    actions_list = ("import_now",)

    def get_list_filter(self, request: HttpRequest) -> Any:
        return [*super().get_list_filter(request), ListedFilter, UsableFilter, RunFilter]

    def get_urls(self) -> list[URLPattern]:
        create = path(
            "seen/<int:pk>/create/",
            self.admin_site.admin_view(self.create_seen_view),
            name="templates_app_template_create_seen",
        )
        return [create, *super().get_urls()]

    def create_seen_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Creates the template that CleverTap was seen to use, and leads to its form."""
        seen = SeenTemplate.objects.filter(pk=pk).first()
        if seen is None:
            raise Http404
        if request.method != "POST" or not self.has_add_permission(request):
            raise PermissionDenied
        template, new = health.register(seen, request.user.get_username())
        if new:
            self.log_addition(request, template, "Created from what CleverTap sent.")
            words = (
                "Created from what CleverTap sent. Compare it with the BSP's template: messages "
                "do not contain its URLs."
            )
            self.message_user(request, words, messages.SUCCESS)
        else:
            self.message_user(request, "Somebody else created it meanwhile.", messages.INFO)
        return redirect(page_url("templates_app_template", template.pk))

    @button("Import now", permissions=["import_now"], icon="cloud_download", path="import-now")
    def import_now(self, request: HttpRequest) -> HttpResponse:
        chosen = [int(pk) for pk in request.POST.getlist("provider") if pk.isdecimal() and len(pk) < 19]
        providers = Provider.in_use().filter(pk__in=chosen)
        if request.method == "POST" and providers:
            return _start(self, request, list(providers))
        if request.method == "POST":
            self.message_user(request, "Choose at least one provider.", messages.WARNING)
        last = runs.latest_of_each()
        offered = Provider.in_use().prefetch_related("callback_tokens")
        context = self.admin_site.each_context(request) | {
            "title": "Import templates",
            "opts": self.opts,
            "choices": [_choice(provider, last.get(provider.pk)) for provider in offered],
            "back": list_url("templates_app_template"),
        }
        return TemplateResponse(request, "templates_app/import_now.html", context)


def _choice(provider: Provider, last: ImportRun | None) -> dict[str, Any]:
    """A provider as the page offers it: where its list comes from, and how the last import went."""
    return {
        "provider": provider,
        "source": provider.import_endpoint or f"the list of {provider.connector.label}",
        "possible": source_of(provider).request("") is not None,
        "last": last,
        "badge": badge(last.get_state_display(), TONES[last.state], last.error) if last else "",
        "url": page_url("templates_app_importrun", last.pk) if last else "",
    }


class ProviderImports(_MayImport):
    """What a provider's page and list have of importing."""

    @button("Import templates", permissions=["import_now"], icon="cloud_download", path="import", post=True)
    def import_templates(self, request: HttpRequest, object_id: str) -> HttpResponse:
        provider: Provider = self.row(request, object_id)
        if request.method == "POST":
            return _start(self, request, [provider])
        text = ["Imports the BSP's template list. The next page shows the progress."]
        back = page_url("providers_provider", provider.pk)
        title = f"Import the templates of {provider}"
        return confirm(self, request, title=title, text=text, button="Import", back=back)

    @action(description="Import templates now", permissions=["import_now"])
    def import_selected(self, request: HttpRequest, queryset: QuerySet[Provider]) -> HttpResponse:
        return _start(self, request, list(queryset))


def _start(admin: ModelAdmin, request: HttpRequest, providers: list[Provider]) -> HttpResponse:
    """Starts an import of each, and leads to where it can be watched."""
    started = [runs.start(provider, by=request.user.get_username()) for provider in providers]
    for run in started:
        trail.note(request, What.STARTED, run)
    if len(started) == 1:
        return redirect(page_url("templates_app_importrun", started[0].pk))
    admin.message_user(request, f"Importing from {len(started)} providers.", messages.SUCCESS)
    return redirect(list_url("templates_app_importrun"))
