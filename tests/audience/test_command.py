"""manage.py audience …"""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audience import accounts
from audience.models import Contact
from tests.audience.conftest import contact

pytestmark = pytest.mark.django_db


def run(*arguments: Any) -> Any:
    out = StringIO()
    call_command("audience", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_upload_and_list(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("who,number,town,MSG-whatsapp\nann,09812300001,Rome,TRUE\nbob,12,,\n")
    columns = ("--map", "who=identity", "--map", "number=phone", "--map", "town=attribute:City")
    told = run("upload", str(path), *columns, "--country", "91")
    assert {name: told[name] for name in ("state", "rows", "created", "failed")} == {
        "state": "done", "rows": 2, "created": 1, "failed": 1,
    }  # fmt: skip
    assert [error["line"] for error in told["errors"]] == [3]
    assert contact("ann").attributes == {"City": "Rome"}
    assert run("list", "9198") == [
        {
            "identity": "ann", "name": "", "email": "", "phone": "919812300001", "gender": "",
            "MSG-whatsapp": True, "MSG-dndWhatsApp": False, "attributes": {"City": "Rome"},
        }
    ]  # fmt: skip
    assert run("list", "nobody") == []
    assert [row["file"] for row in run("uploads")] == ["users.csv"]
    out = StringIO()
    call_command("audience", "list", stdout=out)
    assert out.getvalue().startswith("identity ann  phone 919812300001")


def test_what_cannot_be_uploaded(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("who,number\nann,1\n")
    for arguments, words in (
        ((str(tmp_path / "none.csv"),), "No such file"),
        ((str(path),), "No column holds the phone number"),
        ((str(path), "--map", "x=phone"), "the file has the columns who, number"),
        ((str(path), "--map", "number=fax"), "write identity, name"),
    ):
        with pytest.raises(CommandError, match=words):
            run("upload", *arguments)
    assert not Contact.objects.exists()


def test_accounts() -> None:
    made = run("account", "add", "SHOP-1", "--label", "Shop")
    assert accounts.admits("SHOP-1", made["passcode"])
    assert run("account", "list") == [{"account_id": "SHOP-1", "label": "Shop", "country": ""}]
    with pytest.raises(CommandError, match="already"):
        run("account", "add", "SHOP-1")
    for wrong in ("a b", "x" * 65):
        with pytest.raises(CommandError, match="1 to 64 letters"):
            run("account", "add", wrong)
    for length in (63, 64):
        assert run("account", "add", "x" * length)["passcode"]
        run("account", "remove", "x" * length)
    renewed = run("account", "renew", "SHOP-1")
    assert not accounts.admits("SHOP-1", made["passcode"])
    assert accounts.admits("SHOP-1", renewed["passcode"])
    run("account", "remove", "SHOP-1")
    assert not accounts.admits("SHOP-1", renewed["passcode"])
    with pytest.raises(CommandError, match="no account"):
        run("account", "renew", "SHOP-1")


def test_a_country_is_one(tmp_path: Path) -> None:
    run("account", "add", "SHOP-2", "--country", "in")
    assert run("account", "list")[0]["country"] == "IN"
    for arguments in (["account", "add", "SHOP-3"], ["upload", str(tmp_path / "users.csv")]):
        with pytest.raises(CommandError, match="Nowhere is not a country"):
            run(*arguments, "--country", "Nowhere")
    assert len(run("account", "list")) == 1


@pytest.mark.parametrize("command", [("audience", "list"), ("inbound", "list"), ("incidents", "list")])
def test_a_limit_is_a_number_of_rows(command: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match="'-1' is not a number of rows"):
        call_command(*command, "--limit=-1")
