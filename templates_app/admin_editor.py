"""Writing a template by hand: the form, its preview, and checking it with the provider."""

from lib.admin import ModelAdmin


class TemplateEditor(ModelAdmin):
    pass
