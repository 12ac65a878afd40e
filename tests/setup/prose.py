"""The project's texts (pages, docstrings, comments), and the names that they may use."""

import ast
import io
import re
import tokenize
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from django.apps import apps
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
APPS = (
    "operations",
    "privacy",
    "archive",
    "callbacks",
    "broadcasts",
    "stats",
    "campaigns",
    "audience",
    "identities",
    "templates_app",
    "providers",
    "accounts",
)
ROOMS = (*APPS, "config", "lib", "simulator", "bench", "mutants")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "migrations" not in path.parts]


class Prose(NamedTuple):
    """A page, a docstring or a comment; the latter two stand in a `module`."""

    where: str
    text: str
    module: str = ""

    @property
    def quoted(self) -> list[str]:
        return re.findall(r"`([^`\n]+)`", self.text)

    @property
    def named(self) -> str:
        """Where names are looked for: all of a docstring or a comment, what a page has in backquotes."""
        return self.text if self.module else "\n".join(self.quoted)


class Source(NamedTuple):
    prose: list[Prose]
    code: str  # without what is prose


def of_pages() -> list[Prose]:
    return [Prose(str(page.relative_to(ROOT)), page.read_text()) for page in PAGES]


def of_code() -> list[Prose]:
    return [prose for source in sources() for prose in source.prose]


@cache
def sources() -> list[Source]:
    return [_read(path) for path in SOURCES]


def _read(path: Path) -> Source:
    text, file, module = path.read_text(), path.relative_to(ROOT), module_name(path)
    docstrings = {
        node.body[0].lineno: docstring
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and (docstring := ast.get_docstring(node))
    }
    prose = [Prose(f"{file}:{line}", docstring, module) for line, docstring in docstrings.items()]
    code = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            prose.append(Prose(f"{file}:{token.start[0]}", token.string, module))
        elif token.type != tokenize.STRING or token.start[0] not in docstrings:
            code.append(token.string)
    return Source(prose, " ".join(code))


@cache
def words() -> frozenset[str]:
    """Every name and every word of a text that the code has, and the names of the modules."""
    code = " ".join(source.code for source in sources())
    return frozenset(re.findall(r"\w+", code)) | frozenset(modules())


@cache
def texts() -> frozenset[str]:
    """Every text of the code that has dots in it: names of tasks, permissions, loggers."""
    code = " ".join(source.code for source in sources())
    return frozenset(re.findall(r'"(\w+(?:\.\w+)+)"', code))


@cache
def files() -> frozenset[str]:
    """Every file and folder of the project, by each end of its path: `run/worker.py`, `worker.py`."""
    folders = [ROOT / name for name in (*ROOMS, "docs", "deploy", "tests")]
    paths = [*ROOT.iterdir(), *(path for folder in folders for path in folder.rglob("*"))]
    parts = [path.relative_to(ROOT).parts for path in paths]
    return frozenset("/".join(each[start:]) for each in parts for start in range(len(each)))


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def modules() -> dict[str, list[str]]:
    """The whole names of modules and packages, by their last part: texts say `ledger.record`."""
    found: dict[str, list[str]] = {}
    for path in SOURCES:
        name = module_name(path)
        found.setdefault(name.rpartition(".")[2], []).append(name)
    return found


def starts(first: str, prose: Prose) -> list[object]:
    """What the first part of a dotted name can stand for: a module, or a name in the text's own module."""
    found: list[object] = [import_module(name) for name in modules().get(first, ())]
    here = import_module(prose.module) if prose.module else None
    return [*found, getattr(here, first)] if hasattr(here, first) else found


def leads_somewhere(start: object, names: list[str]) -> bool:
    """Follows modules, attributes, models of an app, and fields that only the instances have."""
    for index, name in enumerate(names):
        if hasattr(start, name):
            start = getattr(start, name)
        elif isinstance(start, ModuleType) and f"{start.__name__}.{name}" in modules().get(name, ()):
            start = import_module(f"{start.__name__}.{name}")
        elif isinstance(start, ModuleType) and start.__name__ in APPS:
            return name.lower() in apps.all_models[start.__name__]
        else:
            return index == len(names) - 1 and name in getattr(start, "__annotations__", {})
    return True
