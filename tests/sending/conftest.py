"""Providers on endpoints that answer."""

import pytest

from providers.models import Provider
from simulator.server import Simulator
from tests.bsps import customer
from tests.endpoints import Endpoint
from tests.factories import make_provider


@pytest.fixture
def at_endpoint(db: None, endpoint: Endpoint) -> Provider:
    """A provider whose messages go to `endpoint`."""
    return make_provider(endpoint=endpoint.url)


@pytest.fixture
def at_simulator(db: None, simulator: Simulator) -> Provider:
    """A provider whose messages go to the simulator."""
    return customer(simulator)
