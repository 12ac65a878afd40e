"""The campaigns seen, so that an operator can give them names."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from campaigns.models import Campaign
from lib.admin import ModelAdmin, column, link, moment
from providers.list_filters import ProviderFilter


def stats_url(campaign: Campaign) -> str:
    query = {"campaign": campaign.code, "provider": campaign.provider.nickname, "range": "all"}
    return f"{reverse('stats:campaign')}?{urlencode(query)}"


@admin.register(Campaign)
class CampaignAdmin(ModelAdmin):
    """Waypost adds a campaign when its first message comes in. People can change its name only."""

    list_display = ("code", "name", "provider", "first_seen", "last_seen", "stats")
    list_select_related = ("provider",)
    list_filter = (ProviderFilter,)
    list_filter_submit = True
    search_fields = ("code", "name")
    search_help_text = "Part of the campaign id or name"
    ordering = ("-last_seen_at", "-id")
    fields = ("name", "code", "provider", "first_seen_at", "last_seen_at")
    readonly_fields = ("code", "provider", "first_seen_at", "last_seen_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def response_post_save_change(self, request: HttpRequest, obj: Campaign) -> HttpResponseRedirect:
        """Back to the campaign's stats, which show the name."""
        if request.user.has_perm("campaigns.view_stats"):
            return redirect(stats_url(obj))
        return redirect("admin:campaigns_campaign_changelist")

    @column(description="first seen", ordering="first_seen_at")
    def first_seen(self, campaign: Campaign) -> SafeString | None:
        return moment(campaign.first_seen_at)

    @column(description="last seen", ordering="last_seen_at")
    def last_seen(self, campaign: Campaign) -> SafeString | None:
        return moment(campaign.last_seen_at)

    @column(description="stats")
    def stats(self, campaign: Campaign) -> SafeString:
        return link(stats_url(campaign), "Stats")
