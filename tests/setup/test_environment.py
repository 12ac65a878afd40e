"""What an operator may set: .env.example names it all, and `check` names what is missing."""

import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import run_checks

from config import checks

ROOT = Path(settings.BASE_DIR)
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
}
OUT_OF_ORDER = {
    "PUBLIC_BASE_URL": "http://wa.example.com",
    "ALLOWED_HOSTS": ["localhost"],
    "DEBUG": True,
    "CELERY_BROKER_URL": "",
    "ALLOW_PRIVATE_TARGETS": True,
    "STATIC_ROOT": "/nowhere",
    "DATA_DIR": Path("/nowhere"),
}


def test_the_example_names_every_variable_that_is_read() -> None:
    read = set(re.findall(r'(?:env\.\w+|generated)\(\s*"(\w+)"', (ROOT / "config/settings.py").read_text()))
    compose = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text()))
    named = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(read - {SET_BY_PYTEST} | compose)


def test_every_variable_in_the_example_has_a_comment() -> None:
    blocks = (ROOT / ".env.example").read_text().split("\n\n")
    for block in blocks:
        lines = block.splitlines()
        if any(re.match(r"#?[A-Z_]+=", line) for line in lines):
            assert lines[0].startswith("# "), block


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


def test_the_embedded_default_starts_without_a_warning() -> None:
    assert run_checks(tags=[checks.TAG]) == []
