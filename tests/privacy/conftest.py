from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _own_files(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    settings.MEDIA_ROOT = str(tmp_path / "uploads")
    settings.ERASURES_FILE = tmp_path / "erasures.jsonl"
