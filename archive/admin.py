"""What the archive wrote, and what keeps it from writing."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts import trail
from accounts.trail import What
from archive.models import Cursor, Run
from lib import phone_masking
from lib.admin import LogAdmin, badge, button, choice_filter, column, list_url, moment, page_url


@admin.register(Run)
class RunAdmin(LogAdmin):
    list_display = ("started", "state_badge", "rows", "files", "size", "corrections")
    list_filter = (choice_filter("state", Run.State.choices),)
    actions_list = ("run_now",)
    progress_template = "archive/run.html"

    @property
    def empty_title(self) -> str:  # type: ignore[override]
        return "Nothing is archived yet" if settings.ARCHIVE_TO else "There is no archive"

    @property
    def empty_text(self) -> str:  # type: ignore[override]
        if settings.ARCHIVE_TO:
            return "A worker writes what is new every few minutes, and each run has its report here."
        return "Set ARCHIVE_TO to a directory or a bucket, and restart."

    @column(description="started")
    def started(self, run: Run) -> SafeString | None:
        return moment(run.started_at)

    @column(description="state")
    def state_badge(self, run: Run) -> SafeString:
        if run.error:
            return badge("waits", "danger", phone_masking.text(run.error))
        done = run.state == Run.State.DONE
        return badge(run.get_state_display(), "success" if done else "info")

    @column(description="rows")
    def rows(self, run: Run) -> str:
        return f"{sum(run.counts.values()):,}"

    @column(description="size")
    def size(self, run: Run) -> str:
        return filesizeformat(run.bytes)

    def page_context(self, request: HttpRequest, obj: Run) -> dict[str, Any]:
        return {
            "run": obj,
            "open": obj.state == Run.State.OPEN,
            "where": settings.ARCHIVE_TO,
            "numbers": settings.ARCHIVE_NUMBERS,
            "texts": settings.ARCHIVE_TEXTS,
            "cursors": Cursor.objects.order_by("dataset"),
        }

    @button("Run now", permissions=["operate"], icon="play_arrow", path="run-now", post=True)
    def run_now(self, request: HttpRequest) -> HttpResponse:
        if not self.has_operate_permission(request):
            raise PermissionDenied
        if request.method != "POST" or not settings.ARCHIVE_TO:
            return redirect(list_url("archive_run"))
        asked = Run.ask(timezone.now())
        trail.note(request, What.STARTED, asked)
        return redirect(page_url("archive_run", asked.pk))
