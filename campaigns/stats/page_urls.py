"""The stats pages, under admin/stats/."""

from django.urls import path
from django.views.generic import RedirectView

from campaigns.stats import pages
from campaigns.stats.pages_messages import messages

app_name = "stats"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="stats:overview", query_string=True)),
    path("overview/", pages.overview, name="overview"),
    path("campaigns/", pages.campaigns, name="campaigns"),
    path("campaigns/one/", pages.campaign, name="campaign"),
    path("templates/", pages.templates, name="templates"),
    path("templates/one/", pages.template, name="template"),
    path("providers/", pages.providers, name="providers"),
    path("providers/one/", pages.provider, name="provider"),
    path("errors/", pages.errors, name="errors"),
    path("conversations/", pages.conversations, name="conversations"),
    path("messages/", messages, name="messages"),
]
