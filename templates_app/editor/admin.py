"""Writing a template by hand: its form with the live preview, and the facts above it."""

import json
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from lib.admin import ModelAdmin, badge, column, moment
from lib.display import to_minute
from templates_app.content import draft as drafts
from templates_app.content import rules
from templates_app.content.components import unsupported
from templates_app.content.preview import bubble
from templates_app.editor.forms import Content, TemplateForm
from templates_app.gate import cache
from templates_app.history import changes
from templates_app.models import Template, TemplateChange

Source = TemplateChange.Source


class TemplateEditor(ModelAdmin):
    form = TemplateForm
    warn_unsaved_form = True
    change_form_outer_before_template = "templates_app/facts.html"

    class Media:
        css = {"all": ["templates_app/editor.css"]}
        js = [forms.Script("templates_app/editor.js", type="module")]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        return [path("preview/", view, name="templates_app_template_preview"), *super().get_urls()]

    def get_readonly_fields(self, request: HttpRequest, obj: Template | None = None) -> tuple[str, ...]:
        return (*super().get_readonly_fields(request, obj), "look")

    def get_fieldsets(self, request: HttpRequest, obj: Template | None = None) -> list[Any]:
        may_write = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        about = ("provider", ("name", "language"), ("category", "status"))
        rare = ("parameter_format", "ttl_seconds", "bsp_id")
        return [
            (None, {"fields": about}),
            ("Variables, time to live, id at the BSP", {"fields": rare, "classes": ("collapse",)}),
            ("Content", {"fields": ("content" if may_write else "look",)}),
        ]

    @column(description="message")
    def look(self, template: Template) -> SafeString:
        return render_to_string("templates_app/bubble.html", {"bubble": bubble(template.components)})

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Fields from the address, `components` as JSON among them."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        try:
            components = json.loads(initial.pop("components", "[]"))
        except ValueError:
            return initial
        if isinstance(components, list) and all(isinstance(each, dict) for each in components):
            initial["content"] = Content(components)
        return initial

    def save_model(self, request: HttpRequest, obj: Template, form: Any, change: bool) -> None:
        by = request.user.get_username()
        transaction.on_commit(cache.forget)
        if not change:
            obj.save()
            changes.created(obj, Source.PERSON, by=by).save()
            return
        content: Content = form.cleaned_data["content"]
        values = {name: form.cleaned_data[name] for name in form.changed_data if name != "content"}
        if "content" in form.changed_data:
            values |= {"components": content.components, "tracked": content.tracked, "stale_since": None}
        if "status" in values:
            values["status_reason"] = ""
        stored = Template.objects.select_for_update().get(pk=obj.pk)
        entries = changes.assign(stored, values, Source.PERSON, by=by)
        stored.unsupported = unsupported(stored.category, stored.components)[:200]
        stored.save()
        TemplateChange.objects.bulk_create(entries)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """The form as it stands: how it looks, what is wrong where, and its components."""
        if request.method != "POST":
            return JsonResponse({"error": "Send the form by POST to see it."}, status=405)
        pk = request.GET.get("template", "")
        template = self.get_object(request, pk) if pk else None
        allowed = self.has_change_permission(request, template) if pk else self.has_add_permission(request)
        if not allowed or (pk and template is None):
            raise PermissionDenied
        kind: Any = self.get_form(request, template, change=template is not None)
        form = kind(request.POST, instance=template)
        form.is_valid()
        content = form.written
        others = {name: texts[0] for name, texts in form.errors.items() if name not in form.problems}
        if form.problems:
            others.pop("content", None)
        problems = form.problems | others
        found = problems | form.hints
        return JsonResponse(
            {
                "preview": render_to_string(
                    "templates_app/bubble.html", {"bubble": bubble(content.components)}
                ),
                "problems": problems,
                "hints": {place: words for place, words in form.hints.items() if place not in problems},
                "labels": {place: _label(form, place) for place in found},
                "components": json.dumps(content.components, indent=2, ensure_ascii=False),
                "draft": drafts.plain(drafts.read(content.components, content.tracked)),
            }
        )

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Template | None = None,
    ) -> Any:
        if obj is not None and obj.pk and change:
            context["facts"] = facts(obj)
        return super().render_change_form(request, context, add, change, form_url, obj)


def _label(form: Any, place: str) -> str:
    if place == "__all__":
        return "Name and language"
    field = form.fields.get(place)
    return str(field.label if field is not None and field.label else rules.label(place)).capitalize()


def facts(template: Template) -> list[tuple[str, SafeString | str | None]]:
    """What is known of a template without anybody typing it in."""
    imported = "no: written by hand" if template.imported is None else "yes, unchanged since"
    if template.edited:
        imported = "yes, and edited by hand since: the next import leaves the content alone"
    shown: list[tuple[str, SafeString | str | None]] = [
        ("Kind", template.kind),
        ("Status", " – ".join(filter(None, (template.get_status_display(), template.status_reason)))),
        ("Quality", template.quality),
        ("Category before", template.previous_category),
        ("Id at the BSP", template.bsp_id),
        ("Imported", imported),
        ("Last change", moment(template.updated_at)),
    ]
    if template.stale_since:
        words = "the BSP may have changed it: messages that do not fit are sent until the next import"
        shown.append(("Content", badge(f"stale since {to_minute(template.stale_since)}", "warning", words)))
    if template.vanished_at:
        shown.append(("Vanished", moment(template.vanished_at)))
    if template.unsupported:
        shown.append(("For CleverTap", badge(f"cannot use {template.unsupported}", "warning")))
    return [(name, value) for name, value in shown if value]
