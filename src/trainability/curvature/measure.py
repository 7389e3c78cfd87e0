"""The curvature of a Setup's loss where it is now, and the learning rates that its optimizer can take there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from trainability.curvature.point import GATHER, SAMPLE, Point, at
from trainability.measures.density import SpectralDensity, spectral_density
from trainability.measures.lanczos import Eigen
from trainability.measures.spectrum import Extremes, extremes
from trainability.measures.trace import Trace, trace
from trainability.setup import Setup

STEPS = 60
"""Most products for one eigenvalue."""
TRACE = 60
"""Products for the trace."""


@dataclass(frozen=True, eq=False)
class Limit:
    """The largest stable lr, as an interval.

    The largest Ritz value never exceeds the largest eigenvalue, and an eigenvalue lies within the residual of it: if
    that is the largest, the limit is between the rule's for `value + residual` and for `value`.

    Args:
        low, high: ends; `high` is infinite where no curvature above 0 was found.
        lr: the user's own.

    >>> Limit(0.09, 0.1, 0.05).share
    0.5
    """

    low: float
    high: float
    lr: float

    @property
    def share(self) -> float:
        """The user's lr as a share of `high`."""
        return self.lr / self.high if math.isfinite(self.high) else 0.0


@dataclass(frozen=True, eq=False)
class Sharpness:
    """What `measure` found.

    Args:
        loss: at this point.
        gradient_norm: of the loss.
        weights: number of them.
        samples, of: the loss is over `samples` of `of` (None: a stream).
        ends: largest and smallest eigenvalues of the plain Hessian.
        trace: of the plain Hessian; None where it was not asked for.
        density: of the plain Hessian; None where it was not asked for.
        effective: the largest eigenvalue as the optimizer's rule sees it: preconditioned, with weight decay.
        effective_is_plain: it is the plain Hessian's.
        optimizer: name of its class.
        limit: None where the optimizer's rule is not known or the loss is not finite.
        flat: the loss has no curvature: its gradient does not depend on the weights.
        notes: what a reader has to know.
    """

    loss: float
    gradient_norm: float
    weights: int
    samples: int
    of: int | None
    ends: Extremes
    trace: Trace | None
    density: SpectralDensity | None
    effective: Eigen
    effective_is_plain: bool
    optimizer: str
    limit: Limit | None
    flat: bool
    notes: tuple[str, ...]


def measure(
    setup: Setup,
    *,
    sample: int | None = SAMPLE,
    gather: int = GATHER,
    tol: float = 1e-2,
    largest: int = 1,
    with_trace: bool = True,
    with_density: bool = False,
) -> Sharpness:
    """Measure the curvature of a Setup's training loss at its present weights.

    Leaves no trace: everything happens on a copy.

    Args:
        setup: any; as its model and its optimizer are now.
        sample: samples of the loss, the same ones every time; None for all.
        gather: mini-batches that fill the state of an adaptive optimizer that has none.
        tol: relative residual of the sharpness to stop at.
        largest: how many of the largest eigenvalues.
        with_trace, with_density: estimate these too (60 and 128 further products).

    Returns:
        Sharpness; with a note and no limit where there is none.

    Raises:
        SetupError: the model and the loss do not fit, or there is no parameter to train.
        RuntimeError: an operation that cannot be differentiated twice.

    Source:
        Cohen, Kaur, Li, Kolter and Talwalkar 2021, arXiv 2103.00065; Cohen and others 2022, arXiv 2207.14484.

    >>> from torch import nn
    >>> net = nn.Linear(2, 1, bias=False)
    >>> x = torch.eye(2).repeat(8, 1)
    >>> data = (x, x[:, :1])
    >>> found = measure(Setup(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), lr=0.5), data))
    >>> round(found.effective.value, 4), round(found.limit.high, 4)
    (1.0, 2.0)
    """
    return measure_at(
        at(setup, sample=sample, gather=gather),
        tol=tol,
        largest=largest,
        with_trace=with_trace,
        with_density=with_density,
    )


def measure_at(
    point: Point, *, tol: float = 1e-2, largest: int = 1, with_trace: bool = True, with_density: bool = False
) -> Sharpness:
    """The same at a point that is at hand."""
    notes = list(point.notes)
    with point.measuring():
        plain = point.products(plain=True)
        n = plain.n
        ends = extremes(plain, largest=min(largest, n), smallest=1, max_steps=STEPS, tol=tol)
        found_trace = trace(plain, max_products=TRACE) if with_trace else None
        density = spectral_density(plain, probes=4, steps=32) if with_density else None
        effective = _first(ends) if point.effective_is_plain else _first(_top(point, tol))
    loss = float(plain.loss)
    flat = plain.flat or bool((ends.largest[0] == 0) & (ends.smallest[0] == 0))
    limit = None
    if not math.isfinite(loss) or math.isnan(effective.value):
        notes.append("The loss or its curvature is not finite here: nothing can be said of a learning rate.")
    elif flat:
        notes.append(
            "The loss has no curvature: its gradient does not depend on the weights (or no weight matters). Curvature "
            "sets no limit to the learning rate here."
        )
    elif effective.value <= 0:
        notes.append("No direction of positive curvature was found: curvature sets no limit to the learning rate here.")
    if point.rule is None:
        name = type(point.setup.optimizer).__name__
        notes.append(f"No stability limit is known for {name} with these options: the curvature is the plain one.")
    elif math.isfinite(loss) and not math.isnan(effective.value):
        limit = Limit(_limit(point, effective.value + effective.residual), _limit(point, effective.value), point.lr)
    if not effective.converged and not math.isnan(effective.value):
        notes.append(
            "The largest eigenvalue has not converged: it may be larger still. Measure on another sample size."
        )
    return Sharpness(
        loss=loss,
        gradient_norm=float(plain.gradient.norm()),
        weights=n,
        samples=point.samples,
        of=point.of,
        ends=ends,
        trace=found_trace,
        density=density,
        effective=effective,
        effective_is_plain=point.effective_is_plain,
        optimizer=type(point.setup.optimizer).__name__,
        limit=limit,
        flat=flat,
        notes=tuple(notes),
    )


def effective(point: Point, *, tol: float = 1e-2) -> Eigen:
    """The largest eigenvalue as the rule sees it, with the optimizer's present state."""
    with point.measuring():
        return _first(_top(point, tol))


def _top(point: Point, tol: float) -> Extremes:
    # Not the bare Lanczos run: its residual says that an eigenvalue is near, and a second run says that none is larger.
    return extremes(point.products(), largest=1, smallest=0, max_steps=STEPS, tol=tol)


def _first(ends: Extremes) -> Eigen:
    value, residual = float(ends.largest[0]), float(ends.largest_residuals[0])
    return Eigen(value, residual, ends.products, bool(ends.converged), ends.largest_vectors[0])


def _limit(point: Point, value: float) -> float:
    assert point.rule is not None
    return float(torch.as_tensor(point.rule.stable_lr(value)))
