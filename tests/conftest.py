"""What every test starts from: a provider, an intake that commits at once, and local addresses allowed."""

import gc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from asgiref.wsgi import WsgiToAsgi
from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from django.template import Context, Template
from django.test import TransactionTestCase, utils
from whitenoise.middleware import WhiteNoiseMiddleware

from campaigns.models import Installation
from config import asgi, wsgi
from identities.models import PseudonymKey
from lib import aside, wakeup
from lib.postgres import base as postgres
from lib.wakeup import DatagramListener
from operations.metrics import reporting
from providers import auth, leases
from providers.models import Provider
from simulator.server import Simulator
from templates_app.gate import cache
from tests.endpoints import Endpoint, listening
from tests.factories import make_provider
from tests.processes import Migrated, fresh_environment, manage
from tests.visitor import Visitor, visiting
from tests.waiting import PATIENCE

Woken = Callable[[], set[str]]

postgres.STILL = 0  # a test's transaction waits for what other processes do
gc.disable()  # until all tests are found: what is made meanwhile stays

# A slow machine fails no test, and all examples of a test may share the database fixture. Every run tries the
# same examples; --hypothesis-profile=wide tries many others.
hypothesis.settings.register_profile(
    "waypost",
    max_examples=15,
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "wide", hypothesis.settings.get_profile("waypost"), max_examples=1000, derandomize=False
)
hypothesis.settings.load_profile("waypost")


# What migrations made and no test changes.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}


def _empty(case: TransactionTestCase) -> None:
    """Deletes all rows. Django would truncate every table and make every permission anew, which takes
    longer than most tests."""
    for alias in case._databases_names(include_mirrors=False):
        connection = connections[alias]
        with (
            transaction.atomic(alias),
            connection.cursor() as cursor,
        ):  # foreign keys are checked at the end
            for table in set(connection.introspection.django_table_names(only_existing=True)) - KEPT:
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")


TransactionTestCase._fixture_teardown = _empty  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """References are the plain wp-1-1 in tests, which the database's own life would make longer. No secret is
    stored that a test's own keys do not open: the key of the pseudonyms is made when it is needed."""
    with django_db_blocker.unblock():
        Installation.objects.all().delete()
        PseudonymKey.objects.all().delete()
        if connection.vendor == "postgresql":  # no commit waits for the disk: tests outlive no power cut
            name = connection.ops.quote_name(connection.settings_dict["NAME"])
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
            connection.close()
            connection.close_pool()


# The finders' files: each new client would look at all of them again.
_found: dict[str, Any] = {}
_find_files = WhiteNoiseMiddleware.add_files_from_finders


def _files_as_found(middleware: WhiteNoiseMiddleware) -> None:
    others = middleware.files
    if not _found:
        middleware.files = _found
        _find_files(middleware)
    middleware.files = others | _found


WhiteNoiseMiddleware.add_files_from_finders = _files_as_found  # type: ignore[method-assign]
_render_and_tell = utils.instrumented_test_render


def _render(template: Template, context: Context) -> str:
    """Tells tests the context of a page, and not of each of the hundreds of templates inside it, which
    takes a third of the page's time."""
    if context.template is template:
        return _render_and_tell(template, context)
    return template.nodelist.render(context)


utils.instrumented_test_render = _render  # type: ignore[assignment]


@pytest.hookimpl(tryfirst=True)  # before pytest looks at -m
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what comes to a database or a broker, which leaves what need not run once for each. Tests that
    start processes come first: they wait for much, and others run meanwhile."""
    for item in items:
        if _reaches_a_database(item):
            item.add_marker("database")
    items.sort(key=lambda item: item.get_closest_marker("processes") is None)


def pytest_collection_finish() -> None:
    """Ten thousand tests and all modules are no garbage, and looking at them again and again took a third of
    the time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()


def _reaches_a_database(item: pytest.Item) -> bool:
    """pytest-django makes the database in a fixture of this name, and refuses queries without it."""
    marked = any(item.get_closest_marker(name) for name in ("django_db", "processes"))
    return marked or "django_db_setup" in getattr(item, "fixturenames", ())


def pytest_fixture_setup(fixturedef: Any, request: pytest.FixtureRequest) -> None:
    """A fixture that is asked for by name while a test runs would escape the rule."""
    if fixturedef.argname in ("db", "transactional_db") and not request.node.get_closest_marker("database"):
        pytest.fail(f"name the fixtures of {request.node.name} that need a database among its parameters")


@pytest.fixture(autouse=True)
def _test_settings(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is asked of the database happens in the test's own transaction, changes show at once,
    loopback may be called, nobody is asked for a proof again, and passwords are hashed in no time."""
    settings.INTAKE_GROUP_COMMIT = False
    monkeypatch.setattr(aside, "in_callers_thread", True)
    monkeypatch.setattr(asgi, "people", WsgiToAsgi(wsgi.application))
    settings.PROVIDER_CACHE_SECONDS = 0.0
    settings.ALLOW_PRIVATE_TARGETS = True
    settings.PROOF_MINUTES = 0
    monkeypatch.setattr(leases, "LENGTH", 30.0)  # no test loses a lease because the machine is busy
    monkeypatch.setattr(leases, "_held", {})  # whatever an earlier test's worker died with
    monkeypatch.setattr(reporting, "LAST", PATIENCE)  # no thread asks the database when its test is over
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    auth.forget()
    cache.forget()
    yield
    auth.forget()
    cache.forget()


@pytest.fixture
def provider(db: None) -> Provider:
    """A generic provider whose endpoint does not answer."""
    return make_provider()


@pytest.fixture
def other_shop(db: None) -> Provider:
    """A second provider with the number of `provider`, for messages to the same people with the same ids."""
    return make_provider()


@pytest.fixture
def woken(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Woken]:
    """The wake-ups that the worker got since the last call, each as TASK or TASK:KEY."""
    monkeypatch.setattr(wakeup, "local", lambda: True)
    settings.DATA_DIR = tmp_path
    listener = DatagramListener()
    yield lambda: listener.wait(0)
    listener.close()


@pytest.fixture
def admin_client(admin_user: User) -> Visitor:
    """A client that may do everything. It replaces pytest-django's, which checks no status."""
    return visiting(admin_user)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Migrated]:
    """Makes environments of installations that have their tables. The tables are made once, and copied."""
    with fresh_environment(tmp_path_factory.mktemp("migrated")) as original:
        manage(original, "migrate")
        yield partial(fresh_environment, copied=original)


@pytest.fixture(scope="session")
def _simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def simulator(_simulator: Simulator) -> Iterator[Simulator]:
    """The one simulator of the run, emptied for this test."""
    _simulator.accounts.clear()
    _simulator.catalogue.clear()
    _simulator.reset()
    yield _simulator
    _simulator.reset()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with listening() as found:
        yield found
