"""Sending a test of a template, and watching it."""

from lib.admin import ModelAdmin


class TemplateTest(ModelAdmin):
    pass
