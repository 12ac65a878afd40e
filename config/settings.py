"""Every setting, read from the environment (and `.env`) with django-environ.

With no environment at all Waypost runs embedded: SQLite, no broker, and everything it
generates under `var/`.
"""

import contextlib
import secrets
from collections.abc import Callable
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
env.read_env(BASE_DIR / ".env")

# A relative one starts at the project, wherever the command is run from.
DATA_DIR: Path = (BASE_DIR / env.str("DATA_DIR", default="var")).resolve()
with contextlib.suppress(OSError):  # `manage.py check` names a directory that cannot be written
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)


def generated(name: str, make: Callable[[], str]) -> str:
    """The environment's value, or one made once and kept in DATA_DIR for the embedded default."""
    value: str = env.str(name, default="")
    if value:
        return value
    path = DATA_DIR / f"{name.lower()}.key"
    draft = path.with_suffix(f".{secrets.token_hex(4)}")
    try:
        if not path.exists():
            draft.touch(0o600)
            draft.write_text(make())
            # A link appears whole or not at all, and once: processes that start together agree.
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(draft)
            draft.unlink()
        return path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name} is not set, and none can be kept in {DATA_DIR}: {error}"
        ) from error


def fernet_key() -> str:
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = generated("SECRET_KEY", lambda: secrets.token_urlsafe(50))
# Newest first: the first key encrypts, all of them decrypt.
FIELD_ENCRYPTION_KEYS = generated("FIELD_ENCRYPTION_KEYS", fernet_key).split(",")
PORT = env.int("PORT", default=8000)
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[PUBLIC_BASE_URL])
ALLOW_PRIVATE_TARGETS = env.bool("ALLOW_PRIVATE_TARGETS", default=False)

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "import_export",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "config",
    "providers",
    "templates_app",
    "audience",
    "campaigns",
    "broadcasts",
    "callbacks",
    "simulator",
]

MIDDLEWARE = [
    "config.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "lib.shown.Middleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["lib.shown_filters"],
        },
    }
]

# Database: SQLite with one writer at a time (WAL, IMMEDIATE), or PostgreSQL with a pool.
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'waypost.sqlite3'}")}
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
    _database["OPTIONS"] = {
        "pool": {"min_size": 1, "max_size": env.int("DATABASE_POOL_SIZE", default=20), "timeout": 3},
        "connect_timeout": 5,
    }
    _database["CONN_HEALTH_CHECKS"] = False
    _database["CONN_MAX_AGE"] = 0
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Hosts a request may name as CleverTap's callback URLs, where a provider trusts such headers.
CALLBACK_HOSTS = env.list("CALLBACK_HOSTS", default=[".wzrkt.com", ".clevertap.com", ".clevertap-prod.com"])

# Celery, the alarm clock of a distributed deployment. Without a broker a local loop does the work.
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="")
# Forwarding has its own queue: a CleverTap that is down must not occupy the senders.
CELERY_TASK_ROUTES = {
    name: {"queue": "forward"} for name in ("callbacks.forward", "callbacks.media", "audience.subscribe")
}
CELERY_BEAT_SCHEDULE = {
    "sweep-messages": {"task": "campaigns.sweep", "schedule": 2.0, "options": {"expires": 2}},
    "sweep-broadcasts": {"task": "broadcasts.sweep", "schedule": 2.0, "options": {"expires": 2}},
    "sweep-callbacks": {"task": "callbacks.sweep", "schedule": 2.0, "options": {"expires": 2}},
    "upkeep-messages": {"task": "campaigns.upkeep", "schedule": 60.0, "options": {"expires": 60}},
    "upkeep-templates": {"task": "templates.upkeep", "schedule": 60.0, "options": {"expires": 60}},
    "upkeep-audience": {"task": "audience.upkeep", "schedule": 60.0, "options": {"expires": 60}},
    "upkeep-callbacks": {"task": "callbacks.upkeep", "schedule": 60.0, "options": {"expires": 60}},
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False  # LOGGING below holds for workers too
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 2}

# Limits at the door
INTAKE_MAX_BODY = env.int("INTAKE_MAX_BODY", default=1_000_000)
WEBHOOK_MAX_BODY = env.int("WEBHOOK_MAX_BODY", default=4_000_000)  # Meta posts up to 3 MB
UPLOAD_MAX_BODY = env.int("UPLOAD_MAX_BODY", default=10_000_000)  # of a call of the upload API
INTAKE_GROUP_COMMIT = env.bool("INTAKE_GROUP_COMMIT", default=True)
INTAKE_MAX_WAIT = env.float("INTAKE_MAX_WAIT", default=1.0)
PROVIDER_CACHE_SECONDS = env.float("PROVIDER_CACHE_SECONDS", default=1.0)
DATA_UPLOAD_MAX_MEMORY_SIZE = max(INTAKE_MAX_BODY, WEBHOOK_MAX_BODY, UPLOAD_MAX_BODY) + 1
WEBHOOK_RETENTION_DAYS = env.int("WEBHOOK_RETENTION_DAYS", default=30)
# Of rows that an upload could not take over, files of failed uploads, and opt-outs CleverTap was told
AUDIENCE_RETENTION_DAYS = env.int("AUDIENCE_RETENTION_DAYS", default=30)

# Media of inbound messages that CleverTap fetches from us
MEDIA_MAX_BYTES = env.int("MEDIA_MAX_BYTES", default=100_000_000)  # WhatsApp's largest document
MEDIA_URL_SECONDS = env.int("MEDIA_URL_SECONDS", default=7 * 86400)
MEDIA_RETENTION_DAYS = env.int("MEDIA_RETENTION_DAYS", default=14)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Waypost stats",
    "DESCRIPTION": "The figures of the stats pages, under the same names and with the same filters.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX_INSERT": "/api",
    # Served by us; no page of ours loads anything from elsewhere.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

LANGUAGE_CODE = "en"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(DATA_DIR / "static"))
with contextlib.suppress(OSError):  # whitenoise warns of a missing directory
    Path(STATIC_ROOT).mkdir(parents=True, exist_ok=True)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
MEDIA_ROOT = str((BASE_DIR / env.str("MEDIA_ROOT", default=str(DATA_DIR / "uploads"))).resolve())
# Serve static files from the apps when nothing has been collected (the embedded default).
WHITENOISE_USE_FINDERS = True

_https = PUBLIC_BASE_URL.startswith("https://")
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
X_FRAME_OPTIONS = "DENY"
LOGIN_REDIRECT_URL = "admin:index"
# HSTS and the redirect to https are the reverse proxy's; DEBUG has a check of our own with a hint.
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008", "security.W018"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "filters": {"url_tokens": {"()": "lib.redact.UrlTokens"}},
    "loggers": {
        "django.request": {"filters": ["url_tokens"]},
        # Two lines for every wake-up would bury the rest.
        **{name: {"level": "WARNING"} for name in ("celery.worker.strategy", "celery.app.trace")},
    },
}

UNFOLD = {
    "SITE_TITLE": "Waypost",
    "SITE_HEADER": "Waypost",
    "SITE_SYMBOL": "signpost",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: STATIC_URL + "waypost/favicon.svg"}
    ],
    "SITE_URL": None,
    "DASHBOARD_CALLBACK": "config.dashboard.index",
    "SIDEBAR": {"navigation": "config.navigation.sidebar"},
    "STYLES": [lambda request: STATIC_URL + "waypost/admin.css"],
    "SCRIPTS": [lambda request: STATIC_URL + "waypost/admin.js"],
}
