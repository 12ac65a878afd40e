"""The small faults that can be put into a module: one changed node of its syntax tree each. Pure."""

import ast
from collections.abc import Iterator
from typing import Any

# Parts that are no behaviour, or that tests do not look at.
SKIPPED = frozenset({"annotation", "returns", "decorator_list", "type_params", "msg"})
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
NARROWING = frozenset({"filter", "exclude", "get", "update", "Q"})


def faults(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The line and a description of each fault. The tree has the fault until the next one is asked for."""
    for parent, field, position, node in _places(tree):
        for other in _instead(node):
            ast.fix_missing_locations(ast.copy_location(other, node))
            words = f"{_short(node)}  →  {_short(other)}"
            _put(parent, field, position, other)
            yield node.lineno, words
            _put(parent, field, position, node)


def _places(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, Any]]:
    for field, value in ast.iter_fields(node):
        if field in SKIPPED or isinstance(node, ast.Assert):
            continue
        for position, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.expr | ast.stmt) and not _is_log(child):
                yield node, field, position if isinstance(value, list) else None, child
            if isinstance(child, ast.AST) and not _is_log(child):
                yield from _places(child)


def _is_log(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith(("logger.", "'", '"'))


def _put(parent: ast.AST, field: str, position: int | None, node: ast.AST) -> None:
    if position is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[position] = node


def _instead(node: ast.AST) -> Iterator[Any]:
    """What to put in the node's place."""
    match node:
        case ast.Compare(left, [op], right) if type(op) in COMPARISONS:
            yield ast.Compare(left, [COMPARISONS[type(op)]()], right)
        case ast.Compare(left, [first, second], right):  # 0 < n <= 9
            if type(first) in COMPARISONS and type(second) in COMPARISONS:
                yield ast.Compare(left, [COMPARISONS[type(first)](), second], right)
                yield ast.Compare(left, [first, COMPARISONS[type(second)]()], right)
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.Not() | ast.USub() | ast.Invert(), operand):
            yield operand
        case ast.BinOp(left, op, right) if type(op) in ARITHMETIC:
            yield ast.BinOp(left, ARITHMETIC[type(op)](), right)
        case ast.AugAssign(target, op, value) if type(op) in ARITHMETIC:
            yield ast.AugAssign(target, ARITHMETIC[type(op)](), value)
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.If(test, body, rest):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, rest)
        case ast.IfExp(test, body, other):
            yield ast.IfExp(test, other, body)
        case ast.Expr(ast.Call()) | ast.Raise():
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Call(called, args, [*keywords]) if _name(called) in NARROWING:
            for each in keywords:
                yield ast.Call(called, args, [other for other in keywords if other is not each])


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def _short(node: ast.AST) -> str:
    words = " ".join(ast.unparse(node).split())
    return words if len(words) <= 90 else words[:89] + "…"
