"""Leaky ReLUs with a negative slope below 0: what they do to the landscape, and which starts train, slope by slope.

Slope c of student and teacher from -2 to 1; c = -1 is the absolute value, 0 the ReLU, 1 the identity; x ~ N(0, I), loss with
the 1/2. Prediction for one unit in d dimensions: for every c < 0 there are two minima, the teacher and one opposite to it
with |w| = -2 c/(1 + c²) and loss (1 - c²)²/(4 (1 + c²)), 0 at c = -1 alone. Gradient flow goes to the teacher iff the angle
between start and teacher is below pi (1 + c²)/(1 - c)², whatever the length. For a ReLU teacher that angle is pi/(1 - c), and
from c < -1 on the opposite minimum is the better one.

Networks of k units on k orthonormal teachers: slope 1/c is slope c with all losses divided by c². At c = -1 each unit may sit
on either side of its teacher, so that near it one start in 2^k finds the teacher; the others are in minima with j units
opposite, which can be followed in c by Newton's method until they vanish. With k >= 6 and one opposite they reach c = 0, where
they are the known bad minima of ReLU networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.gallery._negative_slopes_branches import Branch, follow
from trainability.gallery._shares import words
from trainability.lab import run_all
from trainability.lab.ensemble import Online, train_ensemble
from trainability.optimizers import SGD
from trainability.theory import descend, families
from trainability.theory.critical_points import classify
from trainability.theory.one_relu import negative_slope

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Negative slopes below 0: landscape, basins and success share of leaky ReLUs, from c = -2 to 1"
SOURCE = (
    'The accepted answer to a public question, "ReLU can\'t learn ReLU", which has not seen slopes c < 0 used and asks for a '
    "study of their effect."
)

Floats = NDArray[np.float64]
SLOPES = (-2.0, -1.5, -1 / 0.95, -1.0, -0.95, -0.8, -2 / 3, -0.5, -0.35, -0.2, -0.1, -0.05, 0.0, 0.1, 0.3, 0.6, 1.0)
DIMENSIONS = (1, 2, 3, 6)
SIZES = (2, 3, 4, 5, 6)
GLOBAL = 1e-6
"""A network has the teacher's function where its loss is below this."""


@dataclass(frozen=True, eq=False)
class One:
    """One unit that learns one unit, from N(0, I/d).

    Args:
        d: dimension; slope: c of the student; teacher: of the teacher.
        runs: starts; aligned: of them ended less than a right angle from the teacher.
        cone: starts on the teacher's side of the predicted cone that ended there, and others that did not.
        losses: means of the loss at either end, aligned and opposed; nan for none.
    """

    d: int
    slope: float
    teacher: float
    runs: int
    aligned: int
    cone: int
    losses: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Net:
    """k units that learn k orthonormal units in k dimensions, unit output weights, from N(0, I/k).

    Args:
        k: units; slope: c of both.
        loss: (n,), at the ends.
        steps: (n,), taken.
        minima: losses of the different minima with a loss above `GLOBAL` that runs ended at, rising.
        unclear: ends above `GLOBAL` that are no minima: saddles or runs that were not done.
        upright: runs none of whose units is on the far side of the teacher that it has most in common with.
    """

    k: int
    slope: float
    loss: Floats
    steps: NDArray[np.int64]
    minima: tuple[float, ...]
    unclear: int
    upright: int

    @property
    def solved(self) -> tuple[int, int]:
        """Runs that ended with the teacher's function, and all."""
        return int((self.loss < GLOBAL).sum()), len(self.loss)


@dataclass(frozen=True, eq=False)
class Sampled:
    """One unit in two dimensions trained by SGD on fresh batches, by the lab.

    Args:
        slope: c; aligned: (n,), whether a run ended on the teacher's side; start: (n,), angle to the teacher at the start.
    """

    slope: float
    aligned: NDArray[np.bool_]
    start: Floats


