"""The runs behind the fractal boundary: one network, trained at many pairs of learning rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from trainability import problems
from trainability.lab import cores
from trainability.lab.ensemble import MLP, Groups, Retire, train_ensemble
from trainability.lab.phase import OUTCOMES, boundary, explore
from trainability.optimizers import SGD
from trainability.theory.stability import gradient_descent

CONVERGED, DIVERGED = OUTCOMES.index("trained"), OUTCOMES.index("diverged")
LAST, MOST = 20, 1e6
"""The source's measure: the mean over the last 20 losses, none counted as more than a million times the first."""

SETTLED = Retire(window=LAST)
"""Runs leave that have diverged, or are below the first loss and flat."""


@dataclass(frozen=True, eq=False)
class Problem:
    """The problem `fractal` as a plain network: a = tanh(w0 x), f = w1 a.

    W0, W1 of the mean-field form are w0 √(n/2) and w1 n, so that their learning rates become lr0 2/n and lr1/n².

    Args:
        network: n inputs, n tanh units, 1 output, no biases.
        start: its weights.
        x, y: (N, n), (N, 1).
    """

    network: MLP
    start: dict[str, torch.Tensor]
    x: torch.Tensor
    y: torch.Tensor

    @property
    def width(self) -> int:
        """n."""
        return self.network.sizes[0]


def problem() -> Problem:
    """`problems.fractal` with seed 0, in the plain form."""
    setup = problems.get("fractal")(0)
    x, y = setup.data
    n = x.shape[1]
    with torch.no_grad():
        start = {"0.weight": (2 / n) ** 0.5 * setup.model.hidden.T, "2.weight": setup.model.output.T / n}
    return Problem(MLP((n, n, 1), "tanh", bias=False), start, x, y)


