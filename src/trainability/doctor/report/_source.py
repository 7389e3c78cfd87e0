"""The user's own source, where it is at hand: which lines, and the one literal that is the learning rate."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Span:
    """A piece of a file: lines and columns from 1, columns in characters, the end column one past the last."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class Place:
    """A function or class in a file.

    Args:
        uri: relative to the working folder where it lies below it, otherwise a file URI.
        whole: the definition's lines.
        node, tree, lines: its syntax tree, the file's, and the file's lines.
    """

    uri: str
    whole: Span
    node: ast.AST = field(repr=False)
    tree: ast.Module = field(repr=False)
    lines: tuple[str, ...] = field(repr=False)


def place_of(thing: Callable[..., Any] | type) -> Place | None:
    """Where a function or class is defined; None where its source is not at hand (built in, a notebook's, made by exec).

    Args:
        thing: a function or a class.

    Returns:
        Place.

    Example:
        >>> place_of(place_of).uri.endswith("doctor/report/_source.py"), place_of(len)
        (True, None)
    """
    try:
        thing = inspect.unwrap(thing)
        file = inspect.getsourcefile(thing)
        _, first = inspect.getsourcelines(thing)
        text = Path(file or "").read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (TypeError, OSError, SyntaxError, ValueError):
        return None
    name = getattr(thing, "__name__", "")
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        begin = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        if begin == first and getattr(node, "name", "<lambda>") == name:
            lines = tuple(text.splitlines())
            return Place(_uri(Path(file or "")), _span(node, lines), node, tree, lines)
    return None


def lr_literal(place: Place, optimizer: str = "") -> Span | None:
    """The one number in the source that is the optimizer's learning rate; None where there is none or more than one.

    A literal `lr=` (or second argument) of the only call of an optimizer, or the literal that the name given there is
    assigned, once, at the top of the file and used nowhere else.

    Args:
        place: where to look.
        optimizer: the class's name that the call must have; "" for any of torch's.

    Returns:
        Span of the literal.
    """
    calls = [c for c in ast.walk(place.node) if isinstance(c, ast.Call) and _called(c) in (_optimizers())]
    if len(calls) != 1 or (optimizer and _called(calls[0]) != optimizer):
        return None
    call = calls[0]
    given = [k.value for k in call.keywords if k.arg == "lr"] or call.args[1:2]
    if len(given) != 1:
        return None
    value: ast.expr = given[0]
    if isinstance(value, ast.Name):
        value = _constant(place.tree, value.id) or value
    if isinstance(value, ast.Constant) and isinstance(value.value, int | float) and not isinstance(value.value, bool):
        return _span(value, place.lines)
    return None


def lr_of(code: str) -> tuple[str, float] | None:
    """The optimizer's class and the learning rate in a remedy's lines, where they set nothing else.

    Args:
        code: as in `Remedy.code`.

    Returns:
        (class, lr), with "" for whichever class it is, or None.

    Example:
        >>> lr_of("optimizer = torch.optim.SGD(model.parameters(), lr=0.01)  # its other options as before")
        ('SGD', 0.01)
        >>> lr_of("optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)")
        >>> lr_of("for group in optimizer.param_groups: group['lr'] = 0.01")
        ('', 0.01)
    """
    try:
        body = ast.parse(code).body
    except SyntaxError:
        return None
    if len(body) != 1:
        return None
    if isinstance(body[0], ast.For):
        return _of_every_group(body[0])
    if not isinstance(body[0], ast.Assign) or not isinstance(body[0].value, ast.Call):
        return None
    call = body[0].value
    if [k.arg for k in call.keywords] != ["lr"] or len(call.args) != 1 or "as before" not in code.partition("#")[2]:
        return None
    lr = _number(call.keywords[0].value)
    return None if lr is None else (_called(call), lr)


def _of_every_group(loop: ast.For) -> tuple[str, float] | None:
    """The number of `for group in optimizer.param_groups: group["lr"] = number`."""
    if len(loop.body) != 1 or not isinstance(loop.body[0], ast.Assign):
        return None
    target, lr = loop.body[0].targets[0], _number(loop.body[0].value)
    if lr is None or ast.unparse(loop.iter) != "optimizer.param_groups" or ast.unparse(target) != "group['lr']":
        return None
    return "", lr


def _number(value: ast.expr) -> float | None:
    known = isinstance(value, ast.Constant) and isinstance(value.value, int | float)
    return float(value.value) if known else None  # type: ignore[attr-defined]


def _optimizers() -> set[str]:
    return {name for name, value in vars(torch.optim).items() if isinstance(value, type)}


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _constant(tree: ast.Module, name: str) -> ast.expr | None:
    """What a name at the top of the file is assigned, if it is assigned once and read once."""
    uses = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == name]
    assigned = [
        s.value
        for s in tree.body
        if isinstance(s, ast.Assign)
        and len(s.targets) == 1
        and isinstance(s.targets[0], ast.Name)
        and s.targets[0].id == name
    ]
    return assigned[0] if len(assigned) == 1 and len(uses) == 2 else None


def _span(node: Any, lines: tuple[str, ...]) -> Span:
    def column(line: int, offset: int) -> int:
        return len(lines[line - 1].encode()[:offset].decode(errors="replace")) + 1

    return Span(
        node.lineno,
        column(node.lineno, node.col_offset),
        node.end_lineno,
        column(node.end_lineno, node.end_col_offset),
    )


def _uri(file: Path) -> str:
    file = file.resolve()
    try:
        return file.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return file.as_uri()
