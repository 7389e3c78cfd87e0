"""A private copy of a Setup: model, optimizer, loss and step copied together, so that they still belong together."""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.optim import Optimizer

from trainability.errors import SetupError


def clone_parts(
    model: nn.Module, optimizer: Optimizer, loss_fn: Callable[..., Any], memo: dict[int, Any] | None = None
) -> tuple[nn.Module, Optimizer, Callable[..., Any]]:
    """Copy model, optimizer and loss so that the copies refer to each other and never to the originals.

    The optimizer's copy holds the copied parameters; a loss that reads the model through a closure, a
    global, a partial or a bound method (a weight penalty, say) reads the copied model. A scheduler's mark on
    the optimizer's `step` stays behind, since it would step the original.

    Args:
        model: any nn.Module that `copy.deepcopy` can copy.
        optimizer: its optimizer; parameters of other modules are copied too.
        loss_fn: a callable.
        memo: filled with `id(original) -> copy`, for what else refers to them.

    Returns:
        (model, optimizer, loss_fn), the optimizer without state.

    Raises:
        SetupError: the model cannot be copied.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1)
        >>> opt = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> net2, opt2, _ = clone_parts(net, opt, lambda out, y: net.weight.square().sum())
        >>> opt2.param_groups[0]["params"][0] is net2.weight
        True
    """
    memo = {} if memo is None else memo
    try:
        new_model = copy.deepcopy(model, memo)
        new_optimizer = copy.deepcopy(optimizer, memo)
    except Exception as error:
        raise SetupError(
            f"the model cannot be copied ({type(error).__name__}: {error}), and it is never trained in place "
            "while it is diagnosed. Give a function that builds the Setup, or make the model deep-copiable."
        ) from error
    new_optimizer.state.clear()
    for name, value in vars(optimizer).items():
        if name in ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks"):
            getattr(new_optimizer, name).update(value)
        elif hasattr(value, "_wrapped_by_lr_sched"):
            continue
        elif name not in vars(new_optimizer):  # what __getstate__ leaves out; L-BFGS keeps its parameters so
            setattr(new_optimizer, name, copy.deepcopy(value, memo))
    new_loss = rebind(loss_fn, memo)
    memo[id(loss_fn)] = new_loss
    return new_model, new_optimizer, new_loss


def rebind(fn: Any, memo: dict[int, Any]) -> Any:
    """`fn`, with every object that `memo` has a copy of replaced by that copy.

    Args:
        fn: a function, partial, bound method, nn.Module or other callable.
        memo: `id(original) -> copy`, as `copy.deepcopy` fills it.

    Returns:
        `fn` itself where it refers to none of them.

    Example:
        >>> net = nn.Linear(1, 1); memo = {}; twin = copy.deepcopy(net, memo)
        >>> rebind(lambda: net, memo)() is twin
        True
    """
    if id(fn) in memo:
        return memo[id(fn)]
    if isinstance(fn, functools.partial):
        args = [rebind(a, memo) for a in fn.args]
        kwargs = {k: rebind(v, memo) for k, v in fn.keywords.items()}
        return functools.partial(rebind(fn.func, memo), *args, **kwargs)
    if isinstance(fn, types.MethodType):
        return types.MethodType(fn.__func__, rebind(fn.__self__, memo))
    if isinstance(fn, nn.Module):
        return copy.deepcopy(fn, memo)
    if isinstance(fn, types.FunctionType):
        return _rebind_function(fn, memo)
    if isinstance(fn, (list, tuple)) and any(id(v) in memo for v in fn):
        return type(fn)(rebind(v, memo) for v in fn)
    return fn


def _rebind_function(fn: types.FunctionType, memo: dict[int, Any]) -> types.FunctionType:
    memo[id(fn)] = fn  # a function that refers to itself ends here
    cells, changed = [], False
    for cell in fn.__closure__ or ():
        try:
            value = cell.cell_contents
        except ValueError:
            cells.append(cell)
            continue
        new = rebind(value, memo) if _may_refer(value, memo) else value
        changed |= new is not value
        cells.append(types.CellType(new) if new is not value else cell)
    found = {
        name: rebind(fn.__globals__[name], memo)
        for name in _names(fn.__code__)
        if name in fn.__globals__ and _may_refer(fn.__globals__[name], memo)
    }
    found = {name: new for name, new in found.items() if new is not fn.__globals__[name]}
    if not changed and not found:
        return fn
    space = {**fn.__globals__, **found} if found else fn.__globals__
    new_fn = types.FunctionType(fn.__code__, space, fn.__name__, fn.__defaults__, tuple(cells) or None)
    new_fn.__kwdefaults__ = fn.__kwdefaults__
    memo[id(fn)] = new_fn
    return new_fn


def _may_refer(value: object, memo: dict[int, Any]) -> bool:
    return id(value) in memo or isinstance(
        value, (types.FunctionType, types.MethodType, functools.partial, list, tuple)
    )


def _names(code: types.CodeType) -> set[str]:
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*(_names(c) for c in inner))
