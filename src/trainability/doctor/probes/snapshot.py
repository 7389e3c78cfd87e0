"""One forward and one backward pass over a sample, read into a Snapshot."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from trainability.doctor.probes.activations import FLAT, SMOOTH
from trainability.doctor.probes.output import output_reading
from trainability.doctor.probes.recorder import Call, recording
from trainability.doctor.probes.weights import weight_readings
from trainability.doctor.readings import NAN, LayerReading, Snapshot
from trainability.measures.collinearity import mean_cosine, stable_rank
from trainability.measures.saturation import saturated_share
from trainability.measures.signal import mean_square, share_across_inputs
from trainability.measures.units import always_on_share, dead_share
from trainability.setup import Setup
from trainability.setup.facts import evaluate, forward
from trainability.setup.untouched import random_state_kept, seed_everything

VALUES = 4_000_000  # a layer's output is thinned over inputs above this
ROWS, COLUMNS = 128, 4096  # directions are compared on so many inputs and values at most


def snapshot(
    setup: Setup, inputs: Tensor, targets: Tensor, *, step: int = 0, start: Mapping[str, Tensor] | None = None
) -> Snapshot:
    """Read every layer, weight and the output of `setup.model` on a sample.

    The pass is made in training mode with dropout off, so that batch normalisation uses the sample and units are not
    hidden. Parameters' gradients and buffers are put back; use a private copy of the Setup all the same.

    Args:
        setup: its model and loss; not trained.
        inputs: (n, ...), the sample.
        targets: (n, ...), theirs.
        step: what the Snapshot says of its time.
        start: weights at the start by name, for the movement since.

    Returns:
        Snapshot; readings that a non-finite pass cannot give are nan.
    """
    model = setup.model
    calls: list[LayerReading] = []
    gradients: dict[int, float] = {}
    last: list[Call] = []

    def seen(call: Call) -> None:
        index = len(calls)
        calls.append(layer_reading(call))
        if call.role == "activation":
            last[:] = [call]
        if call.output.requires_grad:
            call.output.register_hook(lambda g: gradients.__setitem__(index, _rms(g)))

    kept = [(p, p.grad) for p in model.parameters()]
    buffers = [(b, b.clone()) for b in model.buffers()]
    modes = [(m, m.training) for m in model.modules()]
    try:
        model.train()
        for module in model.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.eval()
        for parameter in model.parameters():
            parameter.grad = None
        with random_state_kept(), warnings.catch_warnings(), torch.enable_grad():
            warnings.simplefilter("ignore")
            seed_everything(0)
            with recording(model, seen):
                output = forward(model, inputs)
            at_output: list[Tensor] = []
            if output.requires_grad:
                output.register_hook(lambda g: at_output.append(g.detach()))
            loss = _loss(setup, output, targets)
            if loss is not None and loss.requires_grad:
                loss.backward()
        layers = tuple(replace(layer, gradient=gradients.get(i, NAN)) for i, layer in enumerate(calls))
        kinds = [layer.kind for layer in calls]
        ending = last[0] if last and _ends_with(output, last[0].output) else None
        return Snapshot(
            step=step,
            loss=NAN if loss is None else float(loss.detach()),
            gradient_norm=_total(model),
            movement=_movement(model, start),
            layers=layers,
            weights=weight_readings(model, setup.optimizer),
            output=output_reading(output, ending, kinds.count(ending.kind) if ending else 0, at_output, setup.facts),
        )
    finally:
        for parameter, gradient in kept:
            parameter.grad = gradient
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
        for module, mode in modes:
            module.training = mode


def layer_reading(call: Call) -> LayerReading:
    """What one call of a layer shows, its gradient aside."""
    x = call.output.detach()
    stride = max(1, x.numel() // VALUES)
    x = x[::stride]
    flat = call.role == "activation" and call.kind in FLAT
    smooth = SMOOTH.get(call.kind) if call.role == "activation" else None
    has_units = x.ndim > 1
    directions = _thinned(x) if call.role == "weight" and has_units and x.shape[call.unit_dim] > 1 else None
    return LayerReading(
        name=call.name,
        kind=call.kind,
        role=call.role,  # type: ignore[arg-type]
        units=x.shape[call.unit_dim] if has_units else 1,
        mean_square=mean_square(x),
        share_across_inputs=share_across_inputs(x),
        dead=dead_share(x, call.unit_dim) if flat else NAN,
        always_on=always_on_share(x, call.unit_dim) if flat else NAN,
        saturated=saturated_share(call.inputs.detach()[::stride].float(), smooth) if smooth else NAN,
        cosine=NAN if directions is None else mean_cosine(directions),
        rank=NAN if directions is None else stable_rank(directions),
    )


def _thinned(x: Tensor) -> Tensor:
    """Up to ROWS inputs and COLUMNS of their values."""
    rows = x[:ROWS].flatten(1)
    return rows[:, :: max(1, math.ceil(rows.shape[1] / COLUMNS))]


def _loss(setup: Setup, output: Tensor, targets: Tensor) -> Tensor | None:
    if not bool(torch.isfinite(output).all()):
        return None
    return evaluate(setup.loss_fn, output, targets)


def _ends_with(output: Tensor, activation: Tensor) -> bool:
    if output is activation:
        return True
    return output.numel() == activation.numel() and torch.equal(output.flatten(), activation.flatten())


def _rms(x: Tensor) -> float:
    return float(x.detach().double().square().mean().sqrt())


def _total(model: nn.Module) -> float:
    squares = [float(p.grad.detach().double().square().sum()) for p in model.parameters() if p.grad is not None]
    return math.sqrt(sum(squares)) if squares else 0.0


def _movement(model: nn.Module, start: Mapping[str, Tensor] | None) -> float:
    if start is None:
        return 0.0
    moved = size = 0.0
    for name, parameter in model.named_parameters():
        before = start[name].double()
        moved += float((parameter.detach().double() - before).square().sum())
        size += float(before.square().sum())
    return math.sqrt(moved / size) if size > 0 else (math.inf if moved else 0.0)
