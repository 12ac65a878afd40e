"""What pages, docstrings and comments name exists: files, modules, functions, fields, words of the code."""

import re
from importlib import import_module

import pytest

from providers import support_table
from providers.connectors import CONNECTORS
from tests.setup import prose
from tests.setup.prose import APPS, PAGES, ROOMS, ROOT, Prose

PATH = r"(?<![\w./:@<*-])[\w-]+(?:/[\w.-]+)*\.(?:py|md|html|js|lua|service)\b"
DOTTED = r"(?<![\w./:@<{-])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?![\w/-])"
NO_CODE = r"\.(?:py|md|html|js|lua|service|json|yaml|env|com|io)$"  # endings of files and of hosts
# These describe the JSON of others, and so does docs/providers: `message.meta_data`, `button.0`.
FORMATS = ("providers.connectors", "providers.dialects", "providers.messages", "simulator.dialects")
FORMAT_PAGES = "docs/providers/"
# Words in backquotes that look like names of our code and are not.
FOREIGN = {
    "preferred_username": "a claim of OpenID Connect",
    "config.secrets": "a variable: the Config that a connector is given",
    "ruff": "a tool",
    "biome": "a tool",
    "GREEN": "a quality of Meta's",
    "lattitude": "as CleverTap's own examples spell it",
    "app_model": "of Unfold's templates",
    "acme": "the BSP that adding-a-provider.md invents",
    "Items": "a property of an example",
    "max_connections": "of PostgreSQL",
    "OTEL_EXPORTER_OTLP_HEADERS": "of OpenTelemetry",
    "OTEL_SERVICE_NAME": "of OpenTelemetry",
    "OTEL_TRACES_SAMPLER_ARG": "of OpenTelemetry",
    "POSTGRES_PASSWORD": "of compose.yaml",
    "SECOND_PORT": "of compose.yaml",
    "REDIS_PASSWORD": "of compose.yaml",
    **dict.fromkeys(("PYTHON_IMAGE", "POSTGRES_IMAGE", "REDIS_IMAGE"), "of compose.yaml"),
    "proxy_request_buffering": "of nginx",
    "client_header_timeout": "of nginx",
    "client_body_timeout": "of nginx",
    "Host": "a header that proxies set",
    "server_name": "of nginx",
    "proxy_next_upstream": "of nginx",
    "read_json": "of DuckDB",
    "AddIndexConcurrently": "of Django",
    "AddConstraintNotValid": "of Django",
    "_italic_": "WhatsApp's spelling of italics",
}


@pytest.fixture(params=[prose.of_pages, prose.of_code])
def texts(request: pytest.FixtureRequest) -> list[Prose]:
    return request.param()


def missing(names: list[tuple[str, Prose]]) -> list[str]:
    return [f"{name}, in {text.where}" for name, text in names]


def test_files_exist(texts: list[Prose]) -> None:
    """`docs/stats.md`, and `releasing.py` where its folder is clear."""
    named = [(path, text) for text in texts for path in re.findall(PATH, text.named)]
    assert named
    assert missing([(path, text) for path, text in named if path not in prose.files()]) == []


def test_folders_exist() -> None:
    folder = rf"`((?:{'|'.join(ROOMS)}|docs|deploy|tests)/[\w./-]*)`"
    named = [(path, text) for text in prose.of_pages() for path in re.findall(folder, text.text)]
    assert named
    assert missing([(path, text) for path, text in named if not (ROOT / path).exists()]) == []


def test_links_lead_somewhere() -> None:
    links = [
        (link, page) for page in PAGES for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    ]
    assert links
    assert [f"{link}, in {page.name}" for link, page in links if not (page.parent / link).exists()] == []


def test_dotted_names_exist(texts: list[Prose]) -> None:
    """`ledger.record`, `stats.query.figures`, `campaigns.Message`; in code without backquotes too."""
    named = [
        (name, text)
        for text in texts
        for name in re.findall(DOTTED, text.named)
        if not re.search(NO_CODE, name) and not of_a_format(text)
    ]
    assert named
    assert missing([(name, text) for name, text in named if not exists(name, text)]) == []


def exists(name: str, text: Prose) -> bool:
    """A name that starts with nothing of ours is a variable and its field: both are words of the code."""
    if name in FOREIGN or name in prose.texts():
        return True
    first, *rest = name.split(".")
    starts = prose.starts(first, text)
    if starts:
        return any(prose.leads_somewhere(start, rest) for start in starts)
    return not text.module or {first, *rest} <= prose.words()


def of_a_format(text: Prose) -> bool:
    return text.module.startswith(FORMATS) or text.where.startswith(FORMAT_PAGES)


