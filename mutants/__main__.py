"""Puts small faults into the product, one at a time, and prints those that no test notices.

    make mutants                              every module of mutants/table.py: takes hours
    make mutants ARGS=lib.phone               one of them
    make mutants ARGS="ledger --sample 40"    forty faults of one area, the same each time

A fault never gets into a file: a process of its own imports the module with the fault in it, and runs those
of the module's tests that come to the fault's line. That is quick because the process is forked from this
one, which has loaded all other packages, and because it finds a database that is migrated already.

Ready-made tools do not fit: mutmut changes nothing outside of functions, where our limits are, and leaves
out functions with a decorator, such as those of one transaction. cosmic-ray writes each fault into the
source file, and starts Python, Django and a new database for it.
"""

import ast
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Collection, Iterator, Sequence
from copy import deepcopy
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from time import monotonic, sleep
from types import CodeType
from typing import Any

import pytest

from mutants.covering import Recorder, marked, tests_of
from mutants.faults import faults
from mutants.table import AREAS

TESTS = {module: tests for area in AREAS.values() for module, tests in area.items()}
OPTIONS = ("-x", "-q", "--reuse-db", "-p", "no:cacheprovider", "-m", "not browser and not processes")
LOADED = ("django.db.models", "django.core.management", "hypothesis", "openpyxl", "aiohttp", "celery",
          "factory", "time_machine")  # fmt: skip
DATABASE = "test-main.sqlite3"
LEAST = 60.0  # seconds that every run gets before it counts as hanging


class Faulty(SourceFileLoader):
    """Imports one module from a syntax tree instead of its file."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        super().__init__(name, str(path_of(name)))
        self.tree = tree

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        return spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.tree, self.path, "exec")


def path_of(module: str) -> Path:
    return Path(*module.split(".")).with_suffix(".py")


class Trial:
    """The tests of one module, run on changed trees of it."""

    def __init__(self, module: str, folder: Path) -> None:
        self.module = module
        self.folder = folder
        self.tree = ast.parse(path_of(module).read_text())
        self.tests = TESTS[module].split()
        self.seconds = 3600.0
        os.environ["DATA_DIR"] = str(folder)
        begin = monotonic()
        if not self.passes(marked(self.tree), self.tests, [Recorder(folder / "lines")]):
            sys.exit(f"The tests of {module} fail as it is: {TESTS[module]}")
        self.seconds = LEAST + 5 * (monotonic() - begin)
        self.recorded = json.loads((folder / "lines").read_text())
        if (made := folder / DATABASE).exists():  # pure tests need none
            shutil.copy(made, folder / "pristine")

    def survivors(self, wanted: Collection[int]) -> Iterator[str]:
        """Where the faults are that no test notices, of those with these numbers."""
        changed = deepcopy(self.tree)
        for number, (line, words) in enumerate(faults(changed)):
            if number not in wanted:
                continue
            tests = tests_of(line, self.tree, self.recorded)
            if tests == [] or self.passes(changed, self.tests if tests is None else tests):
                yield f"{path_of(self.module)}:{line}  {words}"

    def passes(self, tree: ast.Module, tests: Sequence[str], plugins: Sequence[object] = ()) -> bool:
        """Whether the tests pass with this tree of the module. A run that hangs does not pass."""
        if (pristine := self.folder / "pristine").exists():
            shutil.copy(pristine, self.folder / DATABASE)
        child = os.fork()
        if not child:
            self._run(tree, tests, plugins)
        end = monotonic() + self.seconds
        while monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return status == 0
            sleep(0.02)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return False

    def _run(self, tree: ast.Module, tests: Sequence[str], plugins: Sequence[object]) -> None:
        os.setpgid(0, 0)  # so that whatever it starts ends with it
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        status = 1
        try:
            sys.meta_path.insert(0, Faulty(self.module, tree))
            status = int(pytest.main([*OPTIONS, *tests], plugins=plugins))
        finally:
            os._exit(status)


def attempt(module: str, wanted: Collection[int]) -> int:
    """Tries the faults of a module that have these numbers. Returns how many were noticed."""
    noticed = len(wanted)
    with tempfile.TemporaryDirectory() as name:
        for survivor in Trial(module, Path(name)).survivors(wanted):
            print(f"  {survivor}", flush=True)
            noticed -= 1
    return noticed


def chosen(modules: Sequence[str], sample: int | None) -> dict[str, set[int]]:
    """Module → the numbers of its faults that are to be tried, the same at each call."""
    every = [
        (module, number)
        for module in modules
        for number, _ in enumerate(faults(ast.parse(path_of(module).read_text())))
    ]
    if sample is not None:
        every = random.Random(11).sample(every, min(sample, len(every)))
    return {module: {number for name, number in every if name == module} for module in modules}


def modules_of(names: Sequence[str]) -> list[str]:
    """Those of the areas and modules with these names."""
    if unknown := set(names) - AREAS.keys() - TESTS.keys():
        sys.exit(f"Not in mutants/table.py: {', '.join(sorted(unknown))}")
    return [module for name in names for module in AREAS.get(name, [name])]


def main() -> None:
    parser = ArgumentParser(prog="make mutants")
    parser.add_argument("names", nargs="*", metavar="NAME", help="an area or a module of mutants/table.py")
    parser.add_argument("--sample", type=int, help="how many faults to try, of all those of the modules")
    given = parser.parse_args()
    for name in LOADED:
        importlib.import_module(name)
    noticed = total = 0
    for module, wanted in chosen(modules_of(given.names or list(AREAS)), given.sample).items():
        if wanted:
            print(module, flush=True)
            found = attempt(module, wanted)
            print(f"  {found} of {len(wanted)} noticed: {found / len(wanted):.0%}", flush=True)
            noticed, total = noticed + found, total + len(wanted)
    print(f"All: {noticed} of {total} noticed, {noticed / max(total, 1):.0%}")


if __name__ == "__main__":
    main()
