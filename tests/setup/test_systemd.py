"""The units of deploy/systemd leave a process little to do harm with."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.setup.prose import ROOT

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.skipif(ANALYZE is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_exposed_to_little(unit: Path) -> None:
    assert ANALYZE
    told = subprocess.run(
        [ANALYZE, "security", "--offline=true", str(unit)], capture_output=True, text=True, check=False
    ).stdout
    found = re.search(r"Overall exposure level for .*: ([0-9.]+)", told)
    assert found, told
    assert float(found[1]) < 3
