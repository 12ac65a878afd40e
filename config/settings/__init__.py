"""Every setting, read from the environment (and `.env`) with django-environ.

With no environment at all Waypost runs embedded: SQLite, no broker, and everything it
generates under `var/`.
"""

import contextlib
import ipaddress
import secrets
from pathlib import Path

from csp.constants import NONE, SELF, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static

from config.settings.ages import *  # noqa: F403  Django reads all settings from one module
from config.settings.database import *  # noqa: F403
from config.settings.environment import BASE_DIR, DATA_DIR, PUBLIC_BASE_URL, env, generated
from config.settings.environment import PORT as PORT
from config.settings.log import *  # noqa: F403
from config.settings.sign_in import *  # noqa: F403
from lib import urls

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = generated("SECRET_KEY", lambda: secrets.token_urlsafe(50))
# Former keys: sessions and media links that they signed stay valid.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# Newest first: the first key encrypts, all of them decrypt. Without any, lib/keys.py has the one in the file.
FIELD_ENCRYPTION_KEYS = env.list("FIELD_ENCRYPTION_KEYS", default=[])
FIELD_ENCRYPTION_KEY_FILE = DATA_DIR / "field_encryption_keys.key"
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[]) or ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[]) or [PUBLIC_BASE_URL]
ALLOW_PRIVATE_TARGETS = env.bool("ALLOW_PRIVATE_TARGETS", default=False)

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "config.apps.AdminConfig",
    "accounts",  # its commands stand for those of the next
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "lib.static_files.App",
    "django.contrib.humanize",
    "django.forms",
    "import_export",
    "rest_framework",
    "drf_spectacular",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "config",
    "providers",
    "templates_app",
    "identities",
    "audience",
    "campaigns",
    "stats",
    "broadcasts",
    "callbacks",
    "archive",
    "privacy",
    "operations",
    "simulator",
]

MIDDLEWARE = [
    "config.health.HealthMiddleware",
    "config.seats.SeatsMiddleware",
    "config.compression.PagesMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.headers.HeadersMiddleware",
    "config.methods.MethodsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.body_limits.BodyLimitMiddleware",
    "lib.phone_masking.Middleware",
    "lib.reader_zone.Middleware",
    "accounts.middleware.LooksMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.SessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"  # its templates are loaded like all others
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "config" / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["lib.icons.Filesystem", "lib.icons.AppDirectories"],
                ),
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context.of_the_admin",
                "lib.version.of_the_page",
            ],
            "builtins": ["lib.chips", "lib.phone_masking_filters", "accounts.dressing"],
        },
    }
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Where workers without a broker hear of work, when DATABASE_URL leads to a pooler that shares connections
LISTEN_DATABASE_URL = urls.with_quoted_password(env.str("LISTEN_DATABASE_URL", default=""))

# Hosts a request may name as CleverTap's callback URLs, where a provider trusts such headers.
CALLBACK_HOSTS = env.list("CALLBACK_HOSTS", default=[".wzrkt.com", ".clevertap.com", ".clevertap-prod.com"])

# When something is an incident, and how many seconds pass between two looks for them
INCIDENT_LOOK_SECONDS = env.float("INCIDENT_LOOK_SECONDS", default=10.0)
if not 0 < INCIDENT_LOOK_SECONDS <= 30:
    raise ImproperlyConfigured("INCIDENT_LOOK_SECONDS: write more than 0 and at most 30 seconds")
INCIDENT_QUEUE_MINUTES = env.int("INCIDENT_QUEUE_MINUTES", default=5)  # a message is due and not sent
INCIDENT_SILENCE_MINUTES = env.int("INCIDENT_SILENCE_MINUTES", default=30)  # a BSP sends no report
HEARTBEAT_URL = env.str("HEARTBEAT_URL", default="")  # of a dead man's switch, called every minute
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")  # of /metrics and /healthz?full
DATABASE_SIZE_ALARM_GB = env.int("DATABASE_SIZE_ALARM_GB", default=0)  # 0: no alarm

