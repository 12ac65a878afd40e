"""Texts on which a regular expression with two ways to read the same characters takes for ever.

They are made from the expression itself: what leads up to each of its parts, and then very many of one
character or of the beginning, and at last something that fits nothing.
"""

import re
from collections.abc import Iterable, Iterator
from re import _parser  # type: ignore[attr-defined]
from typing import Any

LENGTH = 40_000
_FEW = 32
_MISFIT = "\x00"
_COMMON = " \n1a/"
_CATEGORIES = {"CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a"}


def texts(pattern: re.Pattern[str]) -> Iterator[str]:
    """Hostile texts for the expression, each of about LENGTH characters. There is none for an expression
    without a part that may be repeated: at each place it looks at as many characters as it is long."""
    tree = list(_parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE))
    repeated = list(_repeated(tree))
    if not repeated:
        return
    leads = _some(_leads(tree, ""), 24)
    letters = _some([*_letters(repeated), *_COMMON], 12)
    yield from (lead * (LENGTH // len(lead)) + _MISFIT for lead in leads if lead)
    for lead in leads:
        for letter in letters:
            yield lead + letter * LENGTH + _MISFIT
            if lead:
                yield (lead + letter) * (LENGTH // (len(lead) + 1)) + _MISFIT


def _some(texts: Iterable[str], most: int) -> list[str]:
    """At most so many of them, from all over."""
    found = sorted(set(texts))
    return found[:: -(-len(found) // most)]


def _repeated(tree: Any) -> Iterator[Any]:
    """The parts that may be there more than a few times."""
    for node in tree:
        if "REPEAT" in str(node[0]) and node[1][1] > _FEW:
            yield node
        else:
            for inner in _inside(node):
                yield from _repeated(inner)


def _leads(tree: Any, before: str) -> Iterator[str]:
    """What a text may hold before each part of the expression."""
    for node in tree:
        yield before
        for inner in _inside(node):
            yield from _leads(inner, before)
        before += _sample([node])
    yield before


def _sample(tree: Any) -> str:
    """One text that fits, with a part that may be missing there once."""
    return "".join(map(_fitting, tree))


def _fitting(node: Any) -> str:
    kind, told = node
    if str(kind) in ("ASSERT", "ASSERT_NOT", "AT", "GROUPREF"):
        return ""
    if inner := _inside(node):
        least = max(1, told[0]) if "REPEAT" in str(kind) else 1
        return _sample(inner[0]) * least
    return next(_letters([node]), "")


def _letters(tree: Any) -> Iterator[str]:
    """A letter for each thing that the expression names."""
    for kind, told in tree:
        name = str(kind)
        if inner := _inside((kind, told)):
            for each in inner:
                yield from _letters(each)
        elif name in ("LITERAL", "RANGE"):
            yield chr(told if name == "LITERAL" else told[0])
        elif name == "CATEGORY":
            yield _CATEGORIES.get(str(told), "-")
        elif name in ("ANY", "NOT_LITERAL"):
            yield "x"
        elif name == "IN":
            yield from "x" if str(told[0][0]) == "NEGATE" else _letters(told)


def _inside(node: Any) -> list[Any]:
    """The expressions that a part is made of."""
    kind, told = str(node[0]), node[1]
    if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return [told[2]]
    if kind == "SUBPATTERN":
        return [told[3]]
    if kind == "ATOMIC_GROUP":
        return [told]
    if kind in ("ASSERT", "ASSERT_NOT"):
        return [told[1]]
    return list(told[1]) if kind == "BRANCH" else []
