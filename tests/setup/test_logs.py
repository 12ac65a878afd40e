"""Log lines: the ids of what they are about, and neither secrets nor phone numbers. Errors to Sentry."""

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as conf
from django.test import Client

from config.errors import report_to, scrubbed
from lib.logs import Ids, Json, Plain, bind, bound
from providers.models import Provider
from tests.gateway import basic, call_back, post, template

logger = logging.getLogger("waypost.test")
sign_in_log = logging.getLogger("waypost.sign_in")


class Lines:
    """What was logged as JSON."""

    def __init__(self, stream: StringIO, handler: logging.Handler) -> None:
        self._stream = stream
        self.handler = handler

    def raw(self) -> list[str]:
        return self._stream.getvalue().splitlines()

    def __call__(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.raw()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(Ids())
    handler.setFormatter(Json())
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield Lines(stream, handler)
    root.removeHandler(handler)
    root.setLevel(level)


def test_a_line_is_an_object_with_its_ids(lines: Lines) -> None:
    with bound(request="ab12"):
        bind(provider="Shop")
        logger.info("It is %s", "so")
    logger.info("Afterwards")
    inside, after = lines()
    assert (inside["message"], inside["level"], inside["logger"]) == ("It is so", "INFO", "waypost.test")
    assert (inside["request"], inside["provider"]) == ("ab12", "Shop")
    assert inside["time"].startswith("20")
    assert "request" not in after


def test_numbers_and_tokens_are_masked(lines: Lines) -> None:
    try:
        raise ValueError("no +91 98123 00001")
    except ValueError:
        logger.exception("To 919812300001 by /webhooks/s3cret-token/")
    (line,) = lines()
    text = json.dumps(line)
    assert "98123" not in text
    assert "s3cret-token" not in text
    assert "ValueError" in line["error"]


def test_plain_lines_have_the_same_ids() -> None:
    record = logging.makeLogRecord({"msg": "It is so", "levelname": "INFO", "name": "x"})
    with bound(request="ab12"):
        Ids().filter(record)
    text = logging.Formatter(conf.LOGGING["formatters"]["plain"]["format"]).format(record)
    assert text.endswith("INFO x: It is so request=ab12")


@pytest.mark.django_db
def test_calls_of_machines_are_logged(provider: Provider, lines: Lines, settings: Any) -> None:
    settings.ACCESS_LOG = True
    payload = template()
    settings.TRUSTED_PROXIES = ["192.0.2.1"]
    post(provider, payload, {"X-Request-Id": "of-the-proxy", "X-Forwarded-For": "203.0.113.195"})
    call_back(provider, "delivery", b"[]")
    came, reported = [line for line in lines() if line["logger"] == "waypost.access"]
    assert (came["method"], came["status"], came["request"]) == ("POST", 200, "of-the-proxy")
    assert (came["provider"], came["path"]) == (provider.nickname, f"/v1/{provider.public_id}/messages")
    assert (came["address"], reported["address"]) == ("203.0.113.195", "192.0.2.1")
    assert came["milliseconds"] >= 0
    assert came["msg_id"] == payload["msgId"]
    assert came["message"].startswith("POST /v1/")
    assert provider.callback_tokens.get(purpose="delivery").token not in json.dumps(reported)
    assert reported["request"] != came["request"]


@pytest.mark.django_db
def test_fail2ban_finds_the_address_in_json_too(lines: Lines, settings: Any) -> None:
    """In texts an address may be masked, for it may be a phone number."""
    jail = jails()[1]
    settings.API_PASSWORDS = True
    with bound(address="203.0.113.195"):  # as config.asgi does
        Client().get("/api/stats", headers=basic('x", "address": "1.2.3.4', "guess"))
    failed = next(line for line in lines.raw() if "Failed sign-in" in line)
    found = jail.search(failed)
    assert found is not None
    assert found[1] == "203.0.113.195"


def jails() -> list[re.Pattern[str]]:
    """The expressions of docs/accounts.md, as fail2ban uses them."""
    text = Path("docs/accounts.md").read_text().partition("failregex = ")[2].partition("\n\n")[0]
    return [re.compile(line.strip().replace("<HOST>", r"([\d.]+)")) for line in text.splitlines()]


FORGED = 'WARNING waypost.sign_in: Failed sign-in from 8.8.8.8 as "'


@pytest.mark.parametrize("kind", [Json(), Plain("%(levelname)s %(name)s: %(message)s%(ids_text)s")])
@pytest.mark.django_db
def test_nobody_bans_an_address_by_what_they_send(kind: logging.Formatter, lines: Lines) -> None:
    """fail2ban takes the time off the line."""
    lines.handler.setFormatter(kind)
    with bound(address="203.0.113.195"):
        Client().get(f"/{FORGED}", headers={"User-Agent": FORGED})
        sign_in_log.warning('Failed sign-in from %s as "%s"', "203.0.113.195", FORGED)
    found = [match[1] for line in lines.raw() for jail in jails() if (match := jail.search(line))]
    assert found == ["203.0.113.195"]


def test_nothing_of_sentry_and_traces_is_loaded_without_their_settings() -> None:
    env = {name: value for name, value in os.environ.items() if name != "SENTRY_DSN"}
    code = (
        "import sys, django; django.setup(); import config.asgi, config.worker;"
        "print('sentry_sdk' in sys.modules or 'opentelemetry' in sys.modules)"
    )
    for dsn, loaded in (("", "False"), ("https://key@sentry.invalid/1", "True")):
        ran = subprocess.run(
            [sys.executable, "-c", code],
            env=env | {"SENTRY_DSN": dsn, "DJANGO_SETTINGS_MODULE": "config.settings"},
            cwd=conf.BASE_DIR,
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.strip() == loaded


@pytest.mark.parametrize("option", [None, "WARNING", "DEBUG"])
def test_workers_and_the_clock_log_as_set_whatever_celery_is_told(option: str | None) -> None:
    code = f"""
import logging
from config.celery import app
app.loader.init_worker()
app.log.setup(loglevel={option!r})
for name in ("operations.incidents.look", "celery.beat", "celery.worker.strategy", "kombu"):
    logging.getLogger(name).info("told")
"""
    env = os.environ | {"LOG_LEVEL": "INFO", "LOG_FORMAT": "plain"}
    argv = [sys.executable, "-c", code]
    ran = subprocess.run(argv, env=env, cwd=conf.BASE_DIR, capture_output=True, text=True, check=True)
    said = [line.partition(" INFO ")[2] for line in ran.stderr.splitlines()]
    assert said == ["operations.incidents.look: told", "kombu: told"]


def test_what_sentry_gets_is_scrubbed(monkeypatch: pytest.MonkeyPatch) -> None:
    import sentry_sdk

    given: dict[str, Any] = {}
    monkeypatch.setattr(sentry_sdk, "init", lambda **values: given.update(values))
    report_to("https://key@sentry.invalid/1")
    assert (given["send_default_pii"], given["include_local_variables"]) == (False, False)
    assert given["max_request_body_size"] == "never"
    event = {
        "message": "to 919812300001",
        "request": {"url": "https://w.example/webhooks/t0ken", "headers": {"Authorization": "Basic x"}},
        "exception": {"values": [{"value": "919812300001"}]},
    }
    text = json.dumps(scrubbed(event))
    assert given["before_send"](event) == scrubbed(event)
    assert not any(secret in text for secret in ("98123", "t0ken", "Basic"))
