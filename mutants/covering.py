"""Which tests run a statement of a module, so that a fault in it is shown to those only.

Each statement inside a function is preceded by a mark, which is quicker than tracing the whole program.
"""

import ast
import builtins
import json
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

MARK = "__ran__"
# A test's name for statements that run before any test, or in a fixture that several tests share.
ALL = ""


class Recorder:
    """A plugin of pytest that writes down the tests of each statement."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.tests: dict[int, set[str]] = defaultdict(set)
        self.now = ALL
        setattr(builtins, MARK, self.ran)

    def ran(self, line: int) -> None:
        self.tests[line].add(self.now)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.now = item.nodeid
        yield
        self.now = ALL

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        test = self.now
        if fixturedef.scope != "function":
            self.now = ALL
        yield
        self.now = test

    def pytest_sessionfinish(self) -> None:
        self.target.write_text(json.dumps({line: sorted(tests) for line, tests in self.tests.items()}))


def marked(tree: ast.Module) -> ast.Module:
    """The tree with a mark before each statement inside a function."""
    tree = deepcopy(tree)
    blocks = {id(block): block for function in _functions(tree) for block in _blocks(function)}
    for block in blocks.values():
        block[:] = [each for statement in block for each in (_mark(statement), statement)]
    return ast.fix_missing_locations(tree)


def tests_of(line: int, tree: ast.Module, recorded: dict[str, list[str]]) -> list[str] | None:
    """The tests that run the statement at this line; None where it may be any."""
    inside = [
        statement
        for function in _functions(tree)
        for block in _blocks(function)
        for statement in block
        if statement.lineno <= line <= (statement.end_lineno or 0)
    ]
    if not inside:
        return None  # it runs when the module is imported
    found = recorded.get(str(max(statement.lineno for statement in inside)), [])
    return None if ALL in found else found


def _functions(tree: ast.Module) -> Iterator[ast.AST]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _blocks(function: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(function):
        for field in ("body", "orelse", "finalbody"):
            if isinstance(block := getattr(node, field, None), list):
                yield block


def _mark(statement: ast.stmt) -> ast.stmt:
    call = ast.Call(ast.Name(MARK, ast.Load()), [ast.Constant(statement.lineno)], [])
    return ast.copy_location(ast.Expr(call), statement)
