"""The imports: each with its progress while it runs, and its report afterwards."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from accounts import trail
from accounts.trail import What
from lib.admin import LogAdmin, badge, choice_filter, column, moment, page_url
from lib.display import length
from providers.list_filters import ProviderFilter
from templates_app.imports import report, runs
from templates_app.models import ImportRun


class ImportRunAdmin(LogAdmin):
    list_display = (
        "queued", "provider", "extent", "state_badge", "who", "pages", "templates", "outcome", "took",
    )  # fmt: skip
    list_select_related = ("provider",)
    list_filter = (ProviderFilter, choice_filter("state", ImportRun.State.choices))
    progress_template = "templates_app/import_run.html"
    empty_title = "Nothing has been imported yet"
    empty_text = (
        "An import takes over a BSP's template list. Start one with “Import now” above the templates or on "
        "a provider's page, or choose automatic imports: the provider's form says how often."
    )

    @column(description="asked for")
    def queued(self, run: ImportRun) -> SafeString | None:
        return moment(run.queued_at)

    @column(description="only", empty_value="")
    def extent(self, run: ImportRun) -> str | None:
        return run.name or None

    @column(description="state")
    def state_badge(self, run: ImportRun) -> SafeString:
        return badge(run.get_state_display(), report.TONES[run.state], run.error)

    @column(description="by", empty_value="the schedule")
    def who(self, run: ImportRun) -> str | None:
        return run.by or None

    @column(description="outcome", empty_value="")
    def outcome(self, run: ImportRun) -> str | None:
        if run.state != ImportRun.State.DONE:
            return run.error or None
        found = [f"{run.report[name]:,} {name}" for name in runs.COUNTED if run.report.get(name)]
        return ", ".join(found) or "an empty list"

    @column(description="took", empty_value="")
    def took(self, run: ImportRun) -> str | None:
        if run.started_at is None or run.finished_at is None:
            return None
        return length(run.finished_at - run.started_at)

    # The page

    def page_context(self, request: HttpRequest, obj: ImportRun) -> dict[str, Any]:
        may_import = request.user.has_perm("templates_app.add_importrun")
        return report.page_context(obj) | {"may_import": may_import}

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        mine = (
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

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        run = self._posted(request, object_id)
        runs.cancel(run)
        trail.note(request, What.STOPPED, run)
        return redirect(page_url("templates_app_importrun", run.pk))

    def again_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The same import once more. What the form allows is not asked again."""
        run = self._posted(request, object_id)
        allowed = {doubt.field: request.POST.get(doubt.field) == "yes" for doubt in report.DOUBTS}
        started = runs.start(run.provider, by=request.user.get_username(), name=run.name, **allowed)
        trail.note(request, What.STARTED, started, **allowed)
        if any(value and not getattr(started, name) for name, value in allowed.items()):
            words = "Another import is under way, and does not allow this. Ask again when it has ended."
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
