"""What happened to a template: its timeline, and what changed."""

from lib.admin import ModelAdmin


class TemplateHistory(ModelAdmin):
    pass
