"""Batch, mini-batch and stochastic gradient descent on least squares: the noise floor, and the stable learning rate.

Data: 64 patients of scikit-learn's diabetes, four inputs (bmi, bp, s3, s5) and the target, standardised; loss
1/(2n) |X w - y|². The runs use the package's update rule on batches of these rows. What is predicted comes from the exact
recursion of the mean and the second moment of w in `_batch_noise_theory`, with the data's own gradient noise: rows drawn
with replacement, or each batch without replacement from all rows. An epoch that is one shuffle, which is what training
loops mostly do, is neither; for it there is the law of a small lr.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from trainability.gallery._batch_noise_runs import FRESH, REPLACED, SHUFFLED, descend, excess
from trainability.gallery._batch_noise_theory import LeastSquares, share
from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.lab import single_thread
from trainability.optimizers import SGD, Rule, scheduled, schedules

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Batch, mini-batch and stochastic gradient descent: the noise floor and the largest stable learning rate"
SOURCE = (
    "Lecture notes on optimization of neural networks, section 2, 'Batch Gradient Descent vs. Stochastic Gradient Descent "
    "vs. Mini-Batch Gradient Descent'; the recursions are derived here."
)

Array = NDArray[np.float64]
CURVE_LR, COMPARED_LR, SMALL_LR = 0.1, 0.05, 0.004
DECAY = 0.04


def patients() -> LeastSquares:
    """The problem: 64 patients, four inputs."""
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    X, y = data.data[:64, [2, 3, 6, 8]], data.target[:64]
    return LeastSquares((X - X.mean(axis=0)) / X.std(axis=0), (y - y.mean()) / y.std())


@dataclass(frozen=True)
class Floor:
    """The excess loss in the long run at one lr, batch size and way of drawing.

    Args:
        scheme: how rows are drawn; lr; m: batch size.
        told: exact; for shuffled epochs the law of a small lr.
        seen, error: mean over runs and its standard error.
    """

    scheme: str
    lr: float
    m: int
    told: float
    seen: float
    error: float

    @property
    def agrees(self) -> bool:
        """Within 4.5 standard errors."""
        return abs(self.seen - self.told) <= 4.5 * self.error + 1e-14


@dataclass(frozen=True)
class Curve:
    """Mean excess loss step by step from w = 0.

    Args:
        m: batch size; told, seen, error: `(T + 1,)`; one: a single run.
    """

    m: int
    told: Array
    seen: Array
    error: Array
    one: Array


@dataclass(frozen=True)
class Limit:
    """The lr at which the mean square of w - w* begins to grow.

    Args:
        m: batch size, with replacement; told; seen, error: by a jackknife over groups of runs, with its standard error.
    """

    m: int
    told: float
    seen: float
    error: float


@dataclass(frozen=True)
class BatchNoise:
    """The numbers behind the figure.

    Args:
        sharpness: largest curvature; rows: n.
        floors: with replacement, over lr and batch size.
        schemes: the three ways of drawing at one lr, over batch size.
        shuffled: shuffled epochs at small lrs.
        curves: batch of n, 8 and 1 (the first without replacement).
        decayed: batch of 1 with lr/(1 + decay t).
        limits: over batch size.
        edge: by how much gradient descent on all rows grows per step at 0.99 and 1.01 of 2/sharpness.
        blown: of how many runs with batch 1 at 0.9 · 2/sharpness more than 1000 times the start are left; runs; what
            gradient descent on all rows has left there.
    """

    sharpness: float
    rows: int
    floors: tuple[Floor, ...]
    schemes: tuple[Floor, ...]
    shuffled: tuple[Floor, ...]
    curves: tuple[Curve, ...]
    decayed: Curve
    limits: tuple[Limit, ...]
    edge: tuple[float, float]
    blown: tuple[int, int, float]


def floors(problem: LeastSquares, scheme: str, m: int, lrs: Array, runs: int, steps: int) -> tuple[Floor, ...]:
    """Measure floors: runs from the solution, averaged over the last three quarters of the steps.

    Args:
        problem: data.
        scheme: how rows are drawn.
        m: batch size.
        lrs: learning rates, all in one ensemble.
        runs: for each.
        steps: whole epochs; a quarter of them must be long against 1/(lr smallest curvature).

    Returns:
        A Floor for each lr.
    """
    rule, total = SGD(lr=torch.from_numpy(np.repeat(lrs, runs))), np.zeros(len(lrs) * runs)
    paths = descend(problem, rule, m, scheme, len(total), steps, [21, m, len(scheme)], problem.solution)
    for t, w in enumerate(paths):
        if t >= steps // 4:
            total += excess(problem, w)
    each = (total / (steps - steps // 4)).reshape(len(lrs), runs)
    n, out = len(problem.X), []
    for lr, values in zip(lrs.tolist(), each, strict=True):
        if scheme == SHUFFLED:
            told = problem.shuffled_floor(lr, m)
        else:
            told = problem.floor(lr, share(m, n, scheme == REPLACED))
        out.append(Floor(scheme, lr, m, told, float(values.mean()), float(values.std(ddof=1) / runs**0.5)))
    return tuple(out)


def curve(problem: LeastSquares, m: int, runs: int, steps: int, decay: float = 0.0) -> Curve:
    """Mean excess loss from w = 0 at `CURVE_LR`, over 1 + decay t; batches with replacement, but a batch of all rows."""
    n = len(problem.X)
    rule: Rule = SGD(lr=CURVE_LR)
    if decay:
        rule = scheduled(rule, schedules.InverseTime(decay=decay))
    scheme = FRESH if m == n else REPLACED
    start = np.zeros(problem.X.shape[1])
    seen = [excess(problem, np.broadcast_to(start, (runs, len(start))))]
    seen += [excess(problem, w) for w in descend(problem, rule, m, scheme, runs, steps, [22, m], start)]
    table = np.stack(seen)
    lrs = CURVE_LR / (1 + decay * np.arange(steps, dtype=np.float64))
    told = problem.expected(start, lrs, share(m, n, scheme == REPLACED))
    return Curve(m, told, table.mean(axis=1), table.std(axis=1, ddof=1) / runs**0.5, table[:, 0])


def limit(problem: LeastSquares, m: int, runs: int, groups: int = 20, steps: int = 3) -> Limit:
    """The lr at which the mean square neither grows nor shrinks, where targets are met exactly, by interpolation.

    Runs begin as the mode that grows fastest, so that the growth is that of the long run from the first step on.
    """
    n, d = problem.X.shape
    told = problem.limit(share(m, n, True))
    exact = LeastSquares(problem.X, np.zeros(n))  # the solution is 0 and no gradient there has noise
    sizes, axes = np.linalg.eigh(problem.fastest_growing(told, share(m, n, True)))
    rng = np.random.default_rng([23, m])
    which, sign = rng.integers(0, d, groups * runs), rng.choice([-1.0, 1.0], groups * runs)
    start = (axes * np.sqrt(d * np.maximum(sizes, 0))).T[which] * sign[:, None]
    lrs = told * np.linspace(0.85, 1.15, 9)
    sums = []
    for lr in lrs:  # the same batches at every lr
        *_, w = descend(exact, SGD(lr=float(lr)), m, REPLACED, len(start), steps, [24, m], start)
        sums.append((w**2).sum(axis=1).reshape(groups, runs).sum(axis=1))
    ends, begins = np.stack(sums), (start**2).sum(axis=1).reshape(groups, runs).sum(axis=1)

    def root(kept: NDArray[np.bool_]) -> float:
        logs = np.log(ends[:, kept].sum(axis=1) / begins[kept].sum())
        i = int(np.clip((logs > 0).argmax(), 1, len(lrs) - 1)) if (logs > 0).any() else len(lrs) - 1
        return float(lrs[i - 1] - logs[i - 1] / (logs[i] - logs[i - 1]) * (lrs[i] - lrs[i - 1]))

    # A jackknife over groups: the root of a mean is biased where squares have heavy tails.
    whole, parts = root(np.full(groups, True)), np.array([root(np.arange(groups) != g) for g in range(groups)])
    error = np.sqrt((groups - 1) * ((parts - parts.mean()) ** 2).mean())
    return Limit(m, told, float(groups * whole - (groups - 1) * parts.mean()), float(error))


def left(problem: LeastSquares, lr: float, m: int, runs: int, steps: int) -> Array:
    """|w - w*| after some steps as a share of that at w = 0, of each run."""
    n = len(problem.X)
    paths = descend(
        problem, SGD(lr=lr), m, FRESH if m == n else REPLACED, runs, steps, [25, m], np.zeros(len(problem.H))
    )
    *_, w = paths
    return np.asarray(np.linalg.norm(w - problem.solution, axis=1) / np.linalg.norm(problem.solution))


@single_thread()  # tensors are small: threads would wait for each other
def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Floors at six lrs and five batch sizes, curves of 1000 runs, limits at seven batch sizes; `smoke`: fewer of all.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a BatchNoise.
    """
    problem = patients()
    n = len(problem.X)
    top = problem.limit(1.0)
    sizes = (1, 8) if smoke else (1, 2, 4, 8, 32)
    runs, steps = (24, 768) if smoke else (32, 4096)
    lrs = top * (np.geomspace(0.08, 0.5, 3) if smoke else np.geomspace(0.02, 0.5, 6))
    jobs = len(sizes) + 6

    def tell(done: int) -> None:
        if progress:
            progress("run on batches", done, jobs)

    found: list[Floor] = []
    for m in sizes:
        found += floors(problem, REPLACED, m, lrs, runs, steps)
        tell(len(found) // len(lrs))
    done = len(sizes)
    schemes: list[Floor] = []
    for scheme in (REPLACED, FRESH, SHUFFLED):
        for m in (4, 64) if smoke else (1, 2, 4, 8, 16, 32, 64):
            schemes += floors(problem, scheme, m, np.array([COMPARED_LR]), 4 * runs, 512 if smoke else 2048)
        done += 1
        tell(done)
    small = SMALL_LR * np.array([1.0, 4.0] if smoke else [0.5, 1.0, 2.0, 4.0, 8.0])
    shuffled = floors(problem, SHUFFLED, 8, small, 4 * runs, 768 if smoke else 2048)
    tell(done + 1)
    curves = tuple(curve(problem, m, 200 if smoke else 1000, 200) for m in (n, 8, 1))
    decayed = curve(problem, 1, 100 if smoke else 500, 600 if smoke else 3000, DECAY)
    tell(done + 2)
    limits = tuple(
        limit(problem, m, max(100, (2000 if smoke else 20_000) // m))
        for m in ((1, 8) if smoke else (1, 2, 4, 8, 16, 32, 64))
    )
    ends = [left(problem, c * 2 / problem.sharpness, n, 1, t)[0] for c in (0.99, 1.01) for t in (600, 601)]
    blown = left(problem, 0.9 * 2 / problem.sharpness, 1, 200, 400)
    data = BatchNoise(
        sharpness=problem.sharpness,
        rows=n,
        floors=tuple(found),
        schemes=tuple(schemes),
        shuffled=shuffled,
        curves=curves,
        decayed=decayed,
        limits=limits,
        edge=(float(ends[1] / ends[0]), float(ends[3] / ends[2])),
        blown=(
            int((~(blown < 1000)).sum()),
            len(blown),
            float(left(problem, 0.9 * 2 / problem.sharpness, n, 1, 400)[0]),
        ),
    )
    tell(jobs)
    return Reproduction(claims(data), data)


def claims(data: BatchNoise) -> tuple[Claim, ...]:
    """What the runs must show. Each floor is held to 4.5 standard errors, by chance 1 in 10,000 at 32 runs.

    Args:
        data: from `run`.

    Returns:
        Claims; where the notes are imprecise, the claim says so.
    """
    problem, edge = patients(), 2 / data.sharpness
    drawn = [f for f in data.schemes if f.scheme != SHUFFLED]
    worst = max(data.floors, key=lambda f: abs(f.seen - f.told) / f.error)
    low = min(f.lr for f in data.floors)
    first = [f for f in data.floors if f.lr == low]
    law = [problem.small_lr_floor(f.lr, 1 / f.m) for f in first]
    high = max(f.lr for f in data.floors)
    steep = next(f for f in data.floors if f.lr == high and f.m == 1)
    ratio = steep.seen / problem.small_lr_floor(steep.lr, 1.0)
    told_ratio = steep.told / problem.small_lr_floor(steep.lr, 1.0)
    full = [f for f in drawn if f.m == data.rows]
    by = {(f.scheme, f.m): f for f in data.schemes}
    m = min(k for _, k in by if k > 1)
    shuffled, told_shuffled = by[SHUFFLED, m], by[REPLACED, m]
    gentle = data.shuffled[0]
    powers = [
        np.log(b.seen / a.seen) / np.log(b.lr / a.lr) for a, b in zip(data.shuffled, data.shuffled[1:], strict=False)
    ]
    batch, _, single = data.curves
    off = [float((np.abs(c.seen - c.told) / np.maximum(c.error, 1e-12))[1:].max()) for c in data.curves[1:]]
    late = data.decayed
    half = len(late.told) // 2
    power = float(np.log(late.seen[half:].mean() / late.seen[half // 4 : half // 2].mean()) / np.log(4.0))
    told_power = float(np.log(late.told[half:].mean() / late.told[half // 4 : half // 2].mean()) / np.log(4.0))
    one = data.limits[0]
    return (
        Claim(
            "Batch gradient descent is 'guaranteed to converge' on a convex error surface; imprecise: only below 2/sharpness",
            f"2/sharpness = {edge:.4f}; factor per step 0.98 at 0.99 of it, 1.02 at 1.01",
            f"{data.edge[0]:.4f} and {data.edge[1]:.4f}",
            abs(data.edge[0] - 0.98) < 1e-3 and abs(data.edge[1] - 1.02) < 1e-3,
        ),
        Claim(
            "From w = 0, batches of 8 and of 1: the mean loss of many runs is the exact recursion at every step",
            "within 5 standard errors at 200 steps",
            f"at most {off[0]:.1f} and {off[1]:.1f}",
            max(off) < 5,
        ),
        Claim(
            f"At the same lr, {CURVE_LR:g}, batch descent goes to 0 and batches of 1 stay at a floor",
            f"{batch.told[-1]:.1e}; {single.told[-1]:.5f}",
            f"{batch.seen[-1]:.1e}; {single.seen[-1]:.5f} ± {single.error[-1]:.5f}",
            bool(np.allclose(batch.seen, batch.told, rtol=1e-6, atol=1e-14)) and single.seen[-1] > 1e3 * batch.seen[-1],
        ),
        Claim(
            "The floor at every lr and batch size, rows drawn with replacement, is the recursion's fixed point",
            f"{len(data.floors)} floors, each within 4.5 standard errors",
            f"worst: batch {worst.m}, lr {worst.lr:.3g}: {worst.seen:.6f} ± {worst.error:.6f} against {worst.told:.6f}",
            all(f.agrees for f in data.floors),
        ),
        Claim(
            f"For a small lr it is lr/batch · tr(N)/4: doubling the batch is halving the lr (lr {low:.3g})",
            "; ".join(f"batch {f.m}: {value:.6f}" for f, value in zip(first, law, strict=True)),
            "; ".join(f"{f.seen:.6f} ± {f.error:.6f}" for f in first),
            all(abs(f.seen - v) < 4.5 * f.error + f.lr * data.rows / 4 * v for f, v in zip(first, law, strict=True)),
        ),
        Claim(
            "Only for a small lr: at half of batch 1's limit the floor is above that law by the factor",
            f"{told_ratio:.3f}",
            f"{ratio:.3f}",
            told_ratio > 1.3 and abs(ratio / told_ratio - 1) < 4.5 * steep.error / steep.told,
        ),
        Claim(
            "With and without replacement within a batch differ by (n - m)/(n - 1): floors of both, and 0 for all rows at once",
            f"{len(drawn)} floors at lr {COMPARED_LR:g} within 4.5 standard errors; all rows: "
            + "; ".join(f"{f.scheme} {f.told:.2g}" for f in full),
            f"{sum(f.agrees for f in drawn)} are; " + "; ".join(f"{f.scheme} {f.seen:.2g}" for f in full),
            all(f.agrees for f in drawn) and any(f.seen < 1e-20 for f in full) and any(f.seen > 1e-6 for f in full),
        ),
        Claim(
            f"Shuffled epochs, what training loops do, are neither: batch {m} at the same lr",
            f"well below the {told_shuffled.told:.6f} of independent draws",
            f"{shuffled.seen:.6f} ± {shuffled.error:.6f}",
            shuffled.seen + 4.5 * shuffled.error < 0.7 * told_shuffled.told,
        ),
        Claim(
            f"Their floor falls like lr², not lr: lr² tr(H N) (n - m)/(m (n - 1)) (n/m + 1)/12 at batch 8, lr {gentle.lr:g}",
            f"{gentle.told:.3e}; powers of lr near 2 from lr to lr",
            f"{gentle.seen:.3e} ± {gentle.error:.0e}; powers {', '.join(f'{p:.2f}' for p in powers)}",
            abs(gentle.seen / gentle.told - 1) < 0.15 and all(1.6 < p < 2.4 for p in powers),
        ),
        Claim(
            "With a falling lr, convergence of batches of 1 is 'close to that of' batch descent; imprecise: it is a power of "
            "the steps, where batch descent is geometric",
            f"power {told_power:.3f} by the recursion; at the end {late.told[-1]:.2e}",
            f"power {power:.3f}; {late.seen[-1]:.2e} ± {late.error[-1]:.0e}; batch descent {batch.seen[-1]:.1e} after "
            f"{len(batch.seen) - 1} steps",
            abs(power - told_power) < 0.1
            and told_power < -0.5
            and abs(late.seen[-1] - late.told[-1]) < 5 * late.error[-1],
        ),
        Claim(
            "The mean square is stable up to an lr that grows with the batch and is below 2/sharpness",
            "; ".join(f"batch {x.m}: {x.told:.4f}" for x in data.limits) + f"; 2/sharpness {edge:.4f}",
            "; ".join(f"{x.seen:.4f} ± {x.error:.4f}" for x in data.limits),
            all(abs(x.seen - x.told) < 5 * x.error + 0.002 * x.told for x in data.limits)
            and all(x.seen < edge for x in data.limits)
            and one.seen + 5 * one.error < 0.6 * edge,
        ),
        Claim(
            "At 0.9 · 2/sharpness, where all rows at once converge, batches of 1 blow up",
            "all runs; all rows at once shrink",
            f"{data.blown[0]} of {data.blown[1]} runs; all rows at once: {data.blown[2]:.1e} of the start left",
            data.blown[0] == data.blown[1] and data.blown[2] < 1e-6,
        ),
    )


def figure(reproduction: Reproduction) -> Figure:
    """Loss curves, floors against lr, floors against batch size, and stable lrs.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from trainability.gallery._batch_noise_figure import draw

    return draw(reproduction.data)
