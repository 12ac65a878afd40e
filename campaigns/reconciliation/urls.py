"""The reconciliation pages, under admin/stats/reconciliation/."""

from django.contrib import admin
from django.urls import path

from campaigns.reconciliation import pages

_wrap = admin.site.admin_view

app_name = "reconciliation"
urlpatterns = [
    path("", _wrap(pages.page), name="page"),
    path("upload/", _wrap(pages.upload), name="upload"),
    path("<int:pk>/columns/", _wrap(pages.choose_columns), name="columns"),
    path("<int:pk>/discard/", _wrap(pages.discard), name="discard"),
    path("export.<slug:form>", _wrap(pages.export), name="export"),
]
