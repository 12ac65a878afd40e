"""What the filter bar offers while somebody types: those that exist and have it in their name."""

from collections.abc import Iterator

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, JsonResponse

from campaigns.models import Campaign, StatScope
from stats.pages.page_view import MAY_SEE, text
from stats.query.filters import Invalid

OFFERED = 50


def names(request: HttpRequest) -> JsonResponse:
    """Values with their labels, of the campaigns, variants or templates that `of` says; `q` is a part of
    them. A variant is one of a `campaign`."""
    if not request.user.has_perm(MAY_SEE):
        raise PermissionDenied
    look = {"campaign": _campaigns, "variant": _variants, "template": _templates}.get(
        request.GET.get("of", "")
    )
    try:
        found = look(text(request, "q"), text(request, "campaign")) if look else iter(())
    except Invalid as error:
        return JsonResponse({"problem": str(error)}, status=400)
    return JsonResponse({"names": list(found)})


names_view = admin.site.admin_view(names)


def _campaigns(term: str, _: str) -> Iterator[tuple[str, str]]:
    """Those that sent last come first."""
    rows = Campaign.objects.filter(Q(code__icontains=term) | Q(name__icontains=term)).order_by(
        "-last_seen_at"
    )
    yield from dict(rows.values_list("code", "name")[:OFFERED]).items()


def _variants(term: str, campaign: str) -> Iterator[tuple[str, str]]:
    """Those of a campaign; without one there are too many."""
    if campaign:
        yield from _scopes("variant", term, level=StatScope.Level.CAMPAIGN, campaign=campaign)


def _templates(term: str, _: str) -> Iterator[tuple[str, str]]:
    yield from _scopes("template", term, level=StatScope.Level.TEMPLATE, conversation=False)


def _scopes(name: str, term: str, **only: object) -> Iterator[tuple[str, str]]:
    found: QuerySet[StatScope] = StatScope.objects.filter(**only, **{f"{name}__icontains": term})
    rows = found.exclude(**{name: ""}).order_by(name).values_list(name, flat=True).distinct()
    yield from ((value, "") for value in rows[:OFFERED])


_LOOKS = {"campaign": _campaigns, "variant": _variants, "template": _templates}
