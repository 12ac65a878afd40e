"""The wake-ups for a broadcast's next step: the worker would find it without, but later."""

from collections.abc import Callable
from typing import Any

import pytest

from broadcasts.models import Broadcast
from broadcasts.run import lifecycle
from campaigns.models import Message
from config import tasks
from providers.models import Provider
from tests.broadcasts.conftest import make_broadcast, work
from tests.conftest import Woken

State = Broadcast.State
STEERED: list[tuple[Callable[..., bool], State, dict[str, Any], tuple[Any, ...]]] = [
    (lifecycle.launch, State.DRAFT, {}, ()),
    (lifecycle.resume, State.PAUSED, {}, ()),
    (lifecycle.cancel, State.RUNNING, {}, ("Wrong price",)),
    (lifecycle.end, State.RUNNING, {"kind": Broadcast.Kind.ACTION}, ()),
]


@pytest.mark.parametrize(
    ("steer", "state", "values", "given"), STEERED, ids=["launch", "resume", "cancel", "end"]
)
def test_what_an_operator_does_takes_effect_at_once(
    provider: Provider, woken: Woken, steer: Callable[..., bool], state: State, values: Any, given: Any
) -> None:
    broadcast = make_broadcast(provider, state=state, **values)
    assert steer(broadcast, *given)
    assert woken() == {"broadcasts.run"}
    assert not steer(make_broadcast(provider, state=State.DONE, **values), *given)
    assert woken() == set(), "nothing was done"


def test_released_messages_wake_their_providers_sender(
    provider: Provider, other_shop: Provider, woken: Woken, people: Any
) -> None:
    people(1)
    broadcast = make_broadcast(provider)
    assert lifecycle.launch(broadcast)
    woken()
    work(broadcast)
    assert Message.objects.count() == 1
    assert woken() == {f"campaigns.send:{provider.pk}"}


def test_the_look_finds_steps_that_are_due(provider: Provider, woken: Woken) -> None:
    broadcast = make_broadcast(provider)
    assert lifecycle.launch(broadcast)
    woken()
    tasks.look()
    assert woken() == {f"broadcasts.run:{broadcast.pk}"}
