"""What every test starts from: a provider, a door without waiting, and real sockets allowed."""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from django.db import connections, transaction
from django.test import TransactionTestCase

from providers import auth
from providers.models import Provider
from simulator.server import Simulator
from templates_app import known
from tests.endpoints import Endpoint, listening
from tests.factories import make_provider

# A slow machine is no failure, and the database fixture may serve all examples of a test.
hypothesis.settings.register_profile(
    "waypost",
    max_examples=15,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("waypost")


# What migrations made and no test changes.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}


def _empty(case: TransactionTestCase) -> None:
    """Deletes the rows there are. Django would truncate every table and make every permission anew, which
    takes longer than most tests."""
    for alias in case._databases_names(include_mirrors=False):
        connection = connections[alias]
        with (
            transaction.atomic(alias),
            connection.cursor() as cursor,
        ):  # foreign keys are looked at in the end
            for table in set(connection.introspection.django_table_names(only_existing=True)) - KEPT:
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")


TransactionTestCase._fixture_teardown = _empty  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _test_settings(settings: Any) -> Iterator[None]:
    """Writes happen in the test's own transaction, changes show at once, loopback may be called, and
    passwords are hashed in no time."""
    settings.INTAKE_GROUP_COMMIT = False
    settings.PROVIDER_CACHE_SECONDS = 0.0
    settings.ALLOW_PRIVATE_TARGETS = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    auth.forget()
    known.forget()
    yield
    auth.forget()
    known.forget()


@pytest.fixture
def provider(db: None) -> Provider:
    """A generic provider on an endpoint nothing listens at."""
    return make_provider()


@pytest.fixture(scope="session")
def _simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def simulator(_simulator: Simulator) -> Iterator[Simulator]:
    """The one simulator of the run, with nothing left in it from another test."""
    _simulator.accounts.clear()
    _simulator.catalogue.clear()
    _simulator.reset()
    yield _simulator
    _simulator.reset()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with listening() as found:
        yield found
