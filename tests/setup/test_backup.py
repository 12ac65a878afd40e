"""A backup, and a database made from it somewhere else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from tests.processes import Migrated, fresh_environment, manage

SEED = """
from campaigns.ledger import ledger, lives, matching
from campaigns.models import Message
from providers.messages import Outcome
from campaigns.ledger.entries import Tried
from django.utils import timezone
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from tests.factories import MessageFactory, make_provider
shop = make_provider(nickname="Shop", credentials={"username": "u", "password": "p"})
for number in range(3):
    row = MessageFactory(provider=shop, untracked=True)
default_storage.save("media/receipt.jpg", ContentFile(b"jpeg"))
print(shop.pk, row.pk, matching.reference(row.pk, 1))
"""
# The hours that are lost: one message more, which a BSP reports on after the restore.
LOST = """
from accounts.models import Entry
from campaigns.ledger import matching
from providers.models import Provider
from tests.factories import MessageFactory
row = MessageFactory(provider=Provider.objects.get(), to="15550100009", untracked=True)
print(row.pk, matching.reference(row.pk, 1), Entry.objects.get(name="the whole database").what)
"""
AFTERWARDS = """
from accounts.models import Entry
from campaigns.ledger import ledger, matching
from campaigns.models import Message
from providers.messages import StatusUpdate
from providers.models import Provider
from tests.factories import MessageFactory
shop = Provider.objects.get()
row = MessageFactory(provider=shop, untracked=True)
told = [ledger.record(shop.pk, [StatusUpdate("delivered", reference=each)])[0] for each in {references}]
trail = Entry.objects.get(name="the whole database").what
print(shop.credentials["password"], shop.state, row.pk, trail, *told)
"""


def shell(env: dict[str, str], code: str) -> list[str]:
    return manage(env, "shell", "--no-imports", "--command", code).split()


def refused(env: dict[str, str], *argv: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *argv], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr


@pytest.mark.processes
def test_what_is_restored_elsewhere_is_sound_and_credits_no_lost_report(
    migrated: Migrated, tmp_path: Path
) -> None:
    with migrated(tmp_path / "one") as here, fresh_environment(tmp_path / "two") as there:
        _, kept, its_reference = shell(here, SEED)
        made = Path(manage(here, "backup", str(tmp_path / "backups"), "--keys").strip())
        erased = json.loads(manage(here, "person", "erase", "+15550000000", "--json"))
        lost, lost_reference, trail = shell(here, LOST)
        assert trail == "exported"
        assert int(lost) == int(kept) + 1

        keys = dict(line.split("=", 1) for line in (made / "keys.env").read_text().splitlines())
        assert {path.stat().st_mode & 0o077 for path in made.rglob("*")} == {0}
        there |= keys
        erasures = Path(here["DATA_DIR"]) / "erasures.jsonl"
        said = manage(there, "restore", str(made), "--erasures", str(erasures))
        assert "Every provider is paused" in said
        assert f"Erased again: {erased['person']}." in said
        assert json.loads(manage(there, "person", "show", "+15550000000", "--json"))["rows"] == {}
        manage(there, "audit")
        assert (Path(there["DATA_DIR"]) / "uploads/media/receipt.jpg").read_bytes() == b"jpeg"
        code = AFTERWARDS.format(references=[its_reference, lost_reference, f"wp-{lost}-1"])
        password, state, new, trail, *told = shell(there, code)
        assert (password, state, trail) == ("p", "paused", "changed")
        assert int(new) > int(lost), "no id is given twice"
        assert told == ["recorded", "unmatched", "unmatched"]

        with fresh_environment(tmp_path / "three") as without_keys:
            said = refused(without_keys, "restore", str(made), "--erasures", str(erasures))
            assert (
                "People who were erased after the backup are not erased again. None of FIELD_ENCRYPTION_KEYS"
                in said
            )
        assert "has tables already" in refused(there, "restore", str(made))
        (made / "manifest.json").unlink()
        assert "is not a complete backup of Waypost" in refused(there, "restore", str(made))


@pytest.mark.processes
@pytest.mark.skipif(connection.vendor != "postgresql", reason="pg_dump is PostgreSQL's")
def test_a_dump_that_cannot_be_made_or_is_empty_is_refused(migrated: Migrated, tmp_path: Path) -> None:
    with migrated(tmp_path / "one") as env:
        fake = tmp_path / "bin"
        fake.mkdir()
        for program in ("pg_dump", "pg_restore"):
            (fake / program).write_text("#!/bin/sh\nexit 0\n")
            (fake / program).chmod(0o755)
        where = str(tmp_path / "backups")
        assert "no table of Waypost." in refused(
            env | {"PATH": f"{fake}:{os.environ['PATH']}"}, "backup", where
        )
        shutil.rmtree(fake)
        fake.mkdir()
        assert "is not installed" in refused(env | {"PATH": str(fake)}, "backup", where)
        gone = env | {"DATABASE_URL": env["DATABASE_URL"].rpartition("/")[0] + "/nobody_has_this"}
        assert "does not exist" in refused(gone, "backup", where)
        assert [path.name for path in Path(where).iterdir() if not path.name.endswith(".unfinished")] == []


@pytest.mark.processes
def test_a_backup_that_lost_rows_is_noticed(migrated: Migrated, tmp_path: Path) -> None:
    with migrated(tmp_path / "one") as here, fresh_environment(tmp_path / "two") as there:
        made = Path(manage(here, "backup", str(tmp_path / "backups"), "--no-media").strip())
        manifest = json.loads((made / "manifest.json").read_text())
        manifest["rows"]["campaigns_message"] += 1
        (made / "manifest.json").write_text(json.dumps(manifest))
        assert "The rows of these tables differ from the backup's manifest: campaigns_message." in refused(
            there, "restore", str(made)
        )
