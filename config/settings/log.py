"""What is logged, and where it goes: the log, the trail's copy, Sentry, traces."""

from config.settings.environment import env

# "syslog", or a file that gets the trail too, as lines of JSON
TRAIL_LOG = env.str("TRAIL_LOG", default="")
_trail: dict[str, object] = {"class": "logging.NullHandler"}
if TRAIL_LOG == "syslog":
    _trail = {"class": "logging.handlers.SysLogHandler", "address": "/dev/log", "formatter": "bare"}
elif TRAIL_LOG:
    _trail = {"class": "logging.handlers.WatchedFileHandler", "filename": TRAIL_LOG, "delay": True}
LOG_FORMAT = env.str("LOG_FORMAT", default="plain")  # or json
ACCESS_LOG = env.bool("ACCESS_LOG", default=LOG_FORMAT == "json")  # a line for each call of a machine
SENTRY_DSN = env.str("SENTRY_DSN", default="")
OTEL_EXPORTER_OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")  # where traces go
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": "lib.logs.Plain",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s%(ids_text)s",
        },
        "bare": {"format": "waypost: %(message)s"},
        "json": {"()": "lib.logs.Json"},
    },
    "handlers": {
        "console": {
            "class": "lib.log_repeats.Counting",
            "formatter": "json" if LOG_FORMAT == "json" else "plain",
            "filters": ["ids"],
        },
        "trail": _trail,
        "nowhere": {"class": "logging.NullHandler"},
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "filters": {
        "url_tokens": {"()": "lib.redact.UrlTokens"},
        "ids": {"()": "lib.logs.Ids"},
        "foreign_host": {"()": "lib.logs.ForeignHost"},
        "broker_away": {"()": "lib.logs.BrokerAway"},
    },
    "loggers": {
        "django.security.DisallowedHost": {"filters": ["foreign_host"]},
        "django.request": {"filters": ["url_tokens"]},
        "waypost.trail": {"handlers": ["trail"], "level": "INFO", "propagate": False},
        # Their lines have the addresses of channels, which are secrets. What failed is said by who sends.
        "apprise": {"handlers": ["nowhere"], "level": "WARNING", "propagate": False},
        "urllib3": {"level": "WARNING"},
        # Each failure is logged by whoever meets it; the pool would add a line for each of its connections.
        "psycopg.pool": {"level": "ERROR"},
        # Celery logs two lines for every wake-up, and one for each of the clock, which would hide the rest.
        "celery": {"level": "WARNING"},
        "celery.beat": {"filters": ["broker_away"]},
    },
}