# Celery wakes the workers of a distributed deployment. Without a broker, the local worker does the work.
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="")
# Forwarding has its own queue: a CleverTap that is down must not occupy the senders.
CELERY_TASK_ROUTES = {
    name: {"queue": "forward"}
    for name in ("callbacks.forward", "callbacks.media", "audience.subscribe", "operations.alarms")
}
# Beat keeps no file of what ran last, which every task here may repeat. Celery's own cannot be read from
# Python 3.13 on by a beat that its worker forks.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
CELERY_BEAT_SCHEDULE = {
    "look": {"task": "queues.look", "schedule": 1.0, "options": {"expires": 2}},
    "upkeep-queues": {"task": "queues.upkeep", "schedule": 60.0, "options": {"expires": 60}},
    "upkeep-messages": {"task": "campaigns.upkeep", "schedule": 60.0, "options": {"expires": 60}},
    "upkeep-templates": {"task": "templates.upkeep", "schedule": 60.0, "options": {"expires": 60}},
    "upkeep-audience": {"task": "audience.upkeep", "schedule": 60.0, "options": {"expires": 60}},
    "upkeep-stats": {"task": "stats.upkeep", "schedule": 60.0, "options": {"expires": 60}},
    "upkeep-accounts": {"task": "accounts.upkeep", "schedule": 60.0, "options": {"expires": 60}},
    "upkeep-callbacks": {"task": "callbacks.upkeep", "schedule": 60.0, "options": {"expires": 60}},
    "upkeep-archive": {"task": "archive.upkeep", "schedule": 60.0, "options": {"expires": 60}},
    "upkeep-privacy": {"task": "privacy.upkeep", "schedule": 60.0, "options": {"expires": 60}},
    "upkeep-operations": {"task": "operations.upkeep", "schedule": 60.0, "options": {"expires": 60}},
    "look-for-incidents": {
        "task": "operations.look",
        "schedule": INCIDENT_LOOK_SECONDS,
        "options": {"expires": INCIDENT_LOOK_SECONDS},
    },
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 2}

# Limits on what callers post
INTAKE_MAX_BODY = env.int("INTAKE_MAX_BODY", default=1_000_000)
WEBHOOK_MAX_BODY = env.int("WEBHOOK_MAX_BODY", default=4_000_000)  # Meta posts up to 3 MB
UPLOAD_MAX_BODY = env.int("UPLOAD_MAX_BODY", default=10_000_000)  # of a call of the upload API
# Seconds that a caller may take for a request's headers (the server is told), and for its body
HEADER_SECONDS = env.float("HEADER_SECONDS", default=10.0)
BODY_SECONDS = env.float("BODY_SECONDS", default=30.0)
INTAKE_GROUP_COMMIT = env.bool("INTAKE_GROUP_COMMIT", default=True)
INTAKE_MAX_WAIT = env.float("INTAKE_MAX_WAIT", default=1.0)
PROVIDER_CACHE_SECONDS = env.float("PROVIDER_CACHE_SECONDS", default=1.0)
DATA_UPLOAD_MAX_MEMORY_SIZE = max(INTAKE_MAX_BODY, WEBHOOK_MAX_BODY, UPLOAD_MAX_BODY) + 1

# Parquet files for a warehouse (docs/archive.md): a directory, or s3://bucket/folder
ARCHIVE_TO = env.str("ARCHIVE_TO", default="")
ARCHIVE_MINUTES = env.int("ARCHIVE_MINUTES", default=15)
ARCHIVE_NUMBERS = env.str("ARCHIVE_NUMBERS", default="hashed")
ARCHIVE_TEXTS = env.bool("ARCHIVE_TEXTS", default=False)
ARCHIVE_BUCKET_ENDPOINT = env.str("ARCHIVE_BUCKET_ENDPOINT", default="")
ARCHIVE_BUCKET_REGION = env.str("ARCHIVE_BUCKET_REGION", default="us-east-1")
ARCHIVE_BUCKET_KEY = env.str("ARCHIVE_BUCKET_KEY", default="")
ARCHIVE_BUCKET_SECRET = env.str("ARCHIVE_BUCKET_SECRET", default="")
if ARCHIVE_NUMBERS not in ("whole", "masked", "hashed"):
    raise ImproperlyConfigured("ARCHIVE_NUMBERS: write whole, masked or hashed")

# How old the figures in CleverTap's campaign report may be when it is exported
CLEVERTAP_REPORT_CACHE_HOURS = env.float("CLEVERTAP_REPORT_CACHE_HOURS", default=4.0)

