"""The database: SQLite with one writer at a time (WAL, IMMEDIATE), or PostgreSQL with a pool."""

from config.settings.environment import DATA_DIR, env
from lib import urls

_url = env.str("DATABASE_URL", default="") or f"sqlite:///{DATA_DIR / 'waypost.sqlite3'}"
DATABASES = {"default": env.db_url_config(urls.with_quoted_password(_url))}
_database = DATABASES["default"]
if _database["ENGINE"].endswith("sqlite3"):
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
    # A file, because threads share no in-memory database.
    _database["TEST"] = {
        "NAME": str(DATA_DIR / f"test-{env.str('PYTEST_XDIST_WORKER', default='main')}.sqlite3")
    }
    _database["CONN_MAX_AGE"] = None
else:
    _database["ENGINE"] = "lib.postgres"
    _database["OPTIONS"] = {
        "pool": {
            "min_size": 1,
            "max_size": env.int("DATABASE_POOL_SIZE", default=32),
            "timeout": 3,
            "reconnect_timeout": 3,
        },
        "connect_timeout": 3,
        # A machine that is gone sends nothing: the connection ends after ten seconds, not after minutes.
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 2,
        "tcp_user_timeout": 10_000,
    }
    _database["CONN_HEALTH_CHECKS"] = False
    _database["CONN_MAX_AGE"] = 0
# People's pages that a process works on at once, each with a connection: machines keep the other half.
PAGES_AT_ONCE = max(1, _database["OPTIONS"].get("pool", {"max_size": 20})["max_size"] // 2)
