from django.contrib import admin
from django.urls import include, path

from audience.api import UploadView
from callbacks import api as callbacks
from callbacks.media_api import MediaView
from campaigns.api import MessagesView
from campaigns.link_api import LinkView
from templates_app.api import TemplatesView

urlpatterns = [
    path("v1/<str:public_id>/messages", MessagesView.as_view(), name="messages"),
    path("v1/<str:public_id>/templates", TemplatesView.as_view(), name="templates"),
    path("callbacks/<str:token>/delivery", callbacks.DeliveryView.as_view(), name="delivery"),
    path("callbacks/<str:token>/inbound", callbacks.InboundView.as_view(), name="inbound"),
    path("webhooks/<str:token>", callbacks.WebhookView.as_view(), name="webhook"),
    path("1/upload", UploadView.as_view(), name="upload"),
    path("api/", include("campaigns.stats.urls")),
    path("l/<str:token>", LinkView.as_view(), name="link"),
    path("media/<str:token>", MediaView.as_view(), name="media"),
    path("admin/stats/reconciliation/", include("campaigns.reconciliation.urls")),
    path("admin/stats/", include("campaigns.stats.page_urls")),
    path("admin/", admin.site.urls),
]
