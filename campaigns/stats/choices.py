"""What the filter bar offers while somebody types. Anything else may be typed too."""

from campaigns.models import Campaign, StatScope
from providers.models import Provider

CAMPAIGNS = 50
TEMPLATES = 200


def providers() -> list[tuple[str, str]]:
    names = Provider.objects.order_by("nickname").values_list("nickname", flat=True)
    return [(name, name) for name in names]


def campaigns() -> list[tuple[str, str]]:
    """Those that were seen last."""
    rows = Campaign.objects.order_by("-last_seen_at").values_list("code", "name")
    return list(rows[:CAMPAIGNS])


def templates() -> list[tuple[str, str]]:
    names = (
        StatScope.objects.filter(level=StatScope.Level.TEMPLATE, conversation=False)
        .exclude(template="").order_by("template").values_list("template", flat=True).distinct()
    )  # fmt: skip
    return [(name, "") for name in names[:TEMPLATES]]
