"""Where a function can be changed, and how.

A change swaps what is compared, takes a condition or a constant for another, or leaves a statement out.
Texts of errors and of ``repr``, annotations and docstrings are left alone: what is said is for other
tests.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Site:
    """One change: the ``number``-th one of the function that begins at ``first`` in ``path``."""

    path: Path
    function: str
    first: int
    line: int
    number: int
    says: str
    last: int

    @property
    def lines(self) -> range:
        """The lines of which one is run whenever what is changed is."""
        return range(self.line, self.last + 1)

    @property
    def name(self) -> str:
        """What stays the same when lines are added above it."""
        return f"{self.path.stem} {self.function}: {self.says}"

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line} {self.function}: {self.says}"

    def code(self) -> CodeType:
        """Return the code of the changed function."""
        tree = ast.parse(self.path.read_text())
        change = next(one for one in _changes_of(self.path, tree) if one[0] == self)
        change[1]()
        module = compile(ast.fix_missing_locations(tree), str(self.path), "exec")
        return next(
            code
            for code in _codes_in(module)
            if code.co_name == self.function and _first(code) == self.first
        )


def _first(code: CodeType) -> int:
    return code.co_firstlineno


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _codes_in(part)


def sites_of(path: Path) -> list[Site]:
    """Return all changes of the functions in a file."""
    return [site for site, _ in _changes_of(path, ast.parse(path.read_text()))]


def _changes_of(path: Path, tree: ast.Module) -> Iterator[tuple[Site, Change]]:
    for function in _functions_of(tree):
        first = min([function.lineno, *(one.lineno for one in function.decorator_list)])
        for number, (node, says, change) in enumerate(_changes_in(function)):
            what = node.test if isinstance(node, ast.If | ast.While | ast.IfExp) else node
            line = getattr(what, "lineno", function.lineno)
            last = getattr(what, "end_lineno", None) or line
            yield Site(path, function.name, first, line, number, says, last), change


def _functions_of(tree: ast.AST) -> Iterator[Function]:
    """Yield functions of the module and of its classes; those inside of functions are part of them."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            if node.name not in ("__repr__", "__str__"):
                yield node
        elif isinstance(node, ast.ClassDef | ast.If):
            yield from _functions_of(node)


class Change:
    """Changes a tree when it is called."""

    def __init__(self, where: ast.AST, name: str, value: object, place: int | None = None) -> None:
        self._where, self._name, self._value, self._place = where, name, value, place

    def __call__(self) -> None:
        if self._place is None:
            setattr(self._where, self._name, self._value)
        else:
            getattr(self._where, self._name)[self._place] = self._value


def _changes_in(function: Function) -> Iterator[tuple[ast.AST, str, Change]]:
    for statement in function.body:
        for node in _walked(statement):
            yield from _changes_at(node)


def _walked(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what counts of ``node``, in its order."""
    match node:
        case ast.Raise() | ast.Assert() | ast.JoinedStr():
            return
        case ast.keyword(arg="strict"):
            # Of ``zip``: it states what is known, as an assertion does.
            return
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_params"):
            continue
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST):
                yield from _walked(part)


def _changes_at(node: ast.AST) -> Iterator[tuple[ast.AST, str, Change]]:
    text = ast.unparse(node) if isinstance(node, ast.expr | ast.stmt) else ""
    short = text if len(text) < 60 else f"{text[:57]}..."
    match node:
        case ast.Compare(ops=ops):
            for place, op in enumerate(ops):
                if (other := OTHER.get(type(op))) is not None:
                    yield node, f"{short}: {other.__name__}", Change(node, "ops", other(), place)
        case ast.BoolOp(op=op) | ast.BinOp(op=op) | ast.AugAssign(op=op):
            if (other := OTHER.get(type(op))) is not None:
                yield node, f"{short}: {other.__name__}", Change(node, "op", other())
        case ast.UnaryOp(op=ast.Not()):
            yield node, f"{short}: without not", _without_not(node)
        case ast.Constant(value=bool() as value):
            yield node, f"{value}: {not value}", Change(node, "value", not value)
        case ast.Constant(value=int() | float() as number):
            yield node, f"{number}: {number + 1}", Change(node, "value", number + 1)
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            denied = ast.UnaryOp(ast.Not(), deepcopy(test))
            yield node, f"{ast.unparse(test)[:50]}: not so", Change(node, "test", denied)
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield node, f"{short}: left out", Change(node, "value", ast.Constant(None))
        case ast.Return(value=ast.expr() as value) if not _is_no(value):
            yield node, f"{short}: None", Change(node, "value", ast.Constant(None))


def _without_not(node: ast.UnaryOp) -> Change:
    # A call of bool is what ``not not`` is, and the node stays where it is.
    return Change(node, "operand", ast.UnaryOp(ast.Not(), deepcopy(node.operand)))


def _is_no(value: ast.expr) -> bool:
    """Return whether None in its place would be no other answer: it is None, or False."""
    return isinstance(value, ast.Constant) and (value.value is None or value.value is False)