@dataclass(frozen=True, eq=False)
class Train:
    """Whether runs converge, for `lab.phase.explore`.

    A run has converged where the mean of its last 20 losses is below its first one, as in the source.

    Args:
        of: the problem.
        steps: 20 or more.
        retire: which runs leave early; None for those alone whose loss is lost.
        workers: processes; None for one per core.
        chunk: most members trained together.
        path: of `train_ensemble`.
        done: called with the number of a chunk as it finishes.
    """

    of: Problem
    steps: int = 500
    retire: Retire | None = None
    workers: int | None = None
    chunk: int = 128
    path: str = "fused"
    done: Callable[[int], None] | None = None

    def __call__(self, x: np.ndarray, y: np.ndarray, seed: np.ndarray) -> np.ndarray:
        """Codes of runs at log10 of the two learning rates: x of the first layer, y of the second."""
        n, count = self.of.width, len(x)
        share = -(-count // (self.workers or cores()))
        rates = [torch.as_tensor(10.0 ** np.asarray(v, dtype=np.float64)) for v in (x, y)]
        rule = Groups((("0.", SGD(lr=rates[0] * (2 / n))), ("2.", SGD(lr=rates[1] / n**2))))
        run = train_ensemble(
            self.of.network, rule, (self.of.x, self.of.y), loss="mse", steps=self.steps, seeds=[0] * count,
            start=self.of.start, path=self.path, dtype=torch.float64, retire=self.retire, target=self.first_loss,
            curve=range(self.steps - LAST, self.steps), chunk=max(4, min(self.chunk, share)), workers=self.workers,
            done=self.done,
        )  # fmt: skip
        with np.errstate(invalid="ignore"):
            last = run.curve / run.start_loss[:, None]
        last = np.where(np.isfinite(last), np.minimum(last, MOST), MOST)
        return np.where(last.mean(1) < 1, CONVERGED, DIVERGED)

    @property
    def first_loss(self) -> float:
        """The loss before the first step."""
        a = torch.tanh(self.of.x @ self.of.start["0.weight"].T)
        return float((a @ self.of.start["2.weight"].T - self.of.y).square().mean())


@dataclass(frozen=True, eq=False)
class Picture:
    """A window of the map.

    Args:
        x, y: (nx,), (ny,) log10 of the learning rates of the first and of the second layer.
        converged: (ny, nx).
        runs: how many of its cells were trained.
    """

    x: np.ndarray
    y: np.ndarray
    converged: np.ndarray
    runs: int

    @property
    def nearest(self) -> tuple[float, float]:
        """The cell beside a change that is nearest to the middle."""
        rows, columns = np.nonzero(boundary(self.converged))
        ny, nx = self.converged.shape
        at = int(np.argmin(((rows - (ny - 1) / 2) / ny) ** 2 + ((columns - (nx - 1) / 2) / nx) ** 2))
        return float(self.x[columns[at]]), float(self.y[rows[at]])


def picture(train: Train, x: tuple[float, float], y: tuple[float, float], side: int, coarse: int) -> Picture:
    """Train a window where its cells disagree.

    Args:
        train: makes the runs.
        x, y: the window.
        side: cells along each axis.
        coarse: of the first lattice.
    """
    found = explore(train, np.linspace(*x, side), np.linspace(*y, side), coarse=coarse)
    return Picture(found.x, found.y, found.outcome == CONVERGED, found.runs)


def zooms(train: Train, first: Picture, many: int, factor: float, side: int, coarse: int) -> tuple[Picture, ...]:
    """Pictures of windows each `factor` times smaller than the one before, about its nearest change."""
    found = [first]
    for _ in range(many):
        last = found[-1]
        window = []
        for middle, values in zip(last.nearest, (last.x, last.y), strict=True):
            half = float(values[-1] - values[0]) / factor / 2
            window.append((middle - half, middle + half))
        found.append(picture(train, window[0], window[1], side, coarse))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Stable:
    """Where a step of gradient descent from the start, linearised, does not grow: lr1 λ(lr0/lr1) <= 2.

    λ(r) is the largest eigenvalue of D H D, D the root of the rates (r, 1), H the Hessian in W0 and W1.

    Args:
        ratio: (k,) log10 of lr0/lr1, rising.
        top: (k,) log10 of λ.
        last: log10 of 2/λ of the last layer alone: the limit for lr0 -> 0.
        first: the same of the first layer alone.
    """

    ratio: np.ndarray
    top: np.ndarray
    last: float
    first: float

    @property
    def line(self) -> tuple[np.ndarray, np.ndarray]:
        """The limit as log10 of (lr0, lr1)."""
        lr1 = np.log10(2) - self.top
        return self.ratio + lr1, lr1

    def holds(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Whether pairs of rates are below the limit."""
        found: np.ndarray = y + np.interp(x - y, self.ratio, self.top) < np.log10(2)
        return found


def stable(points: int) -> Stable:
    """The limit at the start of `problems.fractal` with seed 0, by the whole Hessian.

    Args:
        points: ratios of the rates.
    """
    setup = problems.get("fractal")(0)
    hidden, output = (w.detach() for w in setup.model.parameters())
    x, y = setup.data
    n = len(output)

    def loss(theta: torch.Tensor) -> torch.Tensor:
        a = torch.tanh((2 / n) ** 0.5 * (x @ theta[: n * n].reshape(n, n)))
        return (a @ theta[n * n :, None] / n - y).square().mean()

    start = torch.cat([hidden.flatten(), output.flatten()])
    hessian = torch.autograd.functional.hessian(loss, start).numpy()
    ratio = np.linspace(-6.0, 6.0, points)
    top = []
    for r in ratio:
        d = np.concatenate([np.full(n * n, 10 ** (r / 2)), np.ones(n)])
        top.append(float(np.linalg.eigvalsh(d[:, None] * hessian * d)[-1]))
    limits = [gradient_descent(float(np.linalg.eigvalsh(part)[-1])) for part in
              (hessian[n * n :, n * n :], hessian[: n * n, : n * n])]  # fmt: skip
    return Stable(ratio, np.log10(top), *(float(np.log10(v)) for v in limits))


def frozen_limit(train: Train, near: float, lr0: float) -> tuple[float, float]:
    """log10 of the last rate of the second layer at which runs converge, and of the next, at a tiny rate of the first.

    Args:
        train: makes the runs.
        near: log10 of the rate about which to look, 0.05 decades to each side.
        lr0: log10 of the first layer's rate.
    """
    found = explore(
        lambda x, y, seed: train(np.full(len(x), lr0), x, seed), near + np.linspace(-0.05, 0.05, 401), coarse=3
    )
    good = found.outcome[0] == CONVERGED
    at = int(np.argmin(good)) if not good.all() else len(good)
    ends = np.concatenate([[-np.inf], found.x, [np.inf]])
    return float(ends[at]), float(ends[at + 1])


def agreement(of: Problem, steps: int, shown: Picture, every: int, workers: int | None) -> tuple[int, int]:
    """(cells that differ, cells) between a picture and plain training of every so many of its cells.

    Plain: by the stacked tensors instead of the kernel, every cell trained, none retired.
    """
    rows, columns = (np.arange(every // 2, len(v), every) for v in (shown.y, shown.x))
    x, y = np.meshgrid(shown.x[columns], shown.y[rows])
    plain = Train(of, steps, workers=workers, path="stacked", chunk=64)
    codes = plain(x.ravel(), y.ravel(), np.zeros(x.size, dtype=int)).reshape(x.shape)
    return int(((codes == CONVERGED) != shown.converged[np.ix_(rows, columns)]).sum()), x.size
