"""Failures that rise above what is usual for a provider, a campaign or a template."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from operations.kinds.base import Found, Kind, Severity, Step
from operations.models import Incident
from stats.pages import links
from stats.query import breakdowns
from stats.query.breakdowns import Dimension, Group
from stats.query.figures import RATE
from stats.query.filters import Filters

_NOW = timedelta(minutes=30)
_USUAL = timedelta(days=7)
_FEW = 20  # messages, below which a share says little
_LEAST = 0.10  # the share of failures below which there is no incident
_TIMES = 3  # how much above the usual
_SCOPES: dict[Dimension, str] = {"provider": "provider", "campaign": "campaign", "template": "template-name"}


def _risen(now: datetime) -> Iterable[Found]:
    recent = Filters(now, ZoneInfo("UTC")).between(now - _NOW, now)
    before = Filters(now, ZoneInfo("UTC")).between(now - _USUAL, now - _NOW)
    for dimension in _SCOPES:
        groups = [
            group
            for group in breakdowns.groups(recent, dimension, order="-error_rate", limit=100)
            if _total(group) >= _FEW and (RATE["error_rate"].of(group.figures) or 0) >= _LEAST
        ]
        usual = breakdowns.known(before, dimension, groups)
        for group in groups:
            share = RATE["error_rate"].of(group.figures) or 0
            known = usual.get(breakdowns.key(group, dimension))
            baseline = (RATE["error_rate"].of(known) or 0) if known else 0
            if share >= _TIMES * baseline:
                yield _found(group, dimension, share, baseline)


def _total(group: Group) -> int:
    return RATE["error_rate"].counts(group.figures)[1]


def _found(group: Group, dimension: Dimension, share: float, baseline: float) -> Found:
    value = getattr(group, dimension) if dimension != "provider" else ""
    name = group.campaign_name or value or group.provider
    what = "" if dimension == "provider" else f"{dimension} "
    return Found(
        f"{_SCOPES[dimension]}:{group.provider_id}:{value}".rstrip(":")[:200],
        f"{share:.0%} of the messages of the last half hour failed; usual are {baseline:.0%}.",
        f"{what}{name}" + ("" if dimension == "provider" else f" of {group.provider}"),
        group.provider_id,
        messages=group.figures.errors,
    )


def _errors(incident: Incident) -> str:
    """The errors of the last day, of just what the incident is about, by code."""
    what, _, rest = incident.scope.partition(":")
    value, now = rest.partition(":")[2], timezone.now()
    filters = Filters(now, ZoneInfo("UTC"), range="24h", provider_id=incident.provider_id)
    filters = replace(filters, provider=incident.provider.nickname if incident.provider else "")
    if what == _SCOPES["campaign"]:
        filters = replace(filters, campaign=value)
    elif what == _SCOPES["template"]:
        filters = replace(filters, template=value)
    return links.messages_behind(filters, "error_rate")


KINDS = (
    Kind(
        "failures_risen",
        "More messages fail than usual",
        Severity.CRITICAL,
        _risen,
        lambda incident: Step("Open the errors to see which one it is", _errors(incident)),
        _errors,
        calm_for=timedelta(minutes=5),
    ),
)
