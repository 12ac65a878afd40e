"""The wake-ups for a template import: the worker would find it without, but later."""

from config import tasks
from providers.models import Provider
from templates_app.imports import runs
from tests.conftest import Woken


def test_an_import_that_is_asked_for(provider: Provider, woken: Woken) -> None:
    runs.start(provider)
    assert woken() == {"templates.import"}
    runs.start(provider)
    assert woken() == set(), "it is under way"


def test_one_that_nobody_has_taken_up(provider: Provider, woken: Woken) -> None:
    runs.start(provider)
    woken()
    tasks.look()
    assert woken() == {"templates.import"}
