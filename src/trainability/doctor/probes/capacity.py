"""Capacity: the narrowest hidden layer, and how many units dropout leaves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from trainability.doctor.readings import CapacityReading
from trainability.setup import Setup
from trainability.setup.facts import forward
from trainability.setup.untouched import untouched

SAMPLE = 8
DROPOUTS = (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout)
BETWEEN = (
    nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.Hardtanh,
    nn.Dropout, nn.Identity, nn.Mish, nn.Softsign, nn.ReLU6,
)  # fmt: skip
"""Modules that work on each unit by itself: what may stand between a layer that is widened and the next one."""


def capacity_reading(setup: Setup) -> CapacityReading:
    """Read a model's narrowest hidden linear layer and its heaviest dropout in one pass over a few inputs.

    Args:
        setup: its model runs in training mode and is left as it came.

    Returns:
        CapacityReading.
    """
    model = setup.model
    x = setup.batches.sample(SAMPLE)[0].to(setup.device)
    with untouched(model), torch.no_grad():
        watch = _Watch(model)
        model.train()
        try:
            with watch:
                output = forward(model, x)
        finally:
            watch.remove()
    outputs = int(output[0].numel())
    narrow = narrowest(watch.linears, outputs)
    heavy = min(watch.dropouts, key=lambda d: (d[1] * (1 - d[2]), d[1]), default=("", 0, 0.0))
    layer = watch.linears[narrow] if narrow is not None else None
    return CapacityReading(
        layer=layer[0] if layer else "",
        units=layer[2] if layer else 0,
        fan_in=layer[1] if layer else 0,
        outputs=outputs,
        sequential=layer is not None and behind(model, layer[0]) is not None,
        dropout=heavy[0],
        dropout_p=heavy[2],
        dropout_units=heavy[1],
        dropout_kept=heavy[1] * (1 - heavy[2]) if heavy[0] else math.inf,
        dropouts=sum(isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0 for m in model.modules()),
    )


def narrowest(linears: Sequence[tuple[str, int, int]], outputs: int) -> int | None:
    """Index of the hidden layer that lets least through, relative to what it gets and what must come out.

    Args:
        linears: (path, numbers in, units), in order of execution; the last one answers.
        outputs: numbers that the model answers with.

    Returns:
        An index, or None without a hidden linear layer.

    Example:
        >>> narrowest([("0", 64, 32), ("2", 32, 1), ("4", 1, 10)], 10)
        1
    """
    hidden = list(range(len(linears) - 1))
    return min(hidden, key=lambda i: linears[i][2] / max(min(linears[i][1], outputs), 1), default=None)


def behind(model: nn.Module, path: str) -> str | None:
    """The linear layer that reads the one at `path`, both in one `nn.Sequential` with only elementwise ones between.

    Example:
        >>> behind(nn.Sequential(nn.Linear(4, 1), nn.ReLU(), nn.Linear(1, 3)), "0")
        '2'
    """
    parent, _, leaf = path.rpartition(".")
    owner = model.get_submodule(parent) if parent else model
    if not isinstance(owner, nn.Sequential) or leaf not in owner._modules:
        return None
    names = list(owner._modules)
    for name in names[names.index(leaf) + 1 :]:
        module = owner._modules[name]
        if type(module) is nn.Linear:
            return f"{parent}.{name}".lstrip(".")
        if not isinstance(module, (*BETWEEN, nn.BatchNorm1d)):
            return None
    return None


class _Watch(TorchFunctionMode):
    """Notes linear layers as they run, and every dropout, called as a module or as a function."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.linears: list[tuple[str, int, int]] = []
        self.dropouts: list[tuple[str, int, float]] = []
        self.inside = ""
        self.handles = []
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear):
                size = (name, module.in_features, module.out_features)
                self.handles.append(module.register_forward_hook(lambda m, a, o, size=size: self.linears.append(size)))
            if isinstance(module, nn.modules.dropout._DropoutNd):
                self.handles.append(
                    module.register_forward_pre_hook(lambda m, a, name=name: setattr(self, "inside", name))
                )
                self.handles.append(module.register_forward_hook(lambda m, a, o: setattr(self, "inside", "")))

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in DROPOUTS and args and isinstance(args[0], Tensor):
            p = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
            on = kwargs.get("training", args[2] if len(args) > 2 else True)
            if on and p > 0:
                x = args[0]
                units = x.shape[-1] if x.ndim <= 3 else x.shape[1]
                self.dropouts.append((self.inside or "dropout", int(units), float(p)))
        return func(*args, **kwargs)
