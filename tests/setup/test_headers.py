"""What browsers are told beside every answer. That the pages keep to it, a browser shows."""

from typing import Any

import pytest
from django.test import Client

from tests.gateway import call


def directive(response: Any, name: str) -> str:
    policy = response["Content-Security-Policy"].split("; ")
    return next((each for each in policy if each.split()[0] == name), "")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/livez"),
        ("GET", "/readyz"),
        ("GET", "/admin/login/"),
        ("GET", "/api/docs"),
        ("GET", "/static/waypost/admin.css"),
        ("GET", "/media/forged"),
        ("GET", "/l/nowhere"),
        ("GET", "/webhooks/nobody?hub.mode=subscribe&hub.challenge=<script>"),
        ("POST", "/v1/nobody/messages"),
        ("POST", "/1/upload"),
        ("GET", "/nowhere"),
    ],
)
def test_no_answer_is_taken_for_something_else(db: None, method: str, path: str) -> None:
    assert call(method, path).headers["X-Content-Type-Options"] == "nosniff"


def test_only_the_admin_may_make_functions_of_texts(client: Client, db: None) -> None:
    assert directive(client.get("/admin/login/"), "script-src") == "script-src 'self' 'unsafe-eval'"
    assert directive(client.get("/api/docs"), "script-src") == "script-src 'self'"
    assert directive(client.get("/api/docs"), "frame-ancestors") == "frame-ancestors 'none'"


def test_nothing_of_the_device_is_asked_for(client: Client, db: None) -> None:
    assert "camera=()" in client.get("/admin/login/")["Permissions-Policy"]


def test_plain_http_is_refused_for_as_long_as_is_set(client: Client, db: None, settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 0
    assert "Strict-Transport-Security" not in client.get("/admin/login/", secure=True)
    settings.SECURE_HSTS_SECONDS = 600
    assert Client().get("/admin/login/", secure=True)["Strict-Transport-Security"] == "max-age=600"