@dataclass(frozen=True, eq=False)
class Slopes:
    """The numbers behind the figure.

    Args:
        ones: equal slopes; others: on a ReLU teacher.
        nets: by (k, slope).
        mirror: (slope, loss of the ends with that slope times 1/c², and with 1/c from the same starts) for k = 3.
        sampled: by slope.
        branches: minima with j of k units opposite, followed from c = -1.
    """

    ones: tuple[One, ...]
    others: tuple[One, ...]
    nets: tuple[Net, ...]
    mirror: tuple[tuple[float, Floats, Floats], ...]
    sampled: tuple[Sampled, ...]
    branches: tuple[Branch, ...]


def one(d: int, slope: float, teacher: float, runs: int) -> One:
    """Descend from random starts with steps short against the curvature (1 + c²)/2.

    Args:
        d: dimension; slope: c of the student; teacher: of the teacher; runs: starts.

    Returns:
        One.
    """
    v = np.eye(d)[0]
    start = np.random.default_rng(d).standard_normal((runs, d)) / math.sqrt(d)
    w, lr = start.copy(), 0.1 / (1 + slope * slope)
    for step in range(3000):
        g = negative_slope.gradient(w, v, slope, teacher)
        w = w - lr * g
        if d == 1 and (1 + slope * slope) * lr * np.max(abs(w)) < 1e-300:
            break
        if step % 50 == 0 and np.abs(g).max() < 1e-9:
            break
    size = np.linalg.norm(w, axis=1)
    near = w[:, 0] > 0
    left = np.asarray(
        negative_slope.loss(size, np.arccos(np.clip(w[:, 0] / np.maximum(size, 1e-300), -1, 1)), slope, teacher)
    )
    angle = np.arccos(np.clip(start[:, 0] / np.linalg.norm(start, axis=1), -1, 1))
    edge = negative_slope.basin_angle(slope, teacher)
    inside = angle < edge if d > 1 or slope + teacher <= 0 else np.full(runs, True)
    means = tuple(float(left[side].mean()) if side.any() else math.nan for side in (near, ~near))
    return One(d, slope, teacher, runs, int(near.sum()), int((near != inside).sum()), (means[0], means[1]))


def net(k: int, slope: float, runs: int) -> Net:
    """Descend on the population loss of k units, and look at the curvature of what was reached.

    Args:
        k: units, teachers and dimensions; slope: c; runs: starts.

    Returns:
        Net.
    """
    starts = np.random.default_rng(k).standard_normal((runs, k, k)) / math.sqrt(k)
    ends = descend(starts, np.eye(k), lr=_lr(k, slope), tol=1e-8, max_steps=60_000, slope=slope, polish=slope != 1.0)
    bad = np.flatnonzero(ends.loss >= GLOBAL)
    minima: list[float] = []
    unclear = 0
    for i in bad[:200]:
        known = any(math.isclose(ends.loss[i], value, rel_tol=1e-5) for value in minima)
        if known:
            continue
        if ends.gradient_norm[i] < 1e-6 and classify(ends.W[i], np.eye(k), slope=slope).kind != "saddle":
            minima.append(float(ends.loss[i]))
        else:
            unclear += 1
    mine = np.take_along_axis(ends.W, np.abs(ends.W).argmax(-1)[..., None], -1)[..., 0]
    return Net(k, slope, ends.loss, ends.steps, tuple(sorted(minima)), unclear, int((mine > 0).all(-1).sum()))


def _lr(k: int, slope: float) -> float:
    """A short step: the largest curvature is about (1 + c²)/2 + k (1 + c)²/(2 pi) or less."""
    return 0.5 / ((1 + slope * slope) * (1 + 0.5 * k))


def mirror(slope: float, runs: int) -> tuple[float, Floats, Floats]:
    """The ends of three units with slope c and with slope 1/c, from the same starts with steps that mean the same."""
    starts = np.random.default_rng(30).standard_normal((runs, 3, 3)) / math.sqrt(3)
    v, lr = np.eye(3), _lr(3, slope)
    first = descend(starts, v, lr=lr, tol=1e-10, max_steps=60_000, slope=slope)
    other = descend(starts, v, lr=lr * slope * slope, tol=1e-10 / slope**2, max_steps=60_000, slope=1 / slope)
    return slope, first.loss / slope**2, other.loss


