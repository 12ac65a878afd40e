"""How long data is kept, what is due today, and what each run deleted."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts import trail
from accounts.trail import What
from lib.admin import LogAdmin, ModelAdmin, badge, button, column, list_url, moment, page_url
from privacy.models import Hold, RetentionRun, RetentionSetting
from privacy.retention import ages, report
from privacy.table_names import plain


@admin.register(RetentionRun)
class RetentionRunAdmin(LogAdmin):
    list_display = ("started", "state_badge", "taken", "kept", "longest")
    actions_list = ("due", "run_now")
    asks_for_proof = True  # a run takes data away
    without_proof = ("due", "progress")
    progress_template = "privacy/retention_run.html"
    empty_title = "Retention has not run yet"
    empty_text = "A worker goes through everything once a day, and each run has its report here."

    @column(description="started")
    def started(self, each: RetentionRun) -> SafeString | None:
        return moment(each.started_at)

    @column(description="state")
    def state_badge(self, each: RetentionRun) -> SafeString:
        done = each.state == RetentionRun.State.DONE
        return badge(each.get_state_display(), "success" if done else "info")

    @column(description="rows taken")
    def taken(self, each: RetentionRun) -> str:
        return f"{sum(each.counts.values()):,}"

    @column(description="rows held")
    def kept(self, each: RetentionRun) -> str:
        return f"{sum(each.held.values()):,}"

    @column(description="longest step")
    def longest(self, each: RetentionRun) -> str:
        return f"{each.longest_ms:,} ms"

    def page_context(self, request: HttpRequest, obj: RetentionRun) -> dict[str, Any]:
        rows = [(plain(name), taken, obj.held.get(name, 0)) for name, taken in obj.counts.items()]
        return {"run": obj, "rows": rows, "open": obj.state == RetentionRun.State.OPEN}

    @button("Settings and what is due", permissions=["view"], icon="schedule", path="due")
    def due(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        own = [
            (each, [(age.words, getattr(each, age.column)) for age in _WITH_PROVIDERS])
            for each in RetentionSetting.objects.select_related("provider").order_by("provider__nickname")
        ]
        context = self.admin_site.each_context(request) | {
            "title": "Retention: settings and what is due",
            "opts": self.opts,
            "ages": [
                (age.words, age.setting, age.days, bool(age.column)) for age in (*ages.KINDS, *ages.OTHERS)
            ],
            "own": own,
            "due": [each | {"kind": plain(each["kind"])} for each in report.due(timezone.now())["due"]],
            "holds": Hold.objects.count(),
            "deadline": settings.ERASURE_DEADLINE_DAYS,
            "back": list_url("privacy_retentionrun"),
        }
        return TemplateResponse(request, "privacy/due.html", context)

    @button("Run now", permissions=["operate"], icon="play_arrow", path="run-now", post=True)
    def run_now(self, request: HttpRequest) -> HttpResponse:
        if not self.has_operate_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return redirect(list_url("privacy_retentionrun"))
        asked = RetentionRun.ask(timezone.now())
        trail.note(request, What.STARTED, asked)
        return redirect(page_url("privacy_retentionrun", asked.pk))


_WITH_PROVIDERS = tuple(age for age in ages.KINDS if age.column)


@admin.register(RetentionSetting)
class RetentionSettingAdmin(ModelAdmin):
    asks_for_proof = True  # fewer days take data away
    list_display = ("provider", "webhooks", "bodies", "numbers", "messages")
    list_select_related = ("provider",)
    empty_title = "Every provider is kept by the settings"
    empty_text = "Add one to give a provider days of its own."
