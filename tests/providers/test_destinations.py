"""A stored secret goes only where it was meant for: with a new address it must be entered again."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from providers import destinations
from providers.models import Provider
from tests.admin.conftest import operator, operator_user  # noqa: F401 - fixtures
from tests.admin.test_provider_form import FORM, change, refused
from tests.factories import make_provider

ELSEWHERE = "http://127.0.0.1:9"


@pytest.fixture
def shop(db: None) -> Provider:
    return make_provider(
        nickname="Shop", connector_slug="interakt", credentials={"api_key": "k3y", "webhook_secret": "s3cret"}
    )


@pytest.fixture
def listing(db: None) -> Provider:
    return make_provider(
        nickname="List",
        import_endpoint=f"{ELSEWHERE}/list",
        import_credentials={"username": "u", "password": "p4ss", "header:X-Key": "k3y"},
    )


def again(provider: Provider) -> Provider:
    return Provider.objects.get(pk=provider.pk)


def posted(operator: Client, provider: Provider, **values: Any) -> str:  # noqa: F811
    form = FORM | {"nickname": provider.nickname, "connector_slug": provider.connector_slug}
    url = reverse("admin:providers_provider_change", args=[provider.pk])
    return refused(operator.post(url, form | values))


def test_the_form_wants_them_again(operator: Client, shop: Provider) -> None:  # noqa: F811
    page = posted(operator, shop, option__interakt__base_url=ELSEWHERE)
    assert page.count(destinations.AGAIN) >= 2
    page = posted(operator, shop, option__interakt__base_url=ELSEWHERE, credential__interakt__api_key="new")
    assert destinations.AGAIN in page
    assert again(shop).options == {}


def test_with_them_the_form_takes_the_address(operator: Client, shop: Provider) -> None:  # noqa: F811
    entered = {"credential__interakt__api_key": "k3y", "credential__interakt__webhook_secret": "new"}
    changed = change(operator, shop, option__interakt__base_url=ELSEWHERE, **entered)
    assert changed.options == {"base_url": ELSEWHERE}


def test_the_usual_address_written_out_is_no_other(operator: Client, shop: Provider) -> None:  # noqa: F811
    usual = next(field.default for field in shop.connector.options if field.name == "base_url")
    assert change(operator, shop, option__interakt__base_url=usual + "/").credentials == shop.credentials


def test_nor_may_an_endpoint_move_with_them(operator: Client, db: None) -> None:  # noqa: F811
    provider = make_provider(
        nickname="Bridge", endpoint=ELSEWHERE, credentials={"username": "u", "password": "p4ss"}
    )
    assert destinations.AGAIN in posted(operator, provider, endpoint="http://127.0.0.1:10")


def test_the_template_list_has_its_own(operator: Client, listing: Provider) -> None:  # noqa: F811
    values = {"endpoint": listing.endpoint, "import_endpoint": f"{ELSEWHERE}/other", "import_auth": "both"}
    values |= {"import_username": "u", "import_headers-name": "X-Key", "import_headers-value": ""}
    page = posted(operator, listing, **values)
    assert page.count(destinations.AGAIN) >= 2
    changed = change(operator, listing, **values | {"import_headers-value": "n3w", "import_password": "p4ss"})
    assert changed.import_credentials == {"username": "u", "password": "p4ss", "header:X-Key": "n3w"}


@pytest.mark.parametrize(
    ("nickname", "arguments"),
    [
        ("Shop", ("--option", f"base_url={ELSEWHERE}")),
        ("Shop", ("--option", f"base_url={ELSEWHERE}", "--credential", "api_key=k")),
        ("List", ("--import-endpoint", f"{ELSEWHERE}/other")),
        ("List", ("--import-endpoint", f"{ELSEWHERE}/other", "--import-header", "X-Key=k")),
    ],
)
def test_the_command_line_wants_them_too(
    shop: Provider, listing: Provider, nickname: str, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(CommandError, match="Enter it again"):
        call_command("provider", "set", nickname, *arguments)
    assert (again(shop).options, again(listing).import_endpoint) == ({}, listing.import_endpoint)


def test_secrets_come_from_files_and_standard_input(
    shop: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key.txt").write_text("n3w key\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("n3w secret\r\n"))
    files = (f"api_key={tmp_path / 'key.txt'}", "webhook_secret=-")
    flags = [word for pair in files for word in ("--credential-file", pair)]
    call_command("provider", "set", "Shop", "--option", f"base_url={ELSEWHERE}", *flags, stdout=io.StringIO())
    assert again(shop).credentials == {"api_key": "n3w key", "webhook_secret": "n3w secret"}


def test_so_do_those_of_the_template_list(listing: Provider, tmp_path: Path) -> None:
    (tmp_path / "header.txt").write_text("n3w")
    (tmp_path / "basic.txt").write_text("v:w0rd\n")
    flags = ("--import-header-file", f"X-Key={tmp_path / 'header.txt'}", "--import-basic-file")
    call_command("provider", "set", "List", *flags, str(tmp_path / "basic.txt"), stdout=io.StringIO())
    assert again(listing).import_credentials == {"username": "v", "password": "w0rd", "header:X-Key": "n3w"}


def test_a_file_that_is_not_there_is_named(shop: Provider) -> None:
    with pytest.raises(CommandError, match="/nowhere cannot be read"):
        call_command("provider", "set", "Shop", "--credential-file", "api_key=/nowhere")
