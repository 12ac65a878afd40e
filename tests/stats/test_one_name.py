"""A figure or a state has one name: on stats pages, in the log, on broadcasts, in exports and metrics."""

import pytest

from broadcasts.models import Broadcast, Recipient
from broadcasts.pages import exporting, progress
from campaigns.models import Event, Status
from operations.metrics import collector
from providers.models import Provider
from stats.query.figures import LABELS, NAMES
from tests.broadcasts.conftest import make_broadcast

STATES = {
    "submitted": Status.ACCEPTED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "viewed": Status.READ,
}
KINDS = {
    "sent": Event.Kind.SENT,
    "delivered": Event.Kind.DELIVERED,
    "viewed": Event.Kind.READ,
    "replied": Event.Kind.REPLIED,
}


@pytest.mark.parametrize("name", STATES)
def test_a_messages_state(name: str) -> None:
    assert STATES[name].label == LABELS[name]


@pytest.mark.parametrize("name", KINDS)
def test_a_reports_kind(name: str) -> None:
    assert KINDS[name].label == LABELS[name]


def test_no_state_has_the_name_of_another_figure() -> None:
    others = {LABELS[name] for name in NAMES} - {LABELS[name] for name in STATES}
    assert others & set(Status.labels) == set()


def test_metrics() -> None:
    assert set(collector._COUNTED) | set(collector._REPORTED) <= set(NAMES)


def test_a_broadcasts_figures_and_recipients(provider: Provider) -> None:
    shown = progress.page(make_broadcast(provider), stats=False)
    assert {name: label for name, label, *_ in shown["figures"]} == {
        name: LABELS[name] for name, *_ in shown["figures"]
    }
    states = {counter["label"] for counter in shown["counters"]}
    assert states == {state.label.capitalize() for state in Recipient.State}
    (heading,) = exporting.broadcasts(Broadcast.objects.none())
    assert states <= set(heading)
