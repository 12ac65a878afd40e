"""The modules of the pages find each other: where files lie differs from where they are served, and once they
are collected their names differ too."""

import os
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.files.storage import FileSystemStorage
from django.http import HttpResponse
from django.test import RequestFactory
from whitenoise.middleware import WhiteNoiseMiddleware

from lib.static_files import App, Storage

ROOT = Path(__file__).parents[2]
MODULES = {
    path.relative_to(root).as_posix(): path
    for root in sorted(ROOT.glob("*/static"))
    for path in sorted(root.rglob("*.js"))
    if path.parent.name != "vendor"
}
IMPORT = re.compile(r'\bfrom "([^"]+)"')


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_imports_is_served_under_that_name(name: str) -> None:
    for imported in IMPORT.findall(MODULES[name].read_text()):
        served = normpath(PurePosixPath(name).parent / imported)
        assert finders.find(served), f"{name} imports {imported}"
        assert staticfiles_storage.url(served) == f"/static/{served}", "an import knows no hashed names"


def test_modules_with_imports_were_found() -> None:
    assert IMPORT.search(MODULES["broadcasts/builder.js"].read_text())


@pytest.fixture
def collected(settings: Any, tmp_path: Path) -> Storage:
    """Our own modules and style sheets, as `collectstatic` leaves them."""
    settings.STATIC_ROOT = str(tmp_path)
    settings.WHITENOISE_USE_FINDERS = False
    settings.DEBUG = False
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "lib.static_files.Storage"}}
    names = [*MODULES, "waypost/admin.css"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(Path(str(finders.find(name))).read_bytes())
    storage = Storage()
    there = FileSystemStorage(str(tmp_path))
    failed = [
        result
        for *_, result in storage.post_process({name: (there, name) for name in names})
        if isinstance(result, Exception)
    ]
    assert failed == []
    return storage


def test_what_is_collected_is_served_compressed_and_kept_for_years(collected: Storage) -> None:
    serve = WhiteNoiseMiddleware(lambda request: HttpResponse(status=404))
    for name in MODULES:
        url = collected.url(name)
        answer: Any = serve(RequestFactory().get(url, headers={"Accept-Encoding": "gzip, br"}))
        assert answer.status_code == 200, url
        assert re.search(r"\.[0-9a-f]{12}\.js$", url)
        assert "immutable" in answer["Cache-Control"]
        assert int(answer["Cache-Control"].partition("max-age=")[2].partition(",")[0]) >= 365 * 86400
        for imported in IMPORT.findall(Path(collected.path(collected.stored_name(name))).read_text()):
            assert collected.exists(normpath(PurePosixPath(name).parent / imported)), f"{name}: {imported}"
    sheet: Any = serve(
        RequestFactory().get(collected.url("waypost/admin.css"), headers={"Accept-Encoding": "gzip, br"})
    )
    assert sheet["Content-Encoding"] in ("br", "gzip")
    assert serve(RequestFactory().get("/static/waypost/admin.css")).status_code == 404, (
        "the copy without a hash"
    )


def test_only_what_pages_use_is_collected() -> None:
    """The rest took four minutes to compress."""
    found = [name for finder in finders.get_finders() for name, _ in finder.list(App.ignore_patterns)]
    assert "unfold/js/chart/chart.js" in found
    assert [name for name in found if name.endswith(".map")] == []


def test_what_is_collected_is_not_covered_by_the_apps_own_files(tmp_path: Path) -> None:
    asked = "from django.conf import settings; print(settings.WHITENOISE_USE_FINDERS)"
    for expected in ("True", "False"):
        env = os.environ | {"DATA_DIR": str(tmp_path), "STATIC_ROOT": str(tmp_path / "static")}
        argv = [sys.executable, "-c", asked]
        env |= {"DJANGO_SETTINGS_MODULE": "config.settings", "DEBUG": "0"}
        told = subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout
        assert told.strip() == expected
        (tmp_path / "static" / "staticfiles.json").write_text("{}")
