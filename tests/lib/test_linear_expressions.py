"""No text of others makes a regular expression of ours slow: each is linear in the length of the text.

A text of forty thousand characters takes a linear expression about a millisecond, and a quadratic one a
second and more. The limit between them is CPU time of this process, so a busy machine changes nothing.
"""

import ast
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from broadcasts.message import values
from campaigns.intake import discovery
from lib.http import HttpRequest
from privacy.needles import needles
from providers.dialects.kaleyra import webhook
from tests.lib import hostile
from tests.setup.prose import APPS, ROOT

CPU = 0.25  # seconds
# What is used in another way than by a name in its own module may be used in any.
ALL_WAYS = {"search", "match", "fullmatch"}
AS_SEARCH = {"sub", "subn", "split", "findall", "finditer", "search"}


class Expression(NamedTuple):
    where: str
    pattern: re.Pattern[str]
    ways: frozenset[str]

    def __str__(self) -> str:
        return self.where


def _product() -> Iterator[Path]:
    for room in (*APPS, "config", "lib", "accounts"):
        yield from (path for path in sorted((ROOT / room).rglob("*.py")) if "migrations" not in path.parts)


def _expressions() -> Iterator[Expression]:
    for path in _product():
        source = path.read_text()
        if "re." not in source:
            continue
        tree = ast.parse(source)
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield from _inline(name, tree)
        if "re.compile" in source:
            yield from _compiled(name, tree)


def _inline(name: str, tree: ast.Module) -> Iterator[Expression]:
    """`re.sub(r"…", …)`: only a literal can be looked at here."""
    for call in _calls(tree):
        if call.func.attr == "compile":  # type: ignore[attr-defined]
            continue
        literal = call.args[0]
        assert isinstance(literal, ast.Constant), f"{name}:{call.lineno}: give the expression a name"
        way = call.func.attr  # type: ignore[attr-defined]
        yield Expression(f"{name}:{literal.value}", re.compile(literal.value), _ways({way}))


# libphonenumber's own expressions, of which it knows what texts they meet: short runs of digits.
FROM_A_LIBRARY = {"lib.phone": 1}
# Made of a person's names when somebody looks for them: one of them.
MADE = {"privacy.needles": needles(["919812300001", "IN.1234567890"], ["somebody@example.test"]).wider}


def _compiled(name: str, tree: ast.Module) -> Iterator[Expression]:
    """What the module holds under its names, by themselves or in tuples and objects."""
    inside = [call for call in _calls(tree) if call.func.attr == "compile"]  # type: ignore[attr-defined]
    found = 0
    for variable, value in vars(import_module(name)).items():
        for pattern in _patterns(value):
            if not any(_assigned(node, variable) for node in tree.body):
                continue  # imported from where it is looked at
            found += 1
            used = {
                node.attr
                for node in ast.walk(tree)
                if isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == variable
            }
            ways = _ways(used) if isinstance(value, re.Pattern) and variable.startswith("_") else ALL_WAYS
            yield Expression(f"{name}.{variable}", pattern, frozenset(ways))
    found += FROM_A_LIBRARY.get(name, 0)
    if name in MADE:
        found += 1
        yield Expression(f"{name}.needles", MADE[name], ALL_WAYS)
    assert found >= len(inside), f"{name} compiles an expression inside a function: give it a name"


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    names = {"compile", "match", "fullmatch", *AS_SEARCH}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in names
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
        ):
            yield node


def _assigned(node: ast.stmt, variable: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return any(isinstance(each, ast.Name) and each.id == variable for each in targets)


def _patterns(value: Any) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _patterns(each)
    elif isinstance(value, dict):
        yield from _patterns(list(value.values()))
    elif hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        yield from _patterns([getattr(value, name) for name in value.__dataclass_fields__])


def _ways(used: set[str]) -> frozenset[str]:
    ways = {"search" if way in AS_SEARCH else way for way in used & (ALL_WAYS | AS_SEARCH)}
    return frozenset(ways or ALL_WAYS)


class TooSlow(Exception):
    pass


@contextmanager
def _limited() -> Iterator[None]:
    """Breaks off, in the middle of an expression too, what takes more CPU time than CPU."""

    def stop(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _is_linear(expression: Expression) -> None:
    for text in hostile.texts(expression.pattern):
        for way in expression.ways:
            try:
                with _limited():
                    if way == "search":
                        expression.pattern.sub("", text)  # to the end, wherever it fits
                    else:
                        getattr(expression.pattern, way)(text)
            except TooSlow:
                pytest.fail(f"{expression}: {way} takes for ever on {text[:40]!r}…{text[-3:]!r}")


@pytest.mark.parametrize("expression", list(_expressions()), ids=str)
def test_an_expression_is_linear(expression: Expression) -> None:
    _is_linear(expression)


@pytest.mark.parametrize(
    ("pattern", "way"),
    [
        (r"\"\s*[,}]?\s*\Z", "search"),
        (r"\s*\(\s*[\d.,]+\s*%\s*\)$", "search"),
        (r"\{\{(.*?)\}\}", "search"),
        (r"a=(https://[^?&]*[?&].*?)&b=", "search"),
        (r"\s*(x)\s*\.\s*([^|]*?)\s*(?:\|(.*))?", "fullmatch"),
        (r"(a+)+b", "match"),
        (r"(a|aa)+$", "match"),
    ],
)
def test_one_that_is_not_is_found(pattern: str, way: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="takes for ever"):
        _is_linear(Expression("this", re.compile(pattern), frozenset({way})))


@pytest.mark.parametrize(
    "body",
    [
        b'{"kind":"inbound","from":"1","body":"' + b" " * 500_000 + b'"x"}',
        b'{"kind":"inbound","from":"1","body":"' + b'" ' * 250_000 + b'x"}',
        b'{"kind":"inbound",' + b'"from" ' * 100_000 + b"}",
    ],
)
def test_a_webhook_of_spaces_and_quotation_marks_is_read_at_once(body: bytes) -> None:
    with _limited():
        webhook.webhook_items(HttpRequest("POST", "https://waypost.example.test/", {}, body))


def test_an_address_with_the_same_parameter_again_and_again_is_read_at_once() -> None:
    with _limited():
        discovery._pasted("https://x.test/?" + "&inbound_message_callback_url=https://x.test/?" * 20_000)


def test_braces_that_are_never_closed_are_read_at_once() -> None:
    with _limited(), pytest.raises(ValueError, match=r"longer|not closed"):
        values.parse("{{" * 100_000)
