"""Templates out of and into files."""

from lib.admin import ModelAdmin


class TemplateExchange(ModelAdmin):
    pass