def test_words_of_code_exist(texts: list[Prose]) -> None:
    """`drain`, `next_attempt_at`."""
    named = [
        (word.removesuffix("()"), text)
        for text in texts
        for word in text.quoted
        if re.fullmatch(r"[A-Za-z_]\w*(?:\(\))?", word) and not text.where.startswith(FORMAT_PAGES)
    ]
    assert named
    known = prose.words() | FOREIGN.keys()
    assert missing([(word, text) for word, text in named if word not in known]) == []


def test_functions_named_after_their_file_exist() -> None:
    """`drain` in "`campaigns/sending/dispatch.py` `drain`"."""
    pair = rf"`((?:{'|'.join(ROOMS)})/[\w/]+)\.py`\s+`(\w+)"
    named = [found for page in PAGES for found in re.findall(pair, page.read_text())]
    assert named
    modules = [(import_module(path.replace("/", ".")), name) for path, name in named]
    assert [f"{module.__name__}.{name}" for module, name in modules if not hasattr(module, name)] == []


def test_the_index_of_a_package_lists_only_what_is_in_it() -> None:
    """The docstrings of packages that have a line a module."""
    indexes = {
        text.module: set(re.findall(r"^(\w+) {2,}\S", text.text, re.MULTILINE))
        for text in prose.of_code()
        if "__init__.py" in text.where
    }
    assert sum(map(len, indexes.values())) > 20
    gone = {package: names - set(inside(package)) for package, names in indexes.items()}
    assert {package: names for package, names in gone.items() if names} == {}


def inside(package: str) -> list[str]:
    paths = (ROOT / package.replace(".", "/")).iterdir()
    kept = [path for path in paths if path.suffix == ".py" or (path / "__init__.py").exists()]
    return [path.stem for path in kept if path.stem not in ("__init__", "apps", "migrations", "management")]


def test_the_tree_in_the_architecture_is_the_house() -> None:
    """A line for each app, and for each package in one."""
    tree = (ROOT / "docs" / "architecture.md").read_text().partition("## The rooms")[2].split("```")[1]
    drawn, room = set(), ""
    for indent, folder in re.findall(r"^( *)(\w+)/", tree, re.MULTILINE):
        room = room if indent else folder
        drawn.add(f"{room}/{folder}" if indent else folder)
    packages = {
        f"{app}/{path.parent.name}"
        for app in APPS
        for path in (ROOT / app).glob("*/__init__.py")
        if path.parent.name not in ("migrations", "management")
    }
    assert {folder for folder in drawn if not (ROOT / folder).is_dir()} == set()
    assert (packages | set(ROOMS)) - drawn == set()


def test_the_support_table_is_the_registrys() -> None:
    """Renewed with: manage.py provider connectors --table"""
    after = (ROOT / "docs" / "providers" / "README.md").read_text().partition("<!-- support:begin -->\n")[2]
    written = after.partition("\n<!-- support:end -->")[0]
    assert written == support_table.markdown()


def test_the_readmes_figures_are_those_of_the_benchmarks() -> None:
    figures = (ROOT / "README.md").read_text().partition("<!-- figures:begin -->")[2].partition("<!--")[0]
    measured = (ROOT / "docs" / "benchmarks.md").read_text()
    bold = re.findall(r"\*\*([\d,]+)(?: ms)?\*\*", figures)
    plain = re.findall(r"\| ([\d,]+)(?: ms)?, ", figures)
    assert len(bold) > len(plain) > 0
    assert [
        figure for figure in bold + plain if not re.search(rf"(?<![\d,]){figure}(?![\d,])", measured)
    ] == []


@pytest.mark.parametrize("slug", CONNECTORS)
def test_every_connector_has_its_page(slug: str) -> None:
    page = (ROOT / "docs" / "providers" / f"{slug}.md").read_text()
    for heading in ("In Waypost", "In CleverTap", "Limits", "Quirks", "Error map"):
        assert f"## {heading}" in page, heading


@pytest.mark.parametrize("slug", CONNECTORS)
def test_the_page_of_each_bsp_says_what_operators_must_know(slug: str) -> None:
    page = (ROOT / FORMAT_PAGES / f"{slug}.md").read_text()
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
    wanted = {
        "In Waypost",
        "In CleverTap",
        "Limits",
        "User ids",
        "Opt-outs",
        "Routing",
        "Quirks",
        "Error map",
    }
    assert not wanted - set(headings)
    assert "Not tried on a live account" in headings or CONNECTORS[slug].tried_live


@pytest.mark.parametrize("slug", ["meta", "360dialog"])
def test_the_fields_to_subscribe_to_are_documented(slug: str) -> None:
    page = (ROOT / FORMAT_PAGES / "meta.md").read_text()
    assert [field for field in CONNECTORS[slug].webhook_fields if f"`{field}`" not in page] == []
