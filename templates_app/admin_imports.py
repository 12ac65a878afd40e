"""Importing from the admin: starting it, watching it, reading its report."""

from lib.admin import ModelAdmin


class TemplateImports(ModelAdmin):
    pass


class ImportRunAdmin(ModelAdmin):
    pass
