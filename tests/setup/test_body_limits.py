"""What is longer than its page takes is turned away before any of it is read or written."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from config import body_limits


def status(client: Client, path: str, length: object) -> int:
    """Of a form of which nothing but its length comes."""
    kind = "multipart/form-data; boundary=x"
    return client.generic("POST", path, b"", kind, CONTENT_LENGTH=str(length)).status_code


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("mira"))
    return client


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/audience/upload/choose/", "/nowhere"])
def test_a_stranger_posts_little(db: None, path: str) -> None:
    assert status(Client(), path, body_limits.STRANGER + 1) == 413


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/admin/audience/upload/choose/", 1_000_000_000),
        ("/admin/stats/reconciliation/upload/", 100_000_000),
        ("/admin/templates_app/template/import/", 20_000_000),
        ("/admin/broadcasts/broadcast/1/step/who/", 100_000_000),
    ],
)
def test_a_page_takes_files_of_its_size(operator: Client, path: str, most: int) -> None:
    assert status(operator, path, most + body_limits.ROOM + 1) == 413
    assert status(operator, path, most) != 413


def test_other_pages_take_forms_alone(operator: Client, settings: Any) -> None:
    assert status(operator, "/admin/providers/provider/add/", settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1) == 413


def test_a_length_that_is_no_number_is_refused(db: None) -> None:
    assert status(Client(), "/admin/login/", "many") == 400


def test_what_a_stranger_posts_never_comes_to_disk(settings: Any) -> None:
    assert settings.FILE_UPLOAD_MAX_MEMORY_SIZE > body_limits.STRANGER
