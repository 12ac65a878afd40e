"""The imports: each with its progress while it runs, and its report afterwards."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from lib.admin import LogAdmin, badge, choice_filter, column, moment, page_url
from lib.pretty import length
from providers.admin_filters import ProviderFilter
from templates_app import import_report, importer
from templates_app.models import ImportRun


class ImportRunAdmin(LogAdmin):
    list_display = ("queued", "provider", "state_badge", "who", "pages", "templates", "outcome", "took")
    list_select_related = ("provider",)
    list_filter = (ProviderFilter, choice_filter("state", ImportRun.State.choices))
    empty_title = "Nothing has been imported yet"
    empty_text = (
        "An import takes over a BSP's template list. Start one with “Import now” above the templates or on "
        "a provider's page, or have it done by itself: the provider's form says how often."
    )

    @column(description="asked for")
    def queued(self, run: ImportRun) -> SafeString | None:
        return moment(run.queued_at)

    @column(description="state")
    def state_badge(self, run: ImportRun) -> SafeString:
        return badge(run.get_state_display(), import_report.TONES[run.state], run.error)

    @column(description="by", empty_value="the schedule")
    def who(self, run: ImportRun) -> str | None:
        return run.by or None

    @column(description="outcome", empty_value="")
    def outcome(self, run: ImportRun) -> str | None:
        if run.state != ImportRun.State.DONE:
            return run.error or None
        found = [f"{run.report[name]:,} {name}" for name in importer.COUNTED if run.report.get(name)]
        return ", ".join(found) or "an empty list"

    @column(description="took", empty_value="")
    def took(self, run: ImportRun) -> str | None:
        if run.started_at is None or run.finished_at is None:
            return None
        return length(run.finished_at - run.started_at)

    # The page

    def page_context(self, request: HttpRequest, obj: ImportRun) -> dict[str, Any]:
        may_import = request.user.has_perm("templates_app.add_importrun")
        return import_report.page(obj) | {"may_import": may_import}

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        mine = (
            ("progress", self.progress_view),
            ("cancel", self.cancel_view),
            ("again", self.again_view),
        )
        return [
            *(
                path(f"<path:object_id>/{name}/", wrap(view), name=f"templates_app_importrun_{name}")
                for name, view in mine
            ),
            *super().get_urls(),
        ]

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The part of the page that renews itself."""
        run = self._run(request, object_id)
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        return TemplateResponse(request, "templates_app/import_run.html", import_report.page(run))

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        run = self._posted(request, object_id)
        importer.cancel(run)
        return redirect(page_url("templates_app_importrun", run.pk))

    def again_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The same import once more; with `allow_empty` an empty list is believed."""
        run = self._posted(request, object_id)
        allow_empty = request.POST.get("allow_empty") == "yes"
        started = importer.start(run.provider, by=request.user.get_username(), allow_empty=allow_empty)
        if allow_empty and not started.allow_empty:
            words = "Another import is under way. It believes no empty list; ask again when it has ended."
            self.message_user(request, words, messages.WARNING)
        return redirect(page_url("templates_app_importrun", started.pk))

    def _run(self, request: HttpRequest, object_id: str) -> ImportRun:
        run: ImportRun | None = self.get_object(request, unquote(object_id))
        if run is None:
            raise Http404
        return run

    def _posted(self, request: HttpRequest, object_id: str) -> ImportRun:
        if request.method != "POST" or not request.user.has_perm("templates_app.add_importrun"):
            raise PermissionDenied
        return self._run(request, object_id)
