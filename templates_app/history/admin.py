"""What happened to a template: its timeline, what an edit changed, and all changes in one list."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.dateparse import parse_date
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateFilter

from lib.admin import (
    LogAdmin,
    ModelAdmin,
    Tone,
    badge,
    choice_filter,
    column,
    confirm,
    link,
    list_url,
    moment,
    page_url,
)
from lib.display import to_second
from providers.list_filters import ProviderFilter
from templates_app.history import changes
from templates_app.models import Template, TemplateChange

Kind, Source, Status = TemplateChange.Kind, TemplateChange.Source, Template.Status

SHOWN = 50  # entries on a template's page; the list of changes has all
_TONES: dict[str, Tone] = {
    Kind.CREATED: "success",
    Kind.RETURNED: "success",
    Kind.VANISHED: "warning",
    Kind.CONTENT: "info",
    Status.APPROVED: "success",
    Status.PAUSED: "warning",
    Status.REJECTED: "danger",
    Status.DISABLED: "danger",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a timeline in words. `lines` is a folded diff of contents."""

    pk: int
    clock: str
    title: str
    tone: Tone
    source: str
    run: int | None
    reason: str
    values: str
    lines: list[changes.DiffLine]


def step(change: TemplateChange) -> Step:
    contents = [each for each in (change.before, change.after) if isinstance(each, list | dict)]
    return Step(
        pk=change.pk,
        clock=to_second(change.at),
        title=title(change),
        tone=_tone(change),
        source=who(change),
        run=change.run_id,
        reason=change.reason,
        values="" if contents else values(change),
        lines=changes.folded(changes.diff(change.before, change.after)) if contents else [],
    )


def title(change: TemplateChange) -> str:
    """What changed. The entries of content cover three fields, told apart by their values."""
    if change.kind == Kind.CONTENT:
        kinds = {type(change.before), type(change.after)}
        if str in kinds:
            return "Parameter format"
        return "Time to live" if int in kinds else "Content"
    return str(Kind(change.kind).label)


def who(change: TemplateChange) -> str:
    if change.source == Source.PERSON:
        return change.by or "a person"
    told_by = {Source.IMPORT: "an import", Source.WEBHOOK: "the BSP's webhook"}
    return told_by.get(Source(change.source), "the BSP's answer to a message")


def values(change: TemplateChange) -> str:
    """`before → after`, where both are a word or a number."""
    if change.before is None and change.after is None:
        return ""
    return " → ".join("none" if each in (None, "") else str(each) for each in (change.before, change.after))


def _tone(change: TemplateChange) -> Tone:
    return _TONES.get(str(change.after) if change.kind == Kind.STATUS else change.kind, "")


class TemplateHistory(ModelAdmin):
    """Below the form of a saved template: the edit beside the BSP's content, and the timeline."""

    change_form_outer_after_template = "templates_app/panels.html"

    def get_urls(self) -> list[URLPattern]:
        take = path(
            "<path:object_id>/take-imported/",
            self.admin_site.admin_view(self.take_imported_view),
            name="templates_app_template_take_imported",
        )
        return [take, *super().get_urls()]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Deleting a template deletes its timeline, though nobody may delete a single entry."""
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, lacking - {TemplateChange._meta.verbose_name}, protected

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        context["panels"] = self._panels(request, obj) if obj is not None else []
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _panels(self, request: HttpRequest, template: Template) -> list[SafeString]:
        found = [self._comparison(request, template)] if template.edited else []
        newest = list(template.changes.all()[: SHOWN + 1])
        context = {
            "steps": [step(change) for change in newest[:SHOWN]],
            "all_url": list_url("templates_app_templatechange", template=template.pk),
            "more": len(newest) > SHOWN,
            "may_see_runs": request.user.has_perm("templates_app.view_importrun"),
        }
        found.append(render_to_string("templates_app/panels/timeline.html", context, request))
        return found

    def _comparison(self, request: HttpRequest, template: Template) -> SafeString:
        may = self.has_change_permission(request, template)
        take = reverse("admin:templates_app_template_take_imported", args=[template.pk]) if may else ""
        lines = changes.folded(changes.diff(template.imported, template.components))
        context = {"lines": lines, "take_url": take}
        return render_to_string("templates_app/panels/edited.html", context, request)

    def take_imported_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, and then replaces the edit by the BSP's content."""
        template: Template = self.row(request, object_id, change=True)
        back = page_url("templates_app_template", template.pk)
        if request.method == "POST":
            if changes.take_imported(template.pk, request.user.get_username()):
                words = f"{template} has the BSP's content again."
                self.log_change(request, template, "Replaced the edit by the BSP's content.")
                self.message_user(request, words, messages.SUCCESS)
            else:
                self.message_user(request, f"{template} has the BSP's content already.", messages.WARNING)
            return redirect(back)
        text = [
            "The content that was written here is replaced by the one the last import found at the BSP. "
            "From then on messages are checked against the BSP's content.",
            "The timeline keeps what was written here, so that nothing is lost.",
        ]
        if not template.edited:
            text = ["The template has the BSP's content already; there is no edit to undo."]
        return confirm(
            self,
            request,
            title=f"Use the BSP's content for {template}",
            text=text,
            button="Use the BSP's content",
            back=back,
            danger=True,
            possible=template.edited,
        )


class ChangeProviderFilter(ProviderFilter):
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        known = value in dict(self.lookup_choices)
        return queryset.filter(template__provider_id=value) if known else queryset


class PeriodFilter(RangeDateFilter):  # type: ignore[misc]
    """A filter by two days. Both are whole days."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        for side, lookup in (("from", "at__date__gte"), ("to", "at__date__lte")):
            try:
                day = parse_date(str(self.used_parameters.get(f"at_{side}") or ""))
            except ValueError:
                day = None
            if day is not None:
                queryset = queryset.filter(**{lookup: day})
        return queryset


class TemplateChangeAdmin(LogAdmin):
    """All timelines in one list."""

    list_display = ("when", "template_link", "provider", "what", "who_did", "outcome", "reason")
    list_display_links = ("when",)
    list_select_related = ("template__provider",)
    list_defer = ("template__components", "template__imported")
    list_filter = (
        ChangeProviderFilter,
        choice_filter("kind", Kind.choices),
        choice_filter("source", Source.choices),
        ("at", PeriodFilter),
    )
    search_fields = ("template__name",)
    search_help_text = "Name of the template"
    empty_title = "No change yet"
    empty_text = (
        "Whatever happens to a template is noted here: imports, the BSP's webhooks, and what people edit."
    )

    @column(description="time")
    def when(self, change: TemplateChange) -> SafeString | None:
        return moment(change.at)

    @column(description="template")
    def template_link(self, change: TemplateChange) -> SafeString:
        return link(page_url("templates_app_template", change.template_id), change.template)

    @column(description="provider")
    def provider(self, change: TemplateChange) -> str:
        return change.template.provider.nickname

    @column(description="change")
    def what(self, change: TemplateChange) -> SafeString:
        return badge(title(change), _tone(change))

    @column(description="by")
    def who_did(self, change: TemplateChange) -> str:
        return who(change)

    @column(description="before → after")
    def outcome(self, change: TemplateChange) -> SafeString | str:
        if isinstance(change.before, list | dict) or isinstance(change.after, list | dict):
            return link(page_url("templates_app_templatechange", change.pk), "content")
        return values(change)

    def page_context(self, request: HttpRequest, obj: TemplateChange) -> dict[str, Any]:
        may_see_runs = request.user.has_perm("templates_app.view_importrun")
        return {"step": step(obj), "template": obj.template, "may_see_runs": may_see_runs}
