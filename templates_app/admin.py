"""The template pages. Their buttons and forms are in the packages beside this module. config/admin.py
registers them, with what the other apps know of a template."""

from django.contrib import admin
from django.utils.safestring import SafeString

from lib.admin import ModelAdmin, Tone, badge, choice_filter, column
from providers.list_filters import ProviderFilter
from templates_app.editor.admin import TemplateEditor
from templates_app.editor.trial_admin import TemplateTrial
from templates_app.exchange.admin import TemplateExchange
from templates_app.history.admin import TemplateChangeAdmin, TemplateHistory
from templates_app.imports.admin import ImportRunAdmin, TemplateImports
from templates_app.models import ImportRun, Template, TemplateChange

_TONES: dict[str, Tone] = {
    Template.Status.APPROVED: "success",
    Template.Status.PENDING: "info",
    Template.Status.REJECTED: "danger",
    Template.Status.PAUSED: "warning",
    Template.Status.DISABLED: "danger",
}


class TemplateAdmin(
    TemplateEditor, TemplateTrial, TemplateHistory, TemplateImports, TemplateExchange, ModelAdmin
):
    actions_detail = ("validate_with_provider", "send_test")
    list_display = ("name", "language", "provider", "category", "kind", "status_badge", "updated_at")
    list_select_related = ("provider",)
    list_filter = (
        ProviderFilter,
        choice_filter("status", Template.Status.choices),
        choice_filter("category", Template.Category.choices),
    )
    list_filter_submit = True
    list_fullwidth = True
    search_fields = ("name",)
    search_help_text = "Name"
    empty_title = "No template yet"
    empty_text = (
        "Templates are approved at the BSP. Import them with “Import now”, or write one by hand. CleverTap "
        "takes its list from the template import URL on the provider's page."
    )

    @column(description="status", ordering="status")
    def status_badge(self, template: Template) -> SafeString:
        if template.vanished_at:
            return badge("Vanished", "warning", "The last import did not find the template at the BSP.")
        return badge(template.get_status_display(), _TONES.get(template.status, ""), template.status_reason)


admin.site.register(ImportRun, ImportRunAdmin)
admin.site.register(TemplateChange, TemplateChangeAdmin)
