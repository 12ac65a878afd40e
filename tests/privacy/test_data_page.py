"""docs/data.md names every table once, where the register has it, and every age that there is."""

import re
from pathlib import Path

from django.conf import settings

from privacy import register
from privacy.retention import ages

PAGE = (Path(settings.BASE_DIR) / "docs" / "data.md").read_text()


def section(title: str) -> str:
    return PAGE.split(f"# {title}\n")[1].split("\n#")[0]


def tables(text: str) -> list[str]:
    return re.findall(r"`([a-z_]+\.[A-Z]\w+)`", text)


def test_every_table_is_named_once_and_in_its_place() -> None:
    assert sorted(tables(section("About people who are written to"))) == sorted(register.LOOKED_THROUGH)
    assert sorted(tables(section("Holding nothing of them"))) == sorted(register.NOBODYS)


def test_every_age_is_named_with_its_default() -> None:
    about = section("About people who are written to")
    names = set(re.findall(r"`(\w+_RETENTION_DAYS)`", about))
    assert names | {"TOKEN_RETENTION_DAYS"} == {age.setting for age in (*ages.KINDS, *ages.OTHERS)}
    defaults = dict(re.findall(r"\| `(\w+_RETENTION_DAYS)` \| (\d+)", section("Retention")))
    assert {name: int(days) for name, days in defaults.items()} == {
        age.setting: age.days for age in ages.KINDS
    }
