"""What an operator may set: .env.example names it all, and `check` names what is missing."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import environ
import pytest
from cryptography.fernet import Fernet
from django.conf import settings as conf
from django.core.checks import run_checks

from config import checks
from lib.urls import with_quoted_password

ROOT = Path(conf.BASE_DIR)
SET_BY_PYTEST = "PYTEST_XDIST_WORKER"

# What each check is about, and a value that satisfies it.
IN_ORDER = {
    "SECRET_KEY": "x" * 60,
    "FIELD_ENCRYPTION_KEYS": [Fernet.generate_key().decode()],
    "PUBLIC_BASE_URL": "https://wa.example.com",
    "ALLOWED_HOSTS": ["wa.example.com"],
    "DEBUG": False,
    "CELERY_BROKER_URL": "redis://127.0.0.1:6379/0",
    "ALLOW_PRIVATE_TARGETS": False,
    "TRUSTED_PROXIES": ["127.0.0.1"],
}
OUT_OF_ORDER = {
    "PUBLIC_BASE_URL": "http://wa.example.com",
    "ALLOWED_HOSTS": ["localhost"],
    "DEBUG": True,
    "CELERY_BROKER_URL": "",
    "ALLOW_PRIVATE_TARGETS": True,
    "TRUSTED_PROXIES": [],
    "STATIC_ROOT": "/nowhere",
    "DATA_DIR": Path("/nowhere"),
}


def test_the_example_names_every_variable_that_is_read() -> None:
    settings = "".join(path.read_text() for path in (ROOT / "config/settings").glob("*.py"))
    read = set(re.findall(r'(?:env\.\w+|generated)\(\s*"(\w+)"', settings))
    compose = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text()))
    named = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(read - {SET_BY_PYTEST} | compose)


def test_every_variable_in_the_example_has_a_comment() -> None:
    blocks = (ROOT / ".env.example").read_text().split("\n\n")
    variables = [block for block in blocks if re.search(r"^#?[A-Z_]+=", block, re.MULTILINE)]
    assert len(variables) > 10
    assert [block for block in variables if not block.startswith("# ")] == []


@pytest.fixture
def production(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Settings that no check complains of."""
    for name, value in IN_ORDER.items():
        setattr(settings, name, value)
    for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS"):
        monkeypatch.setenv(name, "given")
    settings.DATA_DIR = tmp_path
    settings.STATIC_ROOT = str(tmp_path / "static")
    (tmp_path / "static" / "admin").mkdir(parents=True)
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.postgresql")
    return settings


def found() -> dict[str, Any]:
    messages = run_checks(tags=[checks.TAG], include_deployment_checks=True)
    return {str(message.obj): message for message in messages}


def test_a_complete_installation_passes(production: Any) -> None:
    assert found() == {}
    assert checks.missing_for_production() == []


@pytest.mark.parametrize("name", OUT_OF_ORDER)
def test_each_missing_setting_is_named_with_a_hint(production: Any, name: str) -> None:
    setattr(production, name, OUT_OF_ORDER[name])
    assert list(found()) == [name]
    assert name in found()[name].hint or name == "STATIC_ROOT"


@pytest.mark.parametrize("name", ["SECRET_KEY", "FIELD_ENCRYPTION_KEYS"])
def test_a_generated_key_is_named(production: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    assert list(found()) == [name]


def test_sqlite_is_named(production: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(production.DATABASES["default"], "ENGINE", "django.db.backends.sqlite3")
    assert list(found()) == ["DATABASE_URL"]


def test_a_key_that_cannot_be_used_is_an_error_everywhere(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), "not-a-key"]
    (error,) = run_checks(tags=[checks.TAG])
    assert error.is_serious()
    assert "Key 2 of 2" in error.msg
    assert "not-a-key" not in f"{error.msg}{error.hint}"


def test_a_pool_that_pages_would_take_whole_is_an_error_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(conf.DATABASES["default"], "OPTIONS", {"pool": {"max_size": 1}})
    (error,) = run_checks(tags=[checks.TAG])
    assert error.is_serious()
    assert "DATABASE_POOL_SIZE to 2" in error.hint
    monkeypatch.setitem(conf.DATABASES["default"], "OPTIONS", {"pool": {"max_size": 2}})
    assert run_checks(tags=[checks.TAG]) == []


def test_the_embedded_default_starts_without_a_warning() -> None:
    assert run_checks(tags=[checks.TAG]) == []


@pytest.mark.parametrize("password", ["plain", "p@ss", "p/ss", "a:b", "a?b", "a#b", "@/:?#@", "pä ss[1]"])
def test_a_password_may_hold_what_urls_are_made_of(password: str) -> None:
    url = with_quoted_password(f"postgres://waypost:{password}@db.example:5432/name?sslmode=require")
    found = environ.Env.db_url_config(url)
    told = [found[key] for key in ("USER", "PASSWORD", "HOST", "PORT", "NAME", "OPTIONS")]
    assert told == ["waypost", password, "db.example", 5432, "name", {"sslmode": "require"}]


@pytest.mark.parametrize(
    "url",
    ["postgres://u:p%40ss@h:5432/n", "postgres://postgres@127.0.0.1:5432/n", "sqlite:////var/w.sqlite3", ""],
)
def test_other_urls_stay_as_they_are(url: str) -> None:
    assert with_quoted_password(url) == url


def test_an_untouched_environment_is_told_what_it_lacks(tmp_path: Path) -> None:
    """With every line of .env.example as it is, and with each filled in by nothing."""
    names = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    lacking = ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "PUBLIC_BASE_URL", "ALLOWED_HOSTS", "DATABASE_URL")
    bare = {name: value for name, value in os.environ.items() if name not in names}
    for given in ({}, dict.fromkeys((*lacking, "CELERY_BROKER_URL"), "")):
        env = bare | {"DATA_DIR": str(tmp_path)} | given
        argv = [sys.executable, "manage.py", "check", "--deploy"]
        done = subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found = re.findall(r"^(\S+): \((\S+)\)", done.stderr, re.MULTILINE)
        assert {name for name, _ in found} == {*lacking, "CELERY_BROKER_URL", "STATIC_ROOT"}
        assert all(number.startswith("waypost.") for _, number in found), "each can be mended by a setting"
