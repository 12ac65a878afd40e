"""What an installation still lacks for production, each with what to set.

`manage.py check --deploy` lists them, and `manage.py serve` names them in one line. Only settings that cannot
work are errors, such as an invalid key: everything else is fine for the embedded default.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register, run_checks
from django.db import DatabaseError

from lib import addresses, keys, schema
from providers import stored_secrets

TAG = "waypost"
LEAST_POOL = 2
LOCAL_HOSTS = {"localhost", "127.0.0.1", "[::1]"}


@register(TAG)
def encryption_keys(app_configs: Any, **_: Any) -> list[CheckMessage]:
    for position, key in enumerate(keys.keys(), 1):
        try:
            Fernet(key.strip().encode())
        except ValueError:
            return [
                Error(
                    f"Key {position} of {len(keys.keys())} is not a Fernet key.",
                    hint="A key is 32 random bytes in URL-safe base64; several are separated by commas. "
                    "One is made with: python -c 'from cryptography.fernet import Fernet; "
                    "print(Fernet.generate_key().decode())'",
                    obj="FIELD_ENCRYPTION_KEYS",
                    id="waypost.E001",
                )
            ]
    return []


@register(Tags.database)
def tables(app_configs: Any, databases: Sequence[str] | None, **_: Any) -> list[CheckMessage]:
    words = schema.other() if databases else ""
    return [Warning(words, obj="DATABASE_URL", id="waypost.W012")] if words else []


@register(Tags.database)
def stored(app_configs: Any, databases: Sequence[str] | None, **_: Any) -> list[CheckMessage]:
    """Needs the database, so only `check` and `migrate` ask for it."""
    if not databases:
        return []
    try:
        found = [str(each) for each in stored_secrets.unreadable()]
    except DatabaseError:  # it does not answer, or has no tables yet
        return []
    hint = (
        "Put the key that they were stored with back at the end of that setting, or enter the secrets again."
    )
    text = f"None of FIELD_ENCRYPTION_KEYS can decrypt these stored secrets: {'; '.join(found)}."
    return [Warning(text, hint=hint, obj="FIELD_ENCRYPTION_KEYS", id="waypost.W011")] if found else []


@register(TAG)
def pool(app_configs: Any, **_: Any) -> list[CheckMessage]:
    most = settings.DATABASES["default"].get("OPTIONS", {}).get("pool", {"max_size": LEAST_POOL})["max_size"]
    if most >= LEAST_POOL:
        return []
    return [
        Error(
            f"{most} is too small: pages for people use half of the connections, and calls from "
            "programs the other half.",
            hint=f"Set DATABASE_POOL_SIZE to {LEAST_POOL} at least; 32 is usual.",
            obj="DATABASE_POOL_SIZE",
            id="waypost.E002",
        )
    ]


@register(TAG, deploy=True)
def production(app_configs: Any, **_: Any) -> list[CheckMessage]:
    return [
        Warning(text, hint=hint, obj=name, id=f"waypost.W{number:03}")
        for number, name, text, hint in _missing()
    ]


def missing_for_production() -> list[str]:
    """The names of the settings that `check --deploy` complains of, each once."""
    found = run_checks(tags=[TAG], include_deployment_checks=True)
    return list(dict.fromkeys(str(message.obj) for message in found))


def _missing() -> Iterator[tuple[int, str, str, str]]:
    """(number, setting, what is wrong, what to set)."""
    for number, name, made in (
        (1, "SECRET_KEY", "python -c 'import secrets; print(secrets.token_urlsafe(50))'"),
        (2, "FIELD_ENCRYPTION_KEYS", "the command that .env.example gives"),
    ):
        if not os.environ.get(name):
            yield (
                number,
                name,
                f"It is not set, so Waypost uses a generated one in {settings.DATA_DIR}.",
                f"Set {name} to the same value for every process. Make one with {made}.",
            )
    if not settings.PUBLIC_BASE_URL.startswith("https://"):
        yield (
            3,
            "PUBLIC_BASE_URL",
            f"{settings.PUBLIC_BASE_URL} is not https. CleverTap and the BSPs call only https URLs.",
            "Set PUBLIC_BASE_URL to the address that the reverse proxy serves, https://….",
        )
    if set(settings.ALLOWED_HOSTS) <= LOCAL_HOSTS:
        yield (
            4,
            "ALLOWED_HOSTS",
            "Only requests to this machine's own names are answered.",
            "Set ALLOWED_HOSTS to the host name in PUBLIC_BASE_URL; several are separated by commas.",
        )
    if settings.DEBUG:
        yield (
            5,
            "DEBUG",
            "DEBUG is on: errors show settings and code to callers.",
            "Remove DEBUG, or set DEBUG=0.",
        )
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        yield (
            6,
            "DATABASE_URL",
            "SQLite is in use. It works on one machine only, with one writer at a time.",
            "Set DATABASE_URL to PostgreSQL: postgres://user:password@host:5432/name.",
        )
    if not settings.CELERY_BROKER_URL:
        yield (
            7,
            "CELERY_BROKER_URL",
            "No broker is set, so one local worker does all the work.",
            "Set CELERY_BROKER_URL to redis://host:6379/0 or amqp://user:password@host:5672//.",
        )
    if settings.ALLOW_PRIVATE_TARGETS:
        yield (
            8,
            "ALLOW_PRIVATE_TARGETS",
            "ALLOW_PRIVATE_TARGETS is on: whoever may edit a provider can make the server call its "
            "own network.",
            "Remove ALLOW_PRIVATE_TARGETS, unless a BSP or CleverTap is really reached at such an address.",
        )
    if not _has_any(Path(settings.STATIC_ROOT), ("admin", "unfold")):
        yield (
            9,
            "STATIC_ROOT",
            f"No static files have been collected in {settings.STATIC_ROOT}.",
            "Run manage.py collectstatic --noinput with every installation and upgrade.",
        )
    if not os.access(settings.DATA_DIR, os.W_OK | os.X_OK):
        yield (
            10,
            "DATA_DIR",
            f"{settings.DATA_DIR} is not a directory that this user can write to.",
            "Create it, give it to the user that Waypost runs as, or set DATA_DIR to another.",
        )
    if addresses.proxy_unnamed():
        yield (
            11,
            "TRUSTED_PROXIES",
            "No proxy is trusted, so the trail, the log, clicks and the count of wrong passwords take the "
            "proxy's address for the caller's.",
            "Set TRUSTED_PROXIES to the networks that your proxies connect from, such as 127.0.0.1 "
            "or 10.0.0.0/8.",
        )


def _has_any(directory: Path, names: Sequence[str]) -> bool:
    return any((directory / name).is_dir() for name in names)
