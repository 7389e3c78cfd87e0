"""What "lr-against-scale" trains, measures and predicts for one activation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainability.lab.ensemble import MLP, Retire
from trainability.lab.phase import Axis, Cells, Explored, Line, Members, explore, lines
from trainability.optimizers import SGD
from trainability.problems import get as problem
from trainability.setup import Setup

Array = NDArray[np.float64]

SIZES = (64, 32, 32, 32, 32, 10)
LAYERS = len(SIZES) - 1
"""Layers with weights, d."""
IMAGES = 96
NETS = {"relu": "he_normal", "tanh": "lecun_normal"}
"""Activation -> the initializer whose scale 1 is its edge of chaos: sigma_w² = 2 and 1."""
MODULES = {"relu": nn.ReLU, "tanh": nn.Tanh}
LR = Axis("lr", 1e-3, 100.0, log=True)
SCALE = Axis("scale", 0.15, 3.0, log=True)


@dataclass(frozen=True, eq=False)
class Map:
    """One activation.

    Args:
        activation: key of `NETS`.
        lr, scale: the axes.
        steps: of full-batch descent.
        cells: outcomes over lr (across) and scale (up).
        lines: predicted by `lab.phase.lines` from Hessians at the start and from mean field theory.
        start: (ny,) largest stable lr at the start, of the first of these lines, at the scales of the rows.
        chain: largest lr that is stable where the flattest linear network fits the data's first direction.
        widest: largest scale from 1 on that descent with the kernel of the start trains; nan for maps that end at 1.
    """

    activation: str
    lr: Axis
    scale: Axis
    steps: int
    cells: Explored
    lines: tuple[Line, ...]
    start: Array
    chain: float
    widest: float

    def largest(self) -> Array:
        """(ny,) largest lr that trains half of the seeds; nan where none does."""
        return self._edge(-1)

    def smallest(self) -> Array:
        """(ny,) the smallest one."""
        return self._edge(0)

    def _edge(self, place: int) -> Array:
        good = self.cells.succeeds
        return np.array([self.cells.x[np.flatnonzero(row)[place]] if row.any() else np.nan for row in good])


def data() -> tuple[Tensor, Tensor]:
    """The first 96 training digits, (96, 64), and their classes as rows of 0 and 1."""
    x, y = problem("digits-mlp")().data
    return x[:IMAGES], nn.functional.one_hot(y[:IMAGES], SIZES[-1]).float()


def network(activation: str) -> MLP:
    """Five layers without biases at scale 1."""
    return MLP(SIZES, activation, bias=False, init=NETS[activation])


def setup(seed: int = 0, activation: str = "relu") -> Setup:
    """The same network as a Setup, for the lab's predicted lines."""
    model = network(activation).member(seed)
    return Setup(
        model=model, loss_fn=nn.MSELoss(), optimizer=torch.optim.SGD(model.parameters(), lr=0.1), data=data(),
        batch_size=None, name=f"{activation}, {LAYERS} layers", origin=partial(setup, activation=activation),
    )  # fmt: skip


def explored(
    activation: str, lr: Axis, scale: Axis, resolution: tuple[int, int], seeds: tuple[int, int], steps: int, coarse: int
) -> Map:
    """Map one activation, adaptively, and measure and predict what it is set against.

    Args:
        activation: key of `NETS`.
        lr, scale: the axes.
        resolution: cells along lr and along scale.
        seeds: runs of each trained cell, and the most where the interval contains a half.
        steps: of each run.
        coarse: cells along each axis of the first grid.

    Returns:
        Map.
    """
    net = network(activation)
    members = Members(net, SGD(), data(), axes=("lr", "scale"), loss="mse", steps=steps, retire=Retire(window=50),
                      workers=1)  # fmt: skip
    cells = explore(members, lr.values(resolution[0]), scale.values(resolution[1]), seeds=seeds[0], most_seeds=seeds[1],
                    coarse=coarse)  # fmt: skip
    drawn, _ = lines(Cells(partial(setup, activation=activation), (lr, scale)), max(1, seeds[0] - 1))
    first = drawn[0]
    start = np.exp(np.interp(np.log(cells.y), np.log(first.y), np.log(first.x)))
    top = float(cells.y[-1])
    scales = np.geomspace(1, top, 60 if activation == "relu" else 12)
    widest = widest_scale(net, scales, steps) if top > 1 else float("nan")
    return Map(activation, lr, scale, steps, cells, drawn, start, chain_limit(), widest)


def chain_limit() -> float:
    """Largest lr at which the flattest linear network that fits the first direction of the data is stable.

        2 / (2/k d g^(2 (d-1)/d) lam)

    with k outputs, lam the largest eigenvalue of E[x x'], u its vector, and g = |E[y (x.u)]| / lam the gain that fits it: d
    factors of product g have the gradients g/w_l, whose squares add up to least where all w_l are alike.

    Returns:
        The lr.

    Source:
        Mulayoff and Michaeli 2020, "Unique properties of flat minima in deep networks", for linear networks; this case derived
        here.
    """
    x, y = (t.double() for t in data())
    power, vectors = torch.linalg.eigh(x.mT @ x / len(x))
    gain = float(((y * (x @ vectors[:, -1:])).mean(0) / power[-1]).norm())
    return 2 / (2 / SIZES[-1] * LAYERS * gain ** (2 * (LAYERS - 1) / LAYERS) * float(power[-1]))


def kernel(net: MLP, scale: float, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Eigenvalues of J J', its vectors, and the outputs of all images in one vector, where a member starts."""
    x, _ = (t.double() for t in data())
    model = replace(net, scale=scale).member(seed, dtype=torch.float64)
    values = {name: p.detach() for name, p in model.named_parameters()}

    def outputs(params: dict[str, Tensor], image: Tensor) -> Tensor:
        made: Tensor = torch.func.functional_call(model, params, (image,))
        return made

    jacobian = torch.func.vmap(torch.func.jacrev(outputs), in_dims=(None, 0))(values, x)
    J = torch.cat([jacobian[name].flatten(2) for name in values], 2).flatten(0, 1)
    power, modes = torch.linalg.eigh(J @ J.mT)
    return power, modes, model(x).detach().flatten()


def left(power: Tensor, modes: Tensor, outputs: Tensor, steps: int) -> float:
    """Loss after descent with a fixed kernel at 0.95 of the largest stable lr.

    residual = (1 - 1.9 K / max K)^T (f - y)
    """
    _, y = data()
    factor = (1 - 1.9 * power / power[-1]).abs() ** steps
    return float((factor * (modes.mT @ (outputs - y.double().flatten()))).square().mean())


def widest_scale(net: MLP, scales: Array, steps: int, seed: int = 0) -> float:
    """The largest of the scales at which descent with the kernel of the start reaches the target.

    Scaling ReLU weights by s multiplies outputs by s^d and the kernel by s^(2(d-1)), which the stable lr undoes, so that one
    kernel serves for all; other units are given one at each scale.

    Args:
        net: at scale 1, without biases.
        scales: rising.
        steps: T.
        seed: of the weights.

    Returns:
        The scale; nan where none does.
    """
    _, y = (t.double() for t in data())
    target = float((y - y.mean(0)).square().mean()) / 2
    power, modes, f = kernel(net, 1.0, seed)
    for s in scales[::-1].tolist():
        if net.activation == "relu":
            now = left(power, modes, s**LAYERS * f, steps)
        else:
            now = left(*kernel(net, s, seed), steps)
        if now <= target:
            return float(s)
    return float("nan")
