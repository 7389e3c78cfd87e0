"""Tensors that a model holds in attributes and has not registered: layers in a plain list, a tensor that is no parameter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

REGISTRIES = ("_parameters", "_buffers", "_modules")
DEEP = 6  # containers and objects inside each other that are looked into
PLAIN = (str, bytes, int, float, complex, bool, type(None), type, torch.dtype, torch.device, torch.Generator)


def hidden(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Every tensor in an attribute of a module that is no registered parameter, buffer or submodule, with its path.

    Args:
        model: any; not changed.

    Returns:
        Pairs (path of the attribute, tensor); a tensor may come more than once.

    Example:
        >>> net = nn.Linear(1, 1)
        >>> net.extra = [nn.Linear(2, 2, bias=False)]
        >>> [path for path, _ in hidden(net)]
        ['extra']
    """
    own = {id(m) for m in model.modules()}
    for name, module in model.named_modules():
        for attribute, value in vars(module).items():
            if attribute not in REGISTRIES and not attribute.endswith("_hooks"):
                for tensor in _tensors(value, set(own), DEEP):
                    yield f"{name}.{attribute}".lstrip("."), tensor


def _tensors(value: Any, seen: set[int], depth: int) -> Iterator[Tensor]:
    if isinstance(value, PLAIN) or id(value) in seen or depth < 0:
        return
    seen.add(id(value))
    if isinstance(value, Tensor):
        yield value
        return
    inner = value if isinstance(value, (list, tuple, set)) else getattr(value, "__dict__", {}).values()
    for part in list(value.values() if isinstance(value, dict) else inner):
        yield from _tensors(part, seen, depth if isinstance(value, nn.Module) else depth - 1)
