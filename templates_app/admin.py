"""The templates a provider may send."""

from django.contrib import admin
from django.utils.safestring import SafeString

from lib.admin import ModelAdmin, Tone, badge, choice_filter, column
from providers.admin_filters import ProviderFilter
from templates_app.models import Template

_TONES: dict[str, Tone] = {
    Template.Status.APPROVED: "success",
    Template.Status.PENDING: "info",
    Template.Status.REJECTED: "danger",
    Template.Status.PAUSED: "warning",
    Template.Status.DISABLED: "danger",
}


@admin.register(Template)
class TemplateAdmin(ModelAdmin):
    list_display = ("name", "language", "provider", "category", "status_badge", "updated_at")
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
        "Templates are approved at the BSP. Add here what may be sent; CleverTap imports the list from the "
        "template import URL on the provider's page."
    )

    @column(description="status", ordering="status")
    def status_badge(self, template: Template) -> SafeString:
        return badge(template.get_status_display(), _TONES.get(template.status, ""))
