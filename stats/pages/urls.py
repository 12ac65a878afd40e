"""The stats pages, under admin/stats/."""

from django.urls import path
from django.views.generic import RedirectView

from stats.pages import choices, errors, saved_views, views
from stats.pages.messages import messages

app_name = "stats"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="stats:overview", query_string=True)),
    path("overview/", views.overview, name="overview"),
    path("campaigns/", views.campaigns, name="campaigns"),
    path("campaigns/one/", views.campaign, name="campaign"),
    path("templates/", views.templates, name="templates"),
    path("templates/one/", views.template, name="template"),
    path("providers/", views.providers, name="providers"),
    path("providers/one/", views.provider, name="provider"),
    path("errors/", errors.errors, name="errors"),
    path("errors/one/", errors.error, name="error"),
    path("conversations/", views.conversations, name="conversations"),
    path("names/", choices.names_view, name="names"),
    path("views/", saved_views.views, name="views"),
    path("views/save/", saved_views.save, name="view_save"),
    path("views/<int:pk>/", saved_views.view, name="view"),
    path("views/<int:pk>/mail/", saved_views.mail, name="view_mail"),
    path("views/<int:pk>/remove/", saved_views.remove, name="view_remove"),
    path("messages/", messages, name="messages"),
]