class _Unit(nn.Module):
    def __init__(self, slope: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, dtype=torch.float64) / math.sqrt(2))
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        z = x @ self.weight
        return torch.where(z > 0, z, self.slope * z)[:, None]


def sampled(slope: float, runs: int, steps: int) -> Sampled:
    """Train one unit in two dimensions on fresh batches of 64, by the lab.

    Args:
        slope: c of both; runs: seeds; steps: of SGD.

    Returns:
        Sampled.
    """

    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        x = torch.randn(64, 2, generator=generator, dtype=torch.float64)
        return x, torch.where(x[:, :1] > 0, x[:, :1], slope * x[:, :1])

    made = train_ensemble(
        lambda seed: _Unit(slope), SGD(lr=0.05 / (1 + slope * slope)), Online(draw, own=False), loss="mse", steps=steps,
        seeds=runs, measures={"w": lambda s: s.params["weight"]}, measured_at=(0,), keep_params=True, dtype=torch.float64,
        workers=1, path="loop" if runs < 40 else "auto", curve=2,
    )  # fmt: skip
    first, last = made.measured["w"][:, 0], made.params["weight"]
    return Sampled(slope, last[:, 0] > 0, np.arccos(first[:, 0] / np.linalg.norm(first, axis=1)))


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """2000 starts of one unit and 400 of each network for each slope; `smoke`: 200 and 40, fewer slopes and sizes.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Slopes.
    """
    runs, starts, seeds, steps = (150, 40, 24, 150) if smoke else (2000, 400, 160, 600)
    slopes = (-1.5, -1.0, -0.95, -2 / 3, -0.5, 0.0, 0.3) if smoke else SLOPES
    dims = (1, 2, 3) if smoke else DIMENSIONS
    sizes = (2, 3) if smoke else SIZES
    inner = tuple(sorted({1 / c if c < -1 else c for c in slopes if c not in (-1.0, 1.0)}))
    mixed = (-2.0, -0.5, 0.0) if smoke else tuple(c for c in SLOPES if c <= 0.3)
    jobs: list[tuple[str, Callable[[], Any]]] = [
        ("one unit", partial(one, d, c, c, runs)) for c in slopes for d in dims
    ]
    jobs += [("on a ReLU teacher", partial(one, d, c, 0.0, runs)) for c in mixed for d in dims[:2]]
    jobs += [("networks", partial(net, k, c, starts)) for c in slopes for k in sizes]
    jobs += [("slopes c and 1/c", partial(mirror, c, starts)) for c in ((-0.5,) if smoke else (-0.2, -0.5))]
    jobs += [
        ("fresh batches", partial(sampled, c, seeds, steps)) for c in ((-0.5,) if smoke else (-1.0, -0.5, -0.1, 0.3))
    ]
    follows = [(k, j) for k in sizes for j in range(1, k + 1)]
    jobs += [("follow minima", partial(follow, k, j, inner, 0.02 if smoke else 0.01)) for k, j in follows]
    count = 0

    def done(index: int) -> None:
        nonlocal count
        count += 1
        if progress:
            progress(jobs[index][0], count, len(jobs))

    made = run_all([job for _, job in jobs], done=done, workers=1 if smoke else None)
    data = Slopes(
        tuple(m for m, (stage, _) in zip(made, jobs, strict=True) if stage == "one unit"),
        tuple(m for m, (stage, _) in zip(made, jobs, strict=True) if stage == "on a ReLU teacher"),
        tuple(m for m in made if isinstance(m, Net)),
        tuple(m for m in made if isinstance(m, tuple)),
        tuple(m for m in made if isinstance(m, Sampled)),
        tuple(m for m in made if isinstance(m, Branch)),
    )
    return Reproduction(claims(data), data)


def claims(data: Slopes) -> tuple[Claim, ...]:
    """What the numbers must show.

    Args:
        data: from `run`.

    Returns:
        Claims; chance bounds are 4 standard errors, 1 in 16,000 each.
    """
    return (*_one_claims(data), *_net_claims(data))


