"""Which softmax feeds a layer with weights, and whether dropout is what the model answers with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from trainability.doctor.probes.capacity import DROPOUTS
from trainability.doctor.probes.recorder import Call, recording
from trainability.doctor.readings.graph import WiringReading
from trainability.setup import Setup
from trainability.setup.facts import forward
from trainability.setup.large import is_large
from trainability.setup.untouched import seed_everything

SAMPLE, FEW = 16, 2
KINDS = ("softmax", "log_softmax")


def wiring_reading(setup: Setup) -> WiringReading:
    """Follow the values of one forward pass from each softmax and dropout to where they are used.

    Args:
        setup: stays as it is.

    Returns:
        WiringReading.
    """
    copy = setup.clone()
    x = copy.batches.sample(FEW if is_large(copy.model) else SAMPLE)[0].to(copy.device)
    softmaxes, modules, calls, feeds, units = _softmaxes(copy.model, x)
    dropout, p, call = _output_dropout(copy.model, x)
    return WiringReading(softmaxes, modules, calls, feeds, units, dropout, p, call)


def _softmaxes(
    model: nn.Module, x: Tensor
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...], tuple[str, ...], int]:
    seen: list[Call] = []
    taken: dict[int, str] = {}

    def note(call: Call) -> None:
        if call.role == "weight":
            for i, softmax in enumerate(seen):
                if i not in taken and same_values(softmax.output, call.inputs):
                    taken[i] = call.name
        elif call.kind in KINDS:
            seen.append(call)

    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.eval()
    seed_everything(0)
    with torch.no_grad(), recording(model, note):
        forward(model, x)
    times = Counter(call.path for call in seen)
    found = [seen[i] for i in taken]
    return (
        tuple(call.name for call in found),
        tuple(call.path for call in found if call.is_module and times[call.path] == 1),
        tuple(taken),
        tuple(taken.values()),
        max((int(call.output.shape[-1]) for call in found), default=0),
    )


def _output_dropout(model: nn.Module, x: Tensor) -> tuple[str, float, int]:
    """The path of the dropout whose values are the output, as they are or behind a last activation, its p and call."""
    last: list[Call] = []
    model.train()
    watch = _Dropouts()

    def enter(name: str) -> Any:
        return lambda module, args: watch.inside.append(name)

    def leave(module: nn.Module, args: Any, output: Any) -> None:
        watch.inside.pop()

    handles = []
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            handles.append(module.register_forward_pre_hook(enter(name)))
            handles.append(module.register_forward_hook(leave))
    seed_everything(0)
    try:
        with torch.no_grad(), recording(model, lambda c: last.append(c) if c.role == "activation" else None), watch:
            output = forward(model, x)
    finally:
        for handle in handles:
            handle.remove()
    if not watch.seen:
        return "", 0.0, -1
    name, p, value = watch.seen[-1]
    ends = same_values(value, output)
    if not ends and last and same_values(last[-1].output, output):
        ends = same_values(last[-1].inputs, value)
    return (name, p, watch.count - 1) if ends else ("", 0.0, -1)


class _Dropouts(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.seen: list[tuple[str, float, Tensor]] = []
        self.count = 0

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func in DROPOUTS and args and isinstance(args[0], Tensor):
            p = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
            self.count += 1
            if kwargs.get("training", args[2] if len(args) > 2 else True) and p > 0:
                self.seen.append((self.inside[-1] if self.inside else "dropout", float(p), result.detach()))
        return result


def same_values(one: Tensor, two: Tensor) -> bool:
    """Whether two tensors hold the same numbers in the same order, whatever their shapes.

    Example:
        >>> same_values(torch.ones(2, 3), torch.ones(6))
        True
    """
    return one is two or (one.numel() == two.numel() and torch.equal(one.detach().flatten(), two.detach().flatten()))
