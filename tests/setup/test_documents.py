"""What README and docs point at exists."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from django.conf import settings

from providers import support
from providers.connectors import CONNECTORS

ROOT = Path(settings.BASE_DIR)
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
PACKAGES = (
    "config", "lib", "providers", "templates_app", "audience", "campaigns", "broadcasts", "callbacks",
    "simulator",
)  # fmt: skip
# How the pages call the modules that they speak of most.
SHORT = {
    "intake": "campaigns.intake",
    "dispatch": "campaigns.dispatch",
    "ledger": "campaigns.ledger",
    "ingest": "callbacks.ingest",
    "forward": "callbacks.forward",
}


@pytest.fixture(params=PAGES, ids=lambda page: page.name)
def page(request: pytest.FixtureRequest) -> tuple[Path, str]:
    return request.param, request.param.read_text()


def test_paths_exist(page: tuple[Path, str]) -> None:
    paths = re.findall(rf"`((?:{'|'.join(PACKAGES)}|docs|deploy|tests|bench)/[\w./-]*)`", page[1])
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_links_lead_somewhere(page: tuple[Path, str]) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page[1])
    assert [link for link in links if not (page[0].parent / link).exists()] == []


def test_named_functions_exist(page: tuple[Path, str]) -> None:
    """`ledger.record`, and `drain` in "`campaigns/dispatch.py` `drain`"."""
    named = [
        (SHORT[module], name) for module, name in re.findall(r"`(\w+)\.(\w+)`", page[1]) if module in SHORT
    ]
    named += [
        (path.removesuffix(".py").replace("/", "."), name)
        for path, name in re.findall(rf"`((?:{'|'.join(PACKAGES)})/[\w/]+\.py)`\s+`(\w+)", page[1])
    ]
    missing = [f"{module}.{name}" for module, name in named if not hasattr(import_module(module), name)]
    assert missing == []


def test_the_readmes_support_table_is_the_registrys() -> None:
    """Renewed with: manage.py provider connectors --table"""
    after = README.read_text().partition("<!-- support:begin -->\n")[2]
    written = after.partition("\n<!-- support:end -->")[0]
    assert written == support.markdown()


@pytest.mark.parametrize("slug", CONNECTORS)
def test_every_connector_has_its_page(slug: str) -> None:
    page = (ROOT / "docs" / "providers" / f"{slug}.md").read_text()
    for heading in ("In Waypost", "In CleverTap", "Limits", "Quirks", "Error map"):
        assert f"## {heading}" in page, heading
