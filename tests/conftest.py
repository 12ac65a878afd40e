"""What every test starts from: a provider, a door without waiting, and real sockets allowed."""

from collections.abc import Iterator
from typing import Any

import pytest

from providers import auth
from providers.models import Provider
from tests.factories import make_provider


@pytest.fixture(autouse=True)
def _test_settings(settings: Any) -> Iterator[None]:
    """Writes happen in the test's own transaction, changes show at once, loopback may be called."""
    settings.INTAKE_GROUP_COMMIT = False
    settings.PROVIDER_CACHE_SECONDS = 0.0
    settings.ALLOW_PRIVATE_TARGETS = True
    auth.forget()
    yield
    auth.forget()


@pytest.fixture
def provider(db: None) -> Provider:
    """A generic provider on an endpoint nothing listens at."""
    return make_provider()
