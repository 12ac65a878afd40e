from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from stats.api import views
from stats.api.docs import DocsView
from stats.api.exports import ExportView


class SchemaView(views.Readable, SpectacularAPIView):
    urlconf = "stats.api.urls"


urlpatterns = [
    path("stats", views.FiguresView.as_view(), name="stats"),
    path("stats/trend", views.TrendView.as_view(), name="stats_trend"),
    path("stats/campaigns", views.CampaignsView.as_view(), name="stats_campaigns"),
    path("stats/templates", views.TemplatesView.as_view(), name="stats_templates"),
    path("stats/providers", views.ProvidersView.as_view(), name="stats_providers"),
    path("stats/variants", views.VariantsView.as_view(), name="stats_variants"),
    path("stats/errors", views.ErrorsView.as_view(), name="stats_errors"),
    path("stats/error_codes", views.ErrorCodesView.as_view(), name="stats_error_codes"),
    path("stats/error_campaigns", views.ErrorCampaignsView.as_view(), name="stats_error_campaigns"),
    path("stats/error_templates", views.ErrorTemplatesView.as_view(), name="stats_error_templates"),
    path("stats/urls", views.UrlsView.as_view(), name="stats_urls"),
    path("stats/times", views.TimesView.as_view(), name="stats_times"),
    path("stats/pricing", views.PricingView.as_view(), name="stats_pricing"),
    path("stats/messages", views.MessagesView.as_view(), name="stats_messages"),
    path("stats/export/<slug:table>.<slug:form>", ExportView.as_view(), name="stats_export"),
    path("schema", SchemaView.as_view(), name="stats_schema"),
    path("docs", DocsView.as_view(), name="stats_docs"),
]
