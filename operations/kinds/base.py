"""What every kind of incident declares."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from lib.admin import list_url, page_url
from operations.models import Incident

Severity = Incident.Severity


class Found(NamedTuple):
    """One thing that is wrong now. `text` is a sentence for the engineer on call; `since` is when it began,
    where the rows tell; `severity` is for what is worse, or not as bad, as its kind usually is."""

    scope: str
    text: str
    subject: str = ""
    provider_id: int | None = None
    messages: int = 0
    since: datetime | None = None
    severity: Incident.Severity | None = None


class Step(NamedTuple):
    """What to do next, and the page on which it is done."""

    words: str
    url: str


Steps = Callable[[Incident], Step]
Urls = Callable[[Incident], str]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of incident. `slug` is its name in rows, the API and docs/operations.md; `find` asks the rows,
    a constant number of queries however many providers there are. `step` is the next step; `behind` is
    the list of what the incident counts, empty where there is none. It ends when it was not found for
    `calm`: two looks, or `calm_for`."""

    slug: str
    title: str
    severity: Incident.Severity
    find: Callable[[datetime], Iterable[Found]]
    step: Steps
    behind: Urls = lambda incident: ""
    calm_for: timedelta | None = None

    @property
    def calm(self) -> timedelta:
        return self.calm_for or 2 * timedelta(seconds=settings.INCIDENT_LOOK_SECONDS)

    @property
    def docs(self) -> str:
        """The part of docs/operations.md about it."""
        return f"docs/operations.md#{self.slug}"


def listed(model: str, **filters: int | str) -> Urls:
    """The list of `app_model` with the rows of the incident's provider."""
    return lambda incident: list_url(model, provider=incident.provider_id or 0, **filters)


def in_list(words: str, model: str, **filters: int | str) -> Steps:
    """A next step in such a list."""
    return lambda incident: Step(words, listed(model, **filters)(incident))


def on_provider(words: str) -> Steps:
    """A next step on the page of the incident's provider."""
    return lambda incident: Step(words, page_url("providers_provider", incident.provider_id))


def by_hand(words: str) -> Steps:
    """A next step that is done outside of Waypost's pages: it leads to the incident itself."""
    return lambda incident: Step(words, page_url("operations_incident", incident.pk))


def on_page(words: str, model: str) -> Steps:
    """A next step on the page of the row of `app_model` that the incident's scope names."""
    return lambda incident: Step(words, page_url(model, pk_of(incident)))


def of_provider(provider_id: int) -> str:
    return f"provider:{provider_id}"


def pk_of(incident: Incident) -> str:
    """What stands behind the colon of its scope."""
    return incident.scope.partition(":")[2]
