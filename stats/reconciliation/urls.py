"""The reconciliation pages, under admin/stats/reconciliation/."""

from django.contrib import admin
from django.urls import path

from stats.reconciliation import upload_views, views

_wrap = admin.site.admin_view

app_name = "reconciliation"
urlpatterns = [
    path("", _wrap(views.page), name="page"),
    path("upload/", _wrap(upload_views.upload), name="upload"),
    path("<int:pk>/", _wrap(upload_views.report_page), name="report"),
    path("<int:pk>/cancel/", _wrap(upload_views.cancel), name="cancel"),
    path("<int:pk>/columns/", _wrap(upload_views.choose_columns), name="columns"),
    path("<int:pk>/discard/", _wrap(upload_views.discard), name="discard"),
    path("export.<slug:form>", _wrap(views.export), name="export"),
]
