"""What Figure 8's entry measures: runs from the published start, the line x = y, and both of its sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from trainability.theory import symmetric_dynamics as plane
from trainability.theory.descent import descend
from trainability.theory.families import flipped
from trainability.theory.teacher_student import gradient, hessian

Floats = NDArray[np.float64]
START, LR, STEPS = (1e-3, 0.0), 0.01, 1000
X, Y = (-0.8, 1.2), (-0.2, 1.1)  # the region that is drawn and sown with starts


@dataclass(frozen=True)
class Path:
    """The run from (1e-3, 0) at one size.

    Args:
        K: students and teachers.
        x, y: after each of the 1000 steps, the start first.
        gap: largest difference from the same descent on all K² weights.
        rise: dy/dt at the start.
        t, flow_x, flow_y: the limit of small steps.
        top: (t, y) where y is highest in that limit.
        time: at which its squared error is 0.01.
        tops: (lr, highest y) of descent with smaller steps.
    """

    K: int
    x: Floats
    y: Floats
    gap: float
    rise: float
    t: Floats
    flow_x: Floats
    flow_y: Floats
    top: tuple[float, float]
    time: float
    tops: tuple[tuple[float, float], ...]

    @property
    def error(self) -> Floats:
        """(x - 1)² + (K - 1) y² after each step."""
        return plane.squared_error(self.x, self.y, self.K)

    @property
    def first_step(self) -> float:
        """Length of the first step, in lengths of the start."""
        moved = (self.x[1] - self.x[0]) ** 2 + (self.K - 1) * (self.y[1] - self.y[0]) ** 2
        return float(np.sqrt(moved) / START[0])

    @property
    def first(self) -> int:
        """The first step with an error below 0.01."""
        return int(np.argmax(self.error < 0.01))


@dataclass(frozen=True)
class Middle:
    """The line x = y at one size.

    Args:
        K: students and teachers.
        saddle, opposite: x of its two critical points, in closed form.
        newton: x of the same two, by Newton from a start off the line.
        slowest: (x, y) of the least speed on the flow from (0.9, 0.9 - 1e-8).
        told, seen: eigenvalues of the full Hessian at the saddle (K²,), by formula and of the dense matrix.
    """

    K: int
    saddle: float
    opposite: float
    newton: tuple[float, float]
    slowest: tuple[float, float]
    told: Floats
    seen: Floats


@dataclass(frozen=True)
class Sides:
    """Where the flow goes from a grid of starts on both sides of x = y, at one size.

    Args:
        K: students and teachers.
        right, left: starts with x > y, x < y.
        teacher: of `right`, those that reach (1, 0); other: of `left`, those that reach `end`. To 1e-6.
        minima: minima of the plane found with x > y, x < y.
        end: the minimum with x < y, as the flow finds it; told: the same, by the equations of the flipped families.
        loss, least: population loss and least eigenvalue of the full Hessian there.
        returned: of `runs` descents on all weights that start beside it (normal noise of 1e-3), those that end there.
        runs: how many.
    """

    K: int
    right: int
    left: int
    teacher: int
    other: int
    minima: tuple[int, int]
    end: tuple[float, float]
    told: tuple[float, float]
    loss: float
    least: float
    returned: int
    runs: int


@dataclass(frozen=True)
class Symmetry:
    """The numbers behind the figure.

    Args:
        paths: K = 2, 5, 10; middles and sides: more sizes.
    """

    paths: tuple[Path, ...]
    middles: tuple[Middle, ...]
    sides: tuple[Sides, ...]


def path(K: int, lrs: tuple[float, ...]) -> Path:
    """The published run, the same on all weights, its limit, and runs with smaller steps.

    Args:
        K: size.
        lrs: smaller steps.

    Returns:
        Path.
    """
    x, y = plane.descend(*START, K, lr=LR, steps=STEPS)
    W, V, gap = plane.weights(*START, K), np.eye(K), 0.0
    for i in range(STEPS):
        W = W - LR * gradient(W, V)
        gap = max(gap, float(np.abs(W - plane.weights(x[i + 1], y[i + 1], K)).max()))
    t = np.linspace(0.0, LR * STEPS, 2001)
    flow_x, flow_y = plane.flow(*START, K, t)

    def rise(time: float) -> float:
        at = plane.flow(*START, K, [time])
        return float(plane.field(at[0][0], at[1][0], K)[1])

    peak = int(np.argmax(flow_y))
    when = float(brentq(rise, t[peak - 1], t[peak + 1], xtol=1e-9))
    tops = []
    for lr in (LR, *lrs):
        tops.append((lr, float(plane.descend(*START, K, lr=lr, steps=round(1.2 * when / lr))[1].max())))
    return Path(
        K, x, y, gap, float(plane.field(*START, K)[1]), t, flow_x, flow_y,
        (when, float(plane.flow(*START, K, [when])[1][0])), plane.time_to_reach(*START, K, 0.01), tuple(tops),
    )  # fmt: skip


def middle(K: int) -> Middle:
    """The critical points of x = y, each in two or three ways.

    Args:
        K: size.

    Returns:
        Middle.
    """
    saddle, opposite = plane.saddle(K)[0], plane.opposite_point(K)[0]
    found = [plane.newton(1.05 * x, 0.97 * x, K) for x in (saddle, opposite)]
    x, y = plane.flow(0.9, 0.9 - 1e-8, K, np.linspace(0.0, 60.0, 12_001))
    speed = np.where(x - y < 0.1, np.hypot(*plane.field(x, y, K)), np.inf)
    i = int(np.argmin(speed))
    told = np.sort(np.repeat(*map(np.array, zip(*plane.saddle_spectrum(K), strict=True))))
    seen = np.linalg.eigvalsh(hessian(plane.weights(saddle, saddle, K), np.eye(K)))
    ends = tuple(np.nan if z is None else z[0] for z in found)
    slowest = (float(x[i]), float(y[i]))
    return Middle(K, saddle, opposite, (ends[0], ends[1]), slowest, told, np.asarray(seen, np.float64))


def sides(K: int, across: int, runs: int) -> Sides:
    """Follow the flow from a grid of starts, and look at the end of the side x < y in the full problem.

    Args:
        K: size.
        across: starts per row of the grid.
        runs: descents on all weights from beside that end.

    Returns:
        Sides.
    """
    x0, y0 = (v.ravel() for v in np.meshgrid(np.linspace(*X, across), np.linspace(*Y, round(0.65 * across))))
    keep = np.abs(x0 - y0) > 1e-6
    x0, y0 = x0[keep], y0[keep]
    right = x0 > y0
    x, y = (z[-1] for z in plane.flow(x0, y0, K, [0.0, 60.0]))
    ends = plane.flow(0.1, 0.4, K, [60.0])
    end = (float(ends[0][0]), float(ends[1][0]))
    point = flipped(K, K) if K > 2 else None
    least = float(np.linalg.eigvalsh(hessian(plane.weights(*end, K), np.eye(K)))[0])
    minima = [p for p in plane.critical_points(K, starts=9) if p.kind == "minimum"]
    there = plane.weights(*end, K)
    beside = there + np.random.default_rng([8, K]).normal(0.0, 1e-3, (runs, K, K))
    stay = descend(beside, np.eye(K), lr=min(0.2, 1 / K), tol=1e-9, floor=1e-12 if K > 2 else None)
    return Sides(
        K=K,
        right=int(right.sum()),
        left=int((~right).sum()),
        teacher=int((right & (np.hypot(x - 1, y) < 1e-6)).sum()),
        other=int((~right & (np.hypot(x - end[0], y - end[1]) < 1e-6)).sum()),
        minima=(sum(p.x > p.y for p in minima), sum(p.x < p.y for p in minima)),
        end=end,
        told=(point.flipped_diagonal, point.flipped_flipped) if point else (0.0, 1.0),
        loss=float(plane.loss(*end, K)),
        least=least,
        returned=int((np.abs(stay.W - there).max(axis=(1, 2)) < 1e-4).sum()),
        runs=runs,
    )