# A template import in which a larger share of the templates vanishes waits for an operator's word.
IMPORT_VANISHING_PERCENT = env.int("IMPORT_VANISHING_PERCENT", default=20)

# Media of inbound messages that CleverTap fetches from us
MEDIA_MAX_BYTES = env.int("MEDIA_MAX_BYTES", default=100_000_000)  # WhatsApp's largest document
MEDIA_URL_SECONDS = env.int("MEDIA_URL_SECONDS", default=7 * 86400)

# Where attempts are counted, for all processes alike
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "accounts_cache",
        # Beyond this number counts are deleted: so many that nobody can push out their own count with made-up
        # names.
        "OPTIONS": {"MAX_ENTRIES": 1_000_000},
    }
}
# Mail, as smtp+tls://user:password@host:587. Without it none is sent.
_mail = env.email_url("EMAIL_URL", default="dummymail://")
EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_BACKEND"], _mail["EMAIL_HOST"], _mail["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"], _mail["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 5
DEFAULT_FROM_EMAIL = env.str("MAIL_FROM", default="waypost@localhost")

# Networks of our own proxies: what they say in X-Forwarded-For is believed, and of nobody else
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])
try:
    for _network in TRUSTED_PROXIES:
        ipaddress.ip_network(_network)
except ValueError as error:
    raise ImproperlyConfigured(
        f"TRUSTED_PROXIES: {error}. Write networks separated by commas, such as 10.0.0.0/8"
    ) from error

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
}

LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "config.formats"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(DATA_DIR / "static"))
with contextlib.suppress(OSError):  # whitenoise warns of a missing directory
    Path(STATIC_ROOT).mkdir(parents=True, exist_ok=True)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "lib.static_files.Storage",
        # Collected by one user, and served by another.
        "OPTIONS": {"file_permissions_mode": 0o644, "directory_permissions_mode": 0o755},
    },
}
FILE_UPLOAD_TEMP_DIR = str(DATA_DIR / "incoming")  # /tmp may be memory
with contextlib.suppress(OSError):
    Path(FILE_UPLOAD_TEMP_DIR).mkdir(parents=True, exist_ok=True)
FILE_UPLOAD_PERMISSIONS = 0o600  # Django would set 0o644, whatever the umask
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
MEDIA_ROOT = str((BASE_DIR / env.str("MEDIA_ROOT", default=str(DATA_DIR / "uploads"))).resolve())
# Without collected static files (the embedded default), the apps' own are served.
WHITENOISE_USE_FINDERS = DEBUG or not (Path(STATIC_ROOT) / "staticfiles.json").exists()

_https = PUBLIC_BASE_URL.startswith("https://")
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
# How long browsers refuse plain HTTP to this host, in seconds; 0 does not ask them to.
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=0)
CSRF_FAILURE_VIEW = "config.error_pages.stale_form"
X_FRAME_OPTIONS = "DENY"
# No page has a script of its own in it, so none needs a nonce. Styles stand in attributes too.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
LOGIN_REDIRECT_URL = "admin:index"
# The redirect to https is the reverse proxy's, and so is HSTS unless HSTS_SECONDS is set. DEBUG has a check
# of our own with a hint, and so has PUBLIC_BASE_URL, which decides whether cookies are for https alone.
# What the description of an API may lack is no matter of an installation.
SILENCED_SYSTEM_CHECKS = [
    *(f"security.W{number:03}" for number in (4, 8, 12, 16, 18)),
    "drf_spectacular.W001",
    "drf_spectacular.W002",
]

OWN_PAGE_PARTS = ["stats.pages.saved_views.own_part"]  # what other rooms show on one's own page
PALETTE = "config.palette.found"  # what Ctrl K finds
UNFOLD = {
    "SITE_TITLE": "Waypost",
    "SITE_HEADER": "Waypost",
    "SITE_SYMBOL": "signpost",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("waypost/favicon.svg")}
    ],
    "SITE_URL": None,
    "DASHBOARD_CALLBACK": "operations.home.page.index",
    "SIDEBAR": {"navigation": "config.navigation.sidebar"},
    "ACCOUNT": {"navigation": "config.navigation.own"},
    "STYLES": [lambda request: static("waypost/admin.css")],
    "SCRIPTS": [lambda request: static("waypost/admin.js")],
}
