"""Which deliveries are due: the open incidents and the ended ones, held against the rules."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from operations.models import Delivery, Incident, Rule

About = Delivery.About
_ENDED_KEPT = timedelta(days=2)  # channels that got the beginning also get the end, even after an outage


def plan(now: datetime) -> int:
    """Writes a row for every delivery that the rules want now. Returns how many are new."""
    rules = list(Rule.objects.filter(channel__active=True).select_related("channel"))
    if not rules:
        return 0
    incidents = [
        *Incident.objects.filter(ended_at=None),
        *Incident.objects.filter(ended_at__gt=now - _ENDED_KEPT),
    ]
    made: dict[tuple[int, int], list[Delivery]] = defaultdict(list)
    for delivery in Delivery.objects.filter(incident__in=incidents).order_by("id"):
        made[delivery.channel_id, delivery.incident_id or 0].append(delivery)
    wanted = [
        Delivery(
            channel=rule.channel,
            incident=incident,
            about=about,
            turn=turn,
            created_at=now,
            next_attempt_at=now,
        )
        for rule in rules
        for incident in incidents
        if _concerns(rule, incident)
        for about, turn in _due(rule, incident, made[rule.channel_id, incident.pk], now)
    ]
    before = Delivery.objects.count()
    Delivery.objects.bulk_create(wanted, ignore_conflicts=True)
    return Delivery.objects.count() - before


def _concerns(rule: Rule, incident: Incident) -> bool:
    return (
        incident.severity >= rule.severity
        and (not rule.kinds or incident.kind in rule.kinds)
        and rule.provider_id in (None, incident.provider_id)
    )


def _due(
    rule: Rule, incident: Incident, made: list[Delivery], now: datetime
) -> Iterator[tuple[Delivery.About, int]]:
    """What the rule wants to send about the incident now, and the number of the repetition."""
    said = [each for each in made if each.about in (About.BEGAN, About.AGAIN)]
    if incident.ended_at is not None:
        if said and rule.ended:
            yield About.ENDED, 0
        return
    if incident.silenced_until is not None and incident.silenced_until > now:
        return
    if not said:
        if now - incident.began_at >= timedelta(minutes=rule.after_minutes):
            yield About.BEGAN, 0
        return
    again = timedelta(hours=rule.again_hours)
    if again and incident.acknowledged_at is None and now - said[-1].created_at >= again:
        yield About.AGAIN, len(said)
