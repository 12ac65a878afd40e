"""What the subjects of a template's page add to it below the form."""

from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString

from lib.admin import ModelAdmin
from templates_app.models import Template


class TemplatePanels(ModelAdmin):
    """A mixin adds its panel by extending what `super().panels(…)` returns. A saved template's page only."""

    change_form_outer_after_template = "templates_app/panels.html"

    def panels(self, request: HttpRequest, template: Template) -> list[SafeString]:
        """Blocks of HTML, in the order the page shows them."""
        return []

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        context["panels"] = self.panels(request, obj) if obj is not None else []
        return super().render_change_form(request, context, add, change, form_url, obj)
