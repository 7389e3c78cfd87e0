"""More units in a layer that lets too little through."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import nn

from trainability.doctor.finding import Finding
from trainability.doctor.probes.capacity import behind
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._layers import put_in
from trainability.errors import SetupError
from trainability.setup import Setup

ANSWERS = ("bottleneck-too-narrow",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """As many units as outputs, then as numbers that go in, in powers of two, where the layer is in a Sequential."""
    c = r.capacity
    if not c.sequential or c.units < 1:
        return
    widths = sorted({_power(w) for w in (c.outputs, max(c.fan_in, c.outputs)) if _power(w) > c.units})
    for i, width in enumerate(widths):
        yield Change(
            name=f"widen-{width}",
            family="widen",
            summary=f"Give layer {c.layer} {width} units instead of {c.units}",
            code=_lines(r, width),
            size=1.0 + 0.1 * i,
            answers=ANSWERS,
            touches=("weights", "width"),
            transform=partial(_widen, path=c.layer, width=width),
        )


def _lines(r: Readings, width: int) -> str:
    """The widened layer and the one behind it, in words where what stands between them has weights."""
    c, weights = r.capacity, r.start.weights
    names = [w.name for w in weights]
    at = names.index(f"{c.layer}.weight") if f"{c.layer}.weight" in names else len(names)
    after = next((w for w in weights[at + 1 :] if not w.name.startswith(f"{c.layer}.")), None)
    if after is None or len(after.shape) != 2 or not after.name.endswith(".weight"):
        return (
            f"# layer {c.layer}: nn.Linear({c.fan_in}, {width}) instead of nn.Linear({c.fan_in}, {c.units}),\n"
            f"# and {width} inputs for the linear layer behind it"
        )
    path = after.name.removesuffix(".weight")
    bias, bias_after = (", bias=False" * (f"{p}.bias" not in names) for p in (c.layer, path))
    return (
        f'model.set_submodule("{c.layer}", nn.Linear({c.fan_in}, {width}{bias}))  # before the optimizer is built\n'
        f'model.set_submodule("{path}", nn.Linear({width}, {after.shape[0]}{bias_after}))'
    )


def _power(n: int) -> int:
    """The smallest power of two that is not below."""
    return int(1 << max(n - 1, 0).bit_length())


def _widen(setup: Setup, generator: torch.Generator, *, path: str, width: int) -> Setup:
    model = setup.model
    after = behind(model, path)
    if after is None:
        raise SetupError(f"layer {path!r} is not followed by a linear layer in an nn.Sequential; widen it by hand.")
    narrow, wide = model.get_submodule(path), model.get_submodule(after)
    assert isinstance(narrow, nn.Linear)
    assert isinstance(wide, nn.Linear)
    parent = path.rpartition(".")[0]
    names = list((model.get_submodule(parent) if parent else model)._modules)
    between = names[names.index(path.rpartition(".")[2]) + 1 : names.index(after.rpartition(".")[2])]
    put_in(setup, path, lambda: nn.Linear(narrow.in_features, width, narrow.bias is not None), generator)
    for name in between:
        place = f"{parent}.{name}".lstrip(".")
        norm = model.get_submodule(place)
        if isinstance(norm, nn.BatchNorm1d):
            put_in(setup, place, lambda: nn.BatchNorm1d(width), generator)
    put_in(setup, after, lambda: nn.Linear(width, wide.out_features, wide.bias is not None), generator)
    return setup.replaced(keep_facts=True)


REMEDY = Prescription("widen", ANSWERS, propose)