def _one_claims(data: Slopes) -> list[Claim]:
    worst, rows = 0.0, []
    for m in (*data.ones, *data.others):
        p = negative_slope.aligned_share(m.slope, m.d, m.teacher)
        # Steps of finite length blur the edge by a few thousandths.
        worst = max(worst, (abs(m.aligned - m.runs * p) - 0.003 * m.runs) / math.sqrt(m.runs * p * (1 - p) + 0.5))
        if m.d == 2 and m.teacher == m.slope:
            rows.append((m.slope, p, m.aligned, m.runs))
    crossed = sum(m.cone for m in (*data.ones, *data.others))
    total = sum(m.runs for m in (*data.ones, *data.others))
    off = 0.0
    for m in (*data.ones, *data.others):
        told = {p.kind: p.loss for p in negative_slope.minima(m.slope, m.teacher)}
        for kind, seen in zip(("aligned", "opposed"), m.losses, strict=True):
            if kind in told and not math.isnan(seen):
                off = max(off, abs(seen - told[kind]))
    half = [m for m in data.ones if m.d == 1 and m.slope <= 0]
    pushed = [m for m in data.ones if m.slope > 0]
    relu = {m.slope: m for m in data.others if m.d == 2}
    better = {c: next(p.kind for p in negative_slope.minima(c, 0.0) if p.global_) for c in relu}
    seen_better = {
        c: "aligned" if not m.losses[1] < m.losses[0] else "opposed"
        for c, m in relu.items()
        if not math.isnan(sum(m.losses))
    }
    wrong_side, draws = 0, 0
    parts = []
    for s in data.sampled:
        edge = negative_slope.basin_angle(s.slope)
        clear = abs(s.start - edge) > 0.15
        wrong_side += int((s.aligned != (s.start < edge))[clear].sum())
        draws += int(clear.sum())
        parts.append(f"c = {s.slope:g}: {words(int(s.aligned.sum()), len(s.aligned))}")
    deep = [m for m in data.ones if m.slope == -0.5]
    return [
        Claim(
            "One unit: share of starts that end on the teacher's side, for every slope and dimension, in d = 2 (1 + "
            "c²)/(1 - c)² "
            "for c < 0",
            "d = 2: " + ", ".join(f"c = {c:.3g}: {p:.3f}" for c, p, *_ in rows),
            ", ".join(f"{words(k, n)}" for _, _, k, n in rows) + f"; worst of {len(data.ones) + len(data.others)} cells at "
            f"{worst:.1f} standard errors",
            worst < 4.5,
        ),
        Claim(
            "Start by start: the edge between the basins is a cone about the teacher, of an angle that the length of "
            "the start does "
            "not enter",
            "0 starts on the other side of it",
            f"{crossed} of {total}",
            crossed <= 0.004 * total,
        ),
        Claim(
            "Loss at either minimum: (c - s)²/(4 (1 + c²)) on the teacher's side, (1 - c s)²/(4 (1 + c²)) opposite, s the "
            "teacher's slope",
            "the closed form, to 1e-6",
            f"at most {off:.1e} off",
            off < 1e-6,
        ),
        Claim(
            "In one dimension any c < 0 keeps half of the starts on the wrong side, as c = 0 does: there with a "
            "minimum, here at "
            "weight 0. A slope above 0 of whatever size lets all through",
            "1/2 for c <= 0, 1 for c > 0",
            ", ".join(f"c = {m.slope:.3g}: {m.aligned / m.runs:.3f}" for m in half)
            + f"; c > 0: {min((m.aligned / m.runs for m in pushed), default=math.nan):.3f} and more",
            all(abs(m.aligned / m.runs - 0.5) < 2 / math.sqrt(m.runs) for m in half)
            and all(m.aligned == m.runs for m in pushed) and bool(pushed),
        ),
        Claim(
            "In more dimensions a slope a little below 0 costs little, as the cone about the opposite minimum is "
            "narrow, and more "
            "dimensions make it rarer: c = -0.5",
            ", ".join(f"d = {m.d}: {negative_slope.aligned_share(-0.5, m.d):.3f}" for m in deep),
            ", ".join(words(m.aligned, m.runs) for m in deep),
            all(abs(m.aligned / m.runs - negative_slope.aligned_share(-0.5, m.d)) < 2.2 / math.sqrt(m.runs) for m in deep)
            and bool(deep),
        ),
        Claim(
            "On a ReLU teacher, the source's case, no slope but 0 can be exact; with c < -1 the better minimum is the "
            "one opposite "
            "to the teacher",
            ", ".join(f"c = {c:.3g}: {kind}" for c, kind in better.items() if c in seen_better),
            ", ".join(f"c = {c:.3g}: {kind}" for c, kind in seen_better.items()),
            bool(seen_better) and all(kind == better[c] for c, kind in seen_better.items() if c != -1),
        ),
        Claim(
            "SGD on fresh batches of 64 (the lab, d = 2) goes the way of the cone, but for starts within 0.15 rad of it",
            f"0 of {draws} on the other side",
            f"{wrong_side}; on the teacher's side " + "; ".join(parts),
            wrong_side <= 0.02 * draws and draws > 0,
        ),
    ]  # fmt: skip


