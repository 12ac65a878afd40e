from typing import Any

from django.contrib import admin
from django.urls import URLPattern, include, path
from django.views.generic import RedirectView

from accounts.own_page import sign_in
from audience.api import UploadView
from callbacks.media.views import MediaView
from callbacks.webhooks import views as callbacks
from campaigns.intake.views import MessagesView
from campaigns.links.views import LinkView
from templates_app.api import TemplatesView


def machines(route: str, view: Any, name: str) -> list[URLPattern]:
    """A URL that programs call. They may add a slash, and follow no redirect with what they post."""
    # Of two URLs with one name, Django writes the last.
    return [path(f"{route}{slash}", view.as_view(), name=name) for slash in ("/", "")]


admin.autodiscover()

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    *machines("v1/<str:public_id>/messages", MessagesView, "messages"),
    *machines("v1/<str:public_id>/templates", TemplatesView, "templates"),
    *machines("callbacks/<str:token>/delivery", callbacks.DeliveryView, "delivery"),
    *machines("callbacks/<str:token>/inbound", callbacks.InboundView, "inbound"),
    *machines("webhooks/<str:token>", callbacks.WebhookView, "webhook"),
    *machines("1/upload", UploadView, "upload"),
    path("api/", include("stats.api.urls")),
    path("l/<str:token>", LinkView.as_view(), name="link"),
    path("media/<str:token>", MediaView.as_view(), name="media"),
    path("admin/login/", sign_in, name="account_login"),
    path("admin/account/", include("accounts.urls")),
    path("admin/stats/reconciliation/", include("stats.reconciliation.urls")),
    path("admin/stats/", include("stats.pages.urls")),
    path("admin/", admin.site.urls),
]

handler403 = "config.error_pages.forbidden"
handler404 = "config.error_pages.not_found"
