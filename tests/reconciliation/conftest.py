"""A clock that stands still, and figures of ours to compare with CleverTap's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine

from providers.models import Provider
from tests.factories import make_provider
from tests.stats.conftest import NOW

FILES = Path(__file__).parent / "files"


@pytest.fixture(autouse=True)
def _standing_clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def shop(db: None) -> Provider:
    return make_provider(nickname="Shop", delivery_url="https://clevertap.example/dlr")