def _net_claims(data: Slopes) -> list[Claim]:
    by = {(n.k, n.slope): n for n in data.nets}
    sizes, slopes = sorted({k for k, _ in by}), sorted({c for _, c in by})
    most = max(float(np.max(abs(a - b))) for _, a, b in data.mirror)
    absolute = [by[k, -1.0] for k in sizes]
    beside = [n for n in data.nets if n.slope != -1 and abs(n.slope) > 0.9 and abs(n.slope) < 1.1 and n.slope < 0]
    strange, found, alone, dead = [], 0, 0, 0
    for n in data.nets:
        laws = [b.at(n.slope) for b in data.branches if b.k == n.k]
        alive = any(not math.isnan(v) for v in laws) and n.slope != -1
        failed = n.solved[1] - n.solved[0]
        if not alive:
            dead += n.solved[1]
            alone += failed
        for value in n.minima:
            found += 1
            if not any(math.isclose(value, v, rel_tol=1e-5) for v in laws):
                strange.append((n.k, n.slope, value))
    ends = {(b.k, b.j): b.ends for b in data.branches}
    reach = {k: max((9.0 if math.isnan(ends[k, j]) else ends[k, j]) for j in range(1, k + 1)) for k in sizes}
    seen = {k: max((c for c in slopes if c > -1 and by[k, c].minima), default=math.nan) for k in sizes}
    large = [b for b in data.branches if b.j == 1 and not math.isnan(b.at(0.0))]
    known = {b.k: families.flipped(b.k, 1).loss for b in large if b.k >= 5}
    if large:
        zero = Claim(
            "The branch with one unit opposite reaches slope 0 from k = 6 on, and there it is the known bad minimum of ReLU "
            "networks (type II): the |x| network with one sign turned, followed to c = 0",
            ", ".join(f"k = {k}: {v:.8f}" for k, v in known.items()) + " (by its six equations); not below k = 6",
            ", ".join(f"k = {b.k}: {b.at(0.0):.8f}" for b in large),
            set(known) == {b.k for b in large}
            and min(known) >= 6
            and all(abs(b.at(0.0) - known[b.k]) < 1e-8 for b in large),
        )
    else:
        zero = Claim(
            "With fewer than six units no branch reaches slope 0, where ReLU networks have no bad minimum known",
            "none",
            ", ".join(f"k = {k}: last at c = {v:.2f}" for k, v in reach.items()),
            max(sizes) < 6 and all(v < 0 for v in reach.values()),
        )
    table = "; ".join(
        f"k = {k}: " + ", ".join(f"{c:.3g} {by[k, c].solved[0] / by[k, c].solved[1]:.3f}" for c in slopes)
        for k in sizes
    )
    lowest = {k: min((c for c in slopes), key=lambda c: by[k, c].solved[0]) for k in sizes}
    unclear, every = sum(n.unclear for n in data.nets), sum(len(n.loss) for n in data.nets)
    return [
        Claim(
            "Networks of k units on k orthonormal teachers: slopes c and 1/c are one landscape, and the same starts "
            "end at the same "
            "losses",
            "losses c² apart, run by run, to 1e-9",
            f"at most {most:.1e}; " + ", ".join(f"c = {c:g}: {len(a)} runs" for c, a, _ in data.mirror),
            most < 1e-9,
        ),
        Claim(
            "With c = -1, absolute values, every start finds the teacher's function, and one in 2^k the teacher "
            "itself, since each "
            "unit may sit on either side of its own",
            "1; " + ", ".join(f"k = {k}: {2.0**-k:.3f}" for k in sizes),
            ", ".join(f"k = {n.k}: {n.solved[0] / n.solved[1]:.3f}; {words(n.upright, n.solved[1])}" for n in absolute),
            all(n.solved[0] == n.solved[1] for n in absolute)
            and all(abs(n.upright / n.solved[1] - 2.0**-n.k) < 4 * math.sqrt(2.0**-n.k / n.solved[1]) for n in absolute),
        ),
        Claim(
            "A slope beside -1 is therefore the worst there is: one start in 2^k finds the teacher, and the others end "
            "with some "
            "units opposite to theirs, where the error is small but not 0",
            ", ".join(f"c = {n.slope:.3g}, k = {n.k}: {2.0**-n.k:.3f}" for n in beside) + " (the limit c -> -1)",
            ", ".join(words(*n.solved) for n in beside) + "; the least share is at c = "
            + ", ".join(f"{c:.3g} (k = {k})" for k, c in lowest.items()),
            bool(beside)
            and all(abs(n.solved[0] / n.solved[1] - 2.0**-n.k) < 4 * math.sqrt(2.0**-n.k / n.solved[1]) + 0.04 for n in beside)
            and all(-1.6 < c < -0.6 for c in lowest.values()),
        ),
        Claim(
            "Every bad minimum that runs end at, for whatever slope, is one of those with j units opposite, followed "
            "from c = -1 by "
            "Newton's method without a run",
            "the same losses, to a relative 1e-5",
            f"{found - len(strange)} of {found}" + (f"; not {strange}" if strange else ""),
            not strange and found > 0,
        ),
        Claim(
            "They vanish at a slope that depends on k, and beyond it every start succeeds, far below c = 0 already",
            "last slope of any: "
            + ", ".join(f"k = {k}: " + (f"{v:.2f}" if v < 9 else f"above {max(slopes[:-1]):g}") for k, v in reach.items()),
            ", ".join(f"k = {k}: last seen at {v:.3g}" for k, v in seen.items())
            + f"; where there are none, {alone} of {dead} runs fail",
            alone <= 0.002 * dead and all(math.isnan(v) or v <= reach[k] for k, v in seen.items()),
        ),
        zero,
        Claim(
            "Share of starts that find the teacher's function. The answer's advice, a small slope above 0, is safe "
            "here; a small "
            "one below 0 is nearly as safe for networks, and not for one unit",
            "1 for every c above 0 with k < 6; at least 0.9 for c = -0.35 and above",
            table,
            all(n.solved[0] == n.solved[1] for n in data.nets if n.slope > 0 and n.k < 6)
            and all(n.solved[0] > 0.9 * n.solved[1] for n in data.nets if n.slope >= -0.35),
        ),
        Claim(
            "What failing runs reached are minima: no Hessian there has a negative eigenvalue",
            "all",
            f"{unclear} of {every} runs ended elsewhere",
            unclear <= 0.01 * every,
        ),
    ]  # fmt: skip


def figure(reproduction: Reproduction) -> Figure:
    """The landscape by slope, shares of one unit and of networks with theory's lines, and the losses of the minima.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from trainability.gallery._negative_slopes_figure import draw

    return draw(reproduction.data)
