"""The backend that settings name as ENGINE: Django's own, except for three things.

A restart or failover of PostgreSQL ends every connection. Django's pool hands ended ones out, and psycopg's
waits for up to minutes between tries to connect, so callers get errors long after the database is back.

A process that stands still in the middle of a transaction (stopped, or on a frozen machine) keeps its locks,
and whoever takes over its work waits for them. So the database ends such a transaction and its connection.

Tables that grow with traffic are made in parts (`parts`).
"""

import select
from typing import Any

import psycopg
from django.db import OperationalError
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property
from psycopg_pool import ConnectionPool, PoolTimeout
from psycopg_pool.base import AttemptWithBackoff

from lib.postgres.schema_editor import SchemaEditor

AGAIN = 0.1  # seconds between tries to connect
STILL = 30  # seconds that a transaction may do nothing; 0: as long as it likes

# Of all pools of the process; psycopg has no option for it.
AttemptWithBackoff.INITIAL_DELAY, AttemptWithBackoff.DELAY_BACKOFF = AGAIN, 1.0


class Pool(ConnectionPool[Any]):
    """Hands out no connection that the database has ended while it was idle."""

    def getconn(self, timeout: float | None = None) -> Any:
        while True:
            found = self._waited(timeout)
            if not ended(found):
                return found
            found.close()
            self.putconn(found)  # which has another one made

    def _waited(self, timeout: float | None) -> Any:
        """Raises PoolTimeout, which says what is wrong: the pool itself knows only that nothing came."""
        try:
            return super().getconn(timeout)
        except PoolTimeout:
            if self.get_stats()["pool_size"] >= self.max_size:
                raise
        how = dict(self.kwargs) if isinstance(self.kwargs, dict) else {}
        try:
            self.connection_class.connect(**how | {"connect_timeout": 2}).close()
        except psycopg.Error as error:
            raise PoolTimeout(str(error).strip()) from error
        return super().getconn(timeout)  # it came back just now


def ended(idle: "psycopg.Connection[Any]") -> bool:
    """Whether the server said something on an idle connection: that it ends, or it closed it. Asks nobody."""
    if idle.closed:
        return True
    socket = select.poll()
    socket.register(idle.fileno(), select.POLLIN)
    return bool(socket.poll(0))


class Errors(DatabaseErrorWrapper):
    """As Django's, but the error for a transaction that stood still counts as a lost connection, as at a
    restart. psycopg calls it an internal error."""

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if isinstance(error, psycopg.errors.IdleInTransactionSessionTimeout):
            raise OperationalError(*error.args) from error
        super().__exit__(kind, error, traceback)


class DatabaseWrapper(base.DatabaseWrapper):
    SchemaEditorClass = SchemaEditor
    _connection_pools: dict[str, Pool]

    @cached_property
    def wrap_database_errors(self) -> Errors:
        return Errors(self)

    def _configure_connection(self, connection: Any) -> Any:
        """What a new connection begins with. Returns whether that must be committed."""
        must_commit = super()._configure_connection(connection)  # type: ignore[misc]
        connection.execute(f"SET idle_in_transaction_session_timeout = '{STILL}s'")
        return must_commit or not connection.autocommit

    @property
    def pool(self) -> Any:
        """As Django's, which can be given no pool of another class."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        if self.alias not in self._connection_pools:
            made = Pool(
                kwargs=self.get_connection_params() | {"autocommit": True},
                open=False,
                configure=self._configure_connection,
                **options,
            )
            self._connection_pools.setdefault(self.alias, made)  # threads may come here together
        return self._connection_pools[self.alias]
