"""The home page's context. Each part is there for those who may see what it leads to."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from broadcasts.models import Broadcast
from broadcasts.pages.progress import people, state_badge
from lib import phone_masking
from lib.admin import badge, page_url
from operations import samples
from operations.home.attention import attention
from operations.home.figures import figures, last_hour
from operations.home.providers import rows
from stats.query import breakdowns

BROADCASTS = 10


def index(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What operations/home.html shows. With `part=1` it is only what the page refreshes."""
    now, may = timezone.now(), request.user.has_perm
    context |= {
        "layout": "waypost/part.html" if request.GET.get("part") else "admin/index.html",
        "part_url": reverse("admin:index") + "?part=1",
        "as_of": now,
    }
    if may("operations.view_incident"):
        context["attention"] = attention(now)
        context["may_operate"] = may("operations.change_incident")
    stats, providers = may("campaigns.view_stats"), may("providers.view_provider")
    if stats or providers:
        groups = breakdowns.groups(last_hour(now), "provider", known_as={})
        waits = samples.oldest(now)
        if stats and may("campaigns.view_message"):
            context["figures"] = figures(now, groups, waits.values())
        if providers:
            context["providers"] = [
                (row, badge(row.state, row.state_tone, phone_masking.text(row.reason)))
                for row in rows(now, groups, waits)
            ]
    if may("broadcasts.view_broadcast"):
        context["broadcasts"] = _broadcasts()
    return context


def _broadcasts() -> list[dict[str, Any]]:
    under_way = Broadcast.objects.filter(state__in=(Broadcast.State.RUNNING, Broadcast.State.PAUSED))
    return [
        {
            "name": broadcast.name,
            "url": page_url("broadcasts_broadcast", broadcast.pk),
            "badge": state_badge(broadcast),
            "provider": broadcast.provider.nickname,
            "queued": broadcast.queued,
            "people": [people(broadcast, counter) for counter in ("queued", "recipients")],
            "recipients": broadcast.recipients,
        }
        for broadcast in under_way.select_related("provider").order_by("-state", "-pk")[:BROADCASTS]
    ]
