"""A user's training step with everything it remembers copied, so that two trainings share nothing."""

from __future__ import annotations

import copy
import functools
import sys
import sysconfig
import types
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from trainability.setup.hidden import hidden

Memo = dict[Any, Any]
Step = Callable[..., Any]

SMALL = 100_000  # entries of a tensor or list; what is larger is data, and data are read and not written
_LIBRARIES = (
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    str(Path(__file__).parents[1]),
)
_INSTALLED = ("site-packages", "dist-packages")
_OWN_STATE = (nn.Module, Optimizer, LRScheduler, torch.amp.GradScaler, torch.Generator)


def private(value: Any, memo: Memo) -> Any:
    """A copy of a function or an object that has its own state and refers to the copies that `memo` knows.

    Followed are closures, globals, partials, bound methods, containers and objects of the user's own classes; modules,
    optimizers, schedulers and gradient scalers found there are copied so that they act on what `memo` has. Code and
    objects of installed libraries, and data, stay shared.

    Args:
        value: anything.
        memo: `id(original) -> copy`, as `copy.deepcopy` fills it; is added to.

    Returns:
        The copy; `value` itself where there is nothing to copy.

    Example:
        >>> counter = {"calls": 0}
        >>> def step(model, batch, optimizer):
        ...     counter["calls"] += 1
        ...     return counter["calls"]
        >>> one = private(step, {})
        >>> one(0, 0, 0), one(0, 0, 0), private(step, {})(0, 0, 0), counter["calls"]
        (1, 2, 1, 0)
    """
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, types.FunctionType):
        return _function(value, memo)
    if isinstance(value, types.MethodType):
        return types.MethodType(value.__func__, private(value.__self__, memo))
    if isinstance(value, functools.partial):
        parts = [private(a, memo) for a in value.args]
        named = {k: private(v, memo) for k, v in value.keywords.items()}
        return functools.partial(private(value.func, memo), *parts, **named)
    if isinstance(value, _OWN_STATE) or (isinstance(value, Tensor) and value.is_leaf and value.numel() <= SMALL):
        return _deep(value, memo)
    if isinstance(value, (list, tuple, set, deque, dict)):
        return _container(value, memo)
    if _of_the_user(type(value)) and hasattr(value, "__dict__") and not isinstance(value, type):
        return _object(value, memo)
    return value


def _function(fn: types.FunctionType, memo: Memo) -> types.FunctionType:
    if not _of_the_user(fn):
        return fn
    cells = tuple(_cell(cell, memo) for cell in fn.__closure__ or ())
    key = ("globals", id(fn.__globals__))
    space = memo.get(key)
    if space is None:
        space = memo[key] = dict(fn.__globals__)
    new = types.FunctionType(fn.__code__, space, fn.__name__, None, cells or None)
    memo[id(fn)] = new
    new.__kwdefaults__ = fn.__kwdefaults__
    new.__defaults__ = tuple(private(d, memo) for d in fn.__defaults__) if fn.__defaults__ else None
    new.__dict__.update(fn.__dict__)
    for cell, old in zip(cells, fn.__closure__ or (), strict=True):
        if ("filled", id(cell)) not in memo:
            memo["filled", id(cell)] = cell
            try:
                cell.cell_contents = private(old.cell_contents, memo)
            except ValueError:  # not filled yet
                continue
    for name in _names(fn.__code__):
        if name in fn.__globals__ and ("name", *key, name) not in memo:
            memo["name", *key, name] = True
            space[name] = private(fn.__globals__[name], memo)
    return new


def _cell(cell: types.CellType, memo: Memo) -> types.CellType:
    """One new cell for each old one, so that functions which share a variable go on sharing it."""
    key = ("cell", id(cell))
    if key not in memo:
        memo[key] = types.CellType()
    new: types.CellType = memo[key]
    return new


def _container(value: Any, memo: Memo) -> Any:
    if len(value) > SMALL:
        return value
    if isinstance(value, dict):
        new: Any = copy.copy(value)
        memo[id(value)] = new
        for k, v in value.items():
            new[k] = private(v, memo)
        return new
    if isinstance(value, list):
        memo[id(value)] = new = []
        new.extend(private(v, memo) for v in value)
        return new
    parts = [private(v, memo) for v in value]
    if isinstance(value, tuple):
        if all(a is b for a, b in zip(parts, value, strict=True)):
            return value
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    memo[id(value)] = new = deque(parts, value.maxlen) if isinstance(value, deque) else set(parts)
    return new


def _object(value: Any, memo: Memo) -> Any:
    try:
        new = copy.copy(value)
    except Exception:  # what cannot be copied (a file, a lock) is shared
        return value
    memo[id(value)] = new
    for name, part in vars(value).items():
        object.__setattr__(new, name, private(part, memo))
    return new


def _deep(value: Any, memo: Memo) -> Any:
    try:
        return copy.deepcopy(value, memo)
    except Exception:  # as above
        return value


def _of_the_user(thing: Any) -> bool:
    """Whether a function or class was written in a script or project and not installed with Python or a library."""
    if isinstance(thing, types.FunctionType):
        path = thing.__code__.co_filename
    else:
        if thing.__module__ == "builtins":
            return False
        path = getattr(sys.modules.get(thing.__module__), "__file__", None) or ""
    return not path.startswith((*_LIBRARIES, "<frozen")) and not any(part in path for part in _INSTALLED)


def _names(code: types.CodeType) -> set[str]:
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*(_names(c) for c in inner))


def known(*pairs: tuple[Any, Any]) -> Memo:
    """A memo that maps each pair's first to its second, and all that the modules among the firsts hold to itself.

    Example:
        >>> net = nn.Linear(1, 1); memo = known((net, net))
        >>> private(lambda: net.weight, memo)() is net.weight
        True
    """
    memo: Memo = {}
    for old, new in pairs:
        if isinstance(old, nn.Module):
            for part in (*old.modules(), *old.parameters(), *old.buffers(), *(t for _, t in hidden(old))):
                memo[id(part)] = part
        memo[id(old)] = new
    return memo
