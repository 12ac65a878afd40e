from typing import Any

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from campaigns.stats import api
from campaigns.stats.export_api import ExportView

_MAY: dict[str, Any] = {
    "authentication_classes": api.StatsView.authentication_classes,
    "permission_classes": api.StatsView.permission_classes,
}

urlpatterns = [
    path("stats", api.FiguresView.as_view(), name="stats"),
    path("stats/trend", api.TrendView.as_view(), name="stats_trend"),
    path("stats/campaigns", api.CampaignsView.as_view(), name="stats_campaigns"),
    path("stats/templates", api.TemplatesView.as_view(), name="stats_templates"),
    path("stats/providers", api.ProvidersView.as_view(), name="stats_providers"),
    path("stats/variants", api.VariantsView.as_view(), name="stats_variants"),
    path("stats/errors", api.ErrorsView.as_view(), name="stats_errors"),
    path("stats/urls", api.UrlsView.as_view(), name="stats_urls"),
    path("stats/times", api.TimesView.as_view(), name="stats_times"),
    path("stats/messages", api.MessagesView.as_view(), name="stats_messages"),
    path("stats/export/<slug:table>.<slug:form>", ExportView.as_view(), name="stats_export"),
    path("schema", SpectacularAPIView.as_view(urlconf="campaigns.stats.urls", **_MAY), name="stats_schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="stats_schema", **_MAY), name="stats_docs"),
]
