"""Where theory expects the boundary of a map: the largest stable lr, the edge of chaos, the depth scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np
from torch import nn

from trainability import optimizers
from trainability.errors import SetupError
from trainability.lab.phase.axes import Axis
from trainability.lab.phase.cells import SCALE, Cells
from trainability.measures.sharpness import sharpness
from trainability.setup import Setup
from trainability.setup.facts import evaluate, forward
from trainability.setup.untouched import random_state_kept, seed_everything
from trainability.theory import depth_scaling, signal

SAMPLE = 1024
POINTS = 9
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
ACTIVATIONS = {
    nn.ReLU: "relu", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid", nn.GELU: "gelu", nn.SiLU: "silu", nn.SELU: "selu",
    nn.Hardtanh: "hardtanh", nn.Softsign: "softsign", nn.Softplus: "softplus", nn.Mish: "mish",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Line:
    """A predicted boundary.

    Args:
        label: what it is.
        x, y: (n,) points of it in the map's coordinates; nan where it has a gap. For a curve over one axis x alone counts.
    """

    label: str
    x: np.ndarray
    y: np.ndarray


def lines(cells: Cells, seeds: int = 3) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    """What theory predicts for a map, and why some of it is not drawn.

    - lr is an axis, and the optimizer divides by nothing: the largest stable lr for the sharpness of the training loss
      where each run starts, median over seeds;
    - lr and scale are the axes of a bias-free ReLU network of d layers with a square loss: lr ~ scale^(-2(d-1)) through
      the stable lr at scale 1;
    - scale is an axis of a plain network with 2 hidden layers or more: the scale at the edge of chaos;
    - depth (a parameter of the building function) and scale are the axes: six correlation depths.

    Args:
        cells: with one or two axes.
        seeds: 1 or more, draws of the weights that the stable lr is a median over.

    Returns:
        (lines, notes).
    """
    first = cells.axes[0]
    names = {a.name: a for a in cells.axes}
    found: list[Line] = []
    notes: list[str] = []

    def place(label: str, along: Axis | None, at: np.ndarray, value: np.ndarray) -> None:
        """A line whose coordinate on `along` is `at` and on the other axis `value`."""
        found.append(Line(label, at, value) if along is first else Line(label, value, at))

    if "lr" in names and "lr" not in cells.parameters:
        other = next((a for a in cells.axes if a.name != "lr"), None)
        at, limits, note = _stable(cells, other, seeds)
        if note:
            notes.append(note)
        elif other is None:
            found.append(Line("stable lr at the start", limits, np.zeros(len(limits))))
        else:
            place("stable lr at the start", other, at, limits)
            if other.name == SCALE and (depth := _homogeneous_depth(cells.base)):
                at = np.geomspace(other.low, other.high, 33) if other.low > 0 else np.linspace(1e-3, other.high, 33)
                _, middle, _ = _stable(cells, other, seeds, at=np.array([1.0]))
                factors = [depth_scaling.scaled([s] * depth).stable_lr for s in at]
                label = f"depth scaling: lr ~ scale{str(-2 * (depth - 1)).translate(RAISED)}"
                place(label, other, at, middle[0] * np.array(factors))
    if SCALE in names:
        one, other = names[SCALE], next((a for a in cells.axes if a.name != SCALE), None)
        plain = _plain(cells.at({a.name: a.high for a in cells.axes if a.name in cells.parameters}))
        if plain and plain.layers >= 3:
            edge = plain.edge()
            if edge is None:
                notes.append(f"no edge of chaos is drawn: {plain.activation} has none, or several, at these biases.")
            elif other is None:
                found.append(Line("edge of chaos", np.array([edge]), np.zeros(1)))
            elif one.low <= edge <= one.high:
                span = np.array([other.low, other.high])
                place("edge of chaos", other, span, np.full(2, edge))
            if other is not None and other.name == "depth":
                at = one.values(129)
                deep = np.array([plain.trainable_depth(s) for s in at])
                place("depth scale: 6 correlation depths", one, at, np.where(np.isfinite(deep), deep, np.nan))
    return tuple(found), tuple(notes)


def _stable(
    cells: Cells, other: Axis | None, seeds: int, at: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, str]:
    """Largest stable lr along the other axis, median over seeds; or why there is none."""
    points = at if at is not None else other.values(POINTS) if other else np.zeros(1)
    rows = []
    for value in points.tolist():
        values = {other.name: value} if other else {}
        row = []
        for seed in range(seeds):
            setup = cells.at(_filled(cells, values), seed)
            rule = optimizers.of(setup.optimizer)
            kind = type(setup.optimizer).__name__
            if rule is None:
                return points, points, f"no stable lr is drawn: no formula here has the limit of {kind}."
            if hasattr(rule, "eps"):
                return points, points, (
                    f"no stable lr is drawn: {kind} divides by what it has gathered, and at the start that is nothing."
                )  # fmt: skip
            try:
                row.append(_limit(setup, rule))
            except (RuntimeError, SetupError, ValueError) as error:
                return points, points, f"no stable lr is drawn: {error}"
        rows.append(np.median(row))
    found = np.array(rows, dtype=float)
    found[~np.isfinite(found)] = np.nan
    if np.isnan(found).all():
        return (
            points,
            found,
            "no stable lr is drawn: where the runs start the loss is not finite or has no curvature above 0.",
        )
    return points, found, ""


def _filled(cells: Cells, values: Mapping[str, float]) -> dict[str, float]:
    """The values, with parameters of the building function that are axes at their low end."""
    rest = {a.name: a.low for a in cells.axes if a.name in cells.parameters and a.name not in values}
    return {**rest, **values}


def _limit(setup: Setup, rule: optimizers.Rule) -> float:
    x, y = (t.to(setup.device) for t in setup.batches.sample(SAMPLE))
    parameters = [p for group in setup.optimizer.param_groups for p in group["params"]]
    with random_state_kept():
        seed_everything(0)
        setup.model.train()
        top = sharpness(lambda: evaluate(setup.loss_fn, forward(setup.model, x), y), parameters)
    if not isfinite(top.value):
        return float("nan")
    return float(rule.stable_lr(max(top.value, 0.0)))


@dataclass(frozen=True)
class _Plain:
    """A Sequential of Linear layers with one activation between them."""

    activation: str
    layers: int
    sigma_w2: float
    sigma_b2: float

    def edge(self) -> float | None:
        """The scale at which the hidden layers are at the edge of chaos."""
        found = signal.edges_of_chaos(self.activation, self.sigma_b2)
        if len(found) != 1 or not self.sigma_w2 > 0:
            return None
        return sqrt(found[0].sigma_w2 / self.sigma_w2)

    def trainable_depth(self, scale: float) -> float:
        return float(signal.trainable_depth(self.activation, self.sigma_w2 * scale**2, self.sigma_b2))


def _linears(setup: Setup) -> tuple[list[nn.Linear], list[nn.Module]] | None:
    """Layers and activations of a Sequential that alternates between them, beginning and ending with a layer."""
    if not isinstance(setup.model, nn.Sequential):
        return None
    parts = [m for m in setup.model if not isinstance(m, (nn.Flatten, nn.Identity))]
    layers, between = parts[::2], parts[1::2]
    if len(layers) != len(between) + 1 or not all(type(m) is nn.Linear for m in layers):
        return None
    return [m for m in layers if isinstance(m, nn.Linear)], between


def _plain(setup: Setup) -> _Plain | None:
    found = _linears(setup)
    if not found or not found[1] or len({type(m) for m in found[1]}) > 1:
        return None
    name = ACTIVATIONS.get(type(found[1][0]))
    if name is None:
        return None
    inner = found[0][1:-1] or found[0][:-1]
    weights = [m.in_features * float(m.weight.detach().double().square().mean()) for m in inner]
    biases = [0.0 if m.bias is None else float(m.bias.detach().double().square().mean()) for m in inner]
    return _Plain(name, len(found[0]), float(np.mean(weights)), float(np.mean(biases)))


def _homogeneous_depth(setup: Setup) -> int:
    """Layers of a bias-free ReLU network with a square loss; 0 for any other."""
    found = _linears(setup)
    if not found or setup.facts.family.name != "mse":
        return 0
    unbiased = all(m.bias is None for m in found[0])
    units = all(isinstance(m, (nn.ReLU, nn.LeakyReLU)) for m in found[1])
    return len(found[0]) if unbiased and units else 0
