"""One ReLU with a bias, and with output weight and offset: which signs of the start learn relu(x), and where the others go.

x ~ N(0, 1), mean squared error without the 1/2, gradient descent on the exact population gradient.

(1) relu(w x + b) from a grid of (w, b). Prediction for w < 0, b <= 0: the unit answers only where the target is 0, and its
elbow -b/w drifts outwards with d|elbow|/dt = 2 φ(elbow), whatever w and b are. It never comes back, and never stops.
(2) a relu(w x + b) + c from b = c = 0, by the signs of (w, a). Prediction: descent conserves a² - w² - b² but for steps of
finite length, so that a can change its sign only from |a| < |w|. While the signs stay, the loss cannot fall below 0 for
(+, +), 1/4 - 1/(2 pi) for (-, -), where the best is a straight line, and 1/2 - 1/(2 pi) for mixed signs, a constant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.theory.one_relu import best_fit, descent, drift, loss_surface
from trainability.theory.wilson import interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "One ReLU with a bias: which quadrants of the start succeed"
SOURCE = (
    'A public question, "ReLU can\'t learn ReLU", and its answers, which extend it to a bias and an output weight; the '
    "shares to compare with are an independent program's."
)

Array = NDArray[np.float64]
LR, STEPS, MARKS = 0.01, 60_000, (2_000, 10_000, 60_000)
QUADRANTS = {"w > 0, b > 0": (1, 1), "w > 0, b < 0": (1, -1), "w < 0, b > 0": (-1, 1), "w < 0, b < 0": (-1, -1)}
PUBLISHED_ALL = {2_000: 0.525, 10_000: 0.621, 60_000: 0.624}
PUBLISHED = {"w > 0, b > 0": 1.0, "w > 0, b < 0": 0.886, "w < 0, b > 0": 0.585, "w < 0, b < 0": 0.0}
PATTERNS = ((1, 1), (-1, 1), (1, -1), (-1, -1))  # signs of (w, a)
OUTCOMES = ("relu(x)", "straight line", "constant", "other")
PUBLISHED_RUNS = 48
PUBLISHED_PATTERNS = {(1, 1): (48, 0, 0), (-1, 1): (0, 16, 32), (1, -1): (17, 0, 31), (-1, -1): (0, 48, 0)}
RATE, FLOW = 0.02, 160.0  # the lr of the second part, and lr · steps


@dataclass(frozen=True, eq=False)
class Plane:
    """Descent of weight and bias from many starts.

    Args:
        weight, bias: (n,), the starts.
        end_weight, end_bias: (n,), after the last step.
        loss: (n,), mean squared error there.
        reached: (n,), the first step after which it was at most 1e-3, or -1.
        steps: most steps.
    """

    weight: Array
    bias: Array
    end_weight: Array
    end_bias: Array
    loss: Array
    reached: NDArray[np.int64]
    steps: int

    @property
    def elbow(self) -> Array:
        """Where the units switch at the end."""
        with np.errstate(divide="ignore"):
            return -self.end_bias / self.end_weight

    def inside(self, name: str) -> NDArray[np.bool_]:
        """Which starts lie in a quadrant, without its axes."""
        w, b = QUADRANTS[name]
        return (np.sign(self.weight) == w) & (np.sign(self.bias) == b)

    def share(self, steps: int, of: NDArray[np.bool_] | None = None) -> float:
        """The share that has succeeded by a number of steps."""
        good = (self.reached >= 0) & (self.reached <= steps)
        return float(good.mean() if of is None else good[of].mean())


@dataclass(frozen=True, eq=False)
class Pattern:
    """Descent of all four parameters from starts with given signs of w and a, b = c = 0.

    Args:
        signs: of (w, a).
        lr: learning rate; steps: of descent.
        starts, ends: (n, 4): weight, bias, output, offset.
        loss: (n,), mean squared error at the end.
    """

    signs: tuple[int, int]
    lr: float
    steps: int
    starts: Array
    ends: Array
    loss: Array

    @property
    def outcome(self) -> NDArray[np.int64]:
        """Places in `OUTCOMES`, by the loss: within 1e-3 of 0, 3e-3 of the line's, 5e-3 of the constant's."""
        line, constant = (best_fit.floor(-1, a, convention="mse") for a in (-1, 1))
        near = [self.loss < 1e-3, abs(self.loss - line) < 3e-3, abs(self.loss - constant) < 5e-3]
        return np.asarray(np.select(near, [0, 1, 2], 3))

    def counts(self) -> list[int]:
        """How many have each outcome."""
        return np.bincount(self.outcome, minlength=4).tolist()

    def flipped(self, which: int) -> NDArray[np.bool_]:
        """Which runs changed the sign of a parameter: 0 for w, 2 for a."""
        return np.asarray(np.sign(self.ends[:, which]) != np.sign(self.starts[:, which]))


@dataclass(frozen=True, eq=False)
class Bias:
    """The numbers behind the figure.

    Args:
        side: starts along one edge of the grid of [-2, 2]².
        grid: from it, without the origin; random: from starts that are uniform on the square.
        late: the grid's starts with w > 0 > b that had not succeeded, from where they were, for nine times as long.
        clock: steps at which one dying unit was looked at; clock_elbow: its elbow there.
        clock_start: its weight and bias; clock_gradient: size of its gradient at the last look.
        patterns: four at `RATE`, then four each at a smaller and at a larger lr, from the same starts for the same lr · steps.
        longer: both signs negative at `RATE`, for ten times as long.
    """

    side: int
    grid: Plane
    random: Plane
    late: Plane
    clock: tuple[int, ...]
    clock_elbow: tuple[float, ...]
    clock_start: tuple[float, float]
    clock_gradient: float
    patterns: tuple[Pattern, ...]
    longer: Pattern


def plane(weight: Array, bias: Array, steps: int = STEPS) -> Plane:
    """Descend from every (weight, bias), output 1 and offset 0 fixed, with lr 0.01.

    Args:
        weight, bias: (n,), not both 0.
        steps: most.

    Returns:
        Plane.
    """
    starts = np.stack([weight, bias, np.ones_like(weight), np.zeros_like(weight)], -1)
    ends = descent.descend(starts, lr=LR, steps=steps, learn=("weight", "bias"), goal=5e-4, tol=1e-14, convention="mse")
    return Plane(
        weight, bias, ends.parameters[:, 0], ends.parameters[:, 1], 2 * ends.loss, ends.reached, steps
    )  # fmt: skip


def square(side: int) -> tuple[Array, Array]:
    """The grid of [-2, 2]² without the origin, where the gradient depends on the direction of approach."""
    half = (side - 1) // 2
    axis = np.arange(-half, half + 1) * (2.0 / half)
    w, b = (v.ravel() for v in np.meshgrid(axis, axis))
    off = (w != 0) | (b != 0)
    return w[off], b[off]


def pattern(signs: tuple[int, int], count: int, lr: float, time: float = FLOW) -> Pattern:
    """Descend from |w|, |a| = |N(0, 1)| + 0.1 with those signs; calls with one count have the same sizes.

    Args:
        signs: of (w, a).
        count: starts.
        lr: learning rate; time: lr · steps.

    Returns:
        Pattern.
    """
    w, a = abs(np.random.default_rng(0).standard_normal((2, count))) + 0.1
    starts = np.stack([signs[0] * w, 0 * w, signs[1] * a, 0 * a], -1)
    steps = round(time / lr)
    ends = descent.descend(starts, lr=lr, steps=steps, tol=1e-14, convention="mse")
    return Pattern(signs, lr, steps, starts, ends.parameters, 2 * ends.loss)


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """81 x 81 starts and 3000 random ones, then 400 per sign pattern; `smoke`: 21 x 21, 200, and 48.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Bias.
    """
    side, drawn, count = (21, 200, PUBLISHED_RUNS) if smoke else (81, 3000, 400)
    rates = (RATE, 0.01, 0.2) if smoke else (RATE, 0.005, 0.2)
    total, done = 5 + len(rates), 0

    def tick(stage: str) -> None:
        nonlocal done
        done += 1
        if progress:
            progress(stage, done, total)

    grid = plane(*square(side))
    tick("descend from a grid")
    rng = np.random.default_rng(1)
    random = plane(*rng.uniform(-2, 2, (2, drawn)))
    tick("descend from random starts")
    open_ = grid.inside("w > 0, b < 0") & (grid.reached < 0)
    late = plane(grid.end_weight[open_], grid.end_bias[open_], 9 * STEPS)
    tick("go on")
    looks, here = (10**3, 10**4, 10**5, 10**6, 10**7)[: 4 if smoke else 5], np.array([-1.0, -0.5, 1.0, 0.0])
    elbows, before = [], 0
    for look in looks:
        ends = descent.descend(here, lr=LR, steps=look - before, learn=("weight", "bias"), tol=0.0, convention="mse")
        here, before = ends.parameters, look
        elbows.append(float(ends.elbow))
    size = 2 * float(np.hypot(*loss_surface.gradient(*here)[:2]))
    tick("watch one unit die")
    found = []
    for lr in rates:
        found += [pattern(signs, count, lr) for signs in PATTERNS]
        tick("descend by sign pattern")
    longer = pattern((-1, -1), count, RATE, 10 * FLOW)
    tick("go on")
    data = Bias(side, grid, random, late, looks, tuple(elbows), (-1.0, -0.5), size, tuple(found), longer)
    return Reproduction(claims(data), data)


def claims(data: Bias) -> tuple[Claim, ...]:
    """What the numbers must show.

    Args:
        data: from `run`.

    Returns:
        Claims; the chance bounds are 4 standard errors, 1 in 16,000 each.
    """
    return (*_plane_claims(data), *_pattern_claims(data))


def _plane_claims(data: Bias) -> list[Claim]:
    grid, row = data.grid, 1 / data.side
    # The independent program counts the half axes in: w >= 0 with b < 0, and b >= 0 with w < 0.
    wide = {
        name: ((grid.weight >= 0) if w > 0 else (grid.weight < 0)) & ((grid.bias >= 0) if b > 0 else (grid.bias < 0))
        for name, (w, b) in QUADRANTS.items()
    }
    dead = (grid.weight < 0) & (grid.reached < 0)
    below = (grid.weight < 0) & (grid.bias <= 0)
    told = drift.elbow_after(-grid.bias[below] / grid.weight[below], LR * STEPS, convention="mse")
    off = float(np.max(abs(grid.elbow[below] - told), initial=0.0))
    clock = drift.elbow_after(-data.clock_start[1] / data.clock_start[0], LR * np.array(data.clock), convention="mse")
    middle = float(np.median(abs(grid.elbow[dead]))) if dead.any() else math.nan
    law = -float(drift.elbow_after(0.0, LR * STEPS, convention="mse"))
    n = len(data.random.weight)
    sure = [interval(round(n * data.random.share(steps)), n) for steps in MARKS]
    late, quadrant = data.late, grid.inside("w > 0, b < 0")
    shares = [grid.share(steps, quadrant) for steps in MARKS]
    more = shares[-1] + float((late.reached >= 0).sum() / quadrant.sum())
    waiting = late.reached < 0
    inwards = bool((late.elbow[waiting] <= (-late.bias / late.weight)[waiting]).all() and (late.end_weight > 0).all())
    return [
        Claim(
            f"Share of starts on the grid of [-2, 2]² that succeed, by {', '.join(f'{m:,}' for m in MARKS)} steps. A grid has "
            "no chance in it: what is not known is where the border runs between its rows",
            ", ".join(f"{v:.3f}" for v in PUBLISHED_ALL.values()) + f" (81 x 81), ± one row in {data.side}",
            ", ".join(f"{grid.share(m):.3f}" for m in MARKS),
            all(abs(grid.share(m) - v) <= row for m, v in PUBLISHED_ALL.items()),
        ),
        Claim(
            "Starts that are uniform on the same square have a share with a confidence interval, and it is the grid's",
            ", ".join(f"{grid.share(m):.3f}" for m in MARKS),
            ", ".join(
                f"{data.random.share(m):.3f} [{lo:.3f}, {hi:.3f}]" for m, (lo, hi) in zip(MARKS, sure, strict=True)
            ) + f", 95% of {n}",
            all(
                abs(data.random.share(m) - grid.share(m)) <= row / 2 + 4 * math.sqrt(0.25 / n)
                for m in MARKS
            ),
        ),
        Claim(
            f"By quadrant at {STEPS:,} steps, half axes counted in as there",
            ", ".join(f"{name}: {v:.3f}" for name, v in PUBLISHED.items()) + f", ± two rows in {data.side}",
            ", ".join(f"{name}: {grid.share(STEPS, wide[name]):.3f}" for name in PUBLISHED)
            + "; without the axes "
            + ", ".join(f"{grid.share(STEPS, grid.inside(name)):.3f}" for name in PUBLISHED),
            all(abs(grid.share(STEPS, wide[name]) - v) <= 2 * row for name, v in PUBLISHED.items()),
        ),
        Claim(
            "The whole quadrant w > 0, b > 0 succeeds; with w < 0 and b <= 0 nothing can, as the elbow only moves outwards",
            "all, none",
            f"{grid.share(STEPS, wide['w > 0, b > 0']):.3f}, {grid.share(STEPS, below):.3f}",
            grid.share(STEPS, wide["w > 0, b > 0"]) == 1 and grid.share(STEPS, below) == 0,
        ),
        Claim(
            "The source says that failing runs circle around and get stuck, which is imprecise: with w < 0 they drift to a "
            "dead unit, w < 0 and b < 0, elbow as d|elbow|/dt = 2 φ(elbow) has it, loss -> 1/2",
            f"all; elbow of starts with b <= 0 to 1e-3; median |elbow| {law:.2f}, as from 0 (independent program: 3.86)",
            f"{int((dead & (grid.end_weight < 0) & (grid.end_bias < 0)).sum())} of {int(dead.sum())}; to {off:.1e}; "
            f"{middle:.2f}; loss {grid.loss[dead].min(initial=1):.6f} to {grid.loss[dead].max(initial=0):.6f}",
            bool(dead.any() and ((grid.end_weight < 0) & (grid.end_bias < 0))[dead].all())
            and off < 1e-3 and abs(middle - law) < 0.03 and bool((abs(grid.loss[dead] - 0.5) < 1e-4).all()),
        ),
        Claim(
            "They do not stop at a critical point: the elbow moves on like sqrt(2 log t), and the gradient is tiny and not 0",
            "|elbow| " + ", ".join(f"{-c:.4f}" for c in clock) + f" after {', '.join(f'{c:.0e}' for c in data.clock)} steps",
            ", ".join(f"{-c:.4f}" for c in data.clock_elbow) + f"; gradient {data.clock_gradient:.1e} at the last",
            all(abs(c - t) < 2e-3 for c, t in zip(data.clock_elbow, clock, strict=True)) and 0 < data.clock_gradient < 1e-4,
        ),
        Claim(
            "With w > 0 > b those that seem to fail are late: the unit answers only far out, where hardly any input is, and "
            "its elbow comes inwards. Beyond 38 the density is 0 in double precision, and nothing moves",
            f"share rising past {MARKS[-1]:,} steps, every elbow inwards",
            ", ".join(f"{s:.3f}" for s in shares) + f", and {more:.3f} by {10 * STEPS:,} steps; elbows of the rest "
            + (f"{late.elbow[waiting].min():.1f} to {late.elbow[waiting].max():.1f}" if waiting.any() else "none"),
            inwards and shares[0] < shares[1] <= shares[2] and more >= shares[2]
            and (not waiting.any() or float(late.elbow[waiting].min()) > 4.5),
        ),
    ]  # fmt: skip


def _pattern_claims(data: Bias) -> list[Claim]:
    base, small, large = (data.patterns[i : i + 4] for i in (0, 4, 8))
    by = {p.signs: p for p in base}
    n = len(base[0].loss)
    words = {s: f"({'+' if s[0] > 0 else '−'}, {'+' if s[1] > 0 else '−'})" for s in PATTERNS}

    def told(p: Pattern) -> str:
        parts = []
        for name, k in zip(OUTCOMES, p.counts(), strict=True):
            if k:
                lo, hi = interval(k, n)
                parts.append(f"{name} {k / n:.3f} [{lo:.3f}, {hi:.3f}]")
        return f"{words[p.signs]}: {', '.join(parts)}"

    def alike(p: Pattern) -> bool:
        for seen, was in zip(p.counts(), (*PUBLISHED_PATTERNS[p.signs], 0), strict=True):
            share = (seen + was) / (n + PUBLISHED_RUNS)
            bound = 4 * math.sqrt(share * (1 - share) * (1 / n + 1 / PUBLISHED_RUNS))
            if abs(seen / n - was / PUBLISHED_RUNS) > bound:
                return False
        return True

    kept = {p.signs: ~p.flipped(0) & ~p.flipped(2) for p in base}
    floors = {s: best_fit.floor(*s, convention="mse") for s in PATTERNS}
    excess = {
        s: float(np.max(by[s].loss[k] - floors[s])) if (k := kept[s]).any() else 0.0 for s in PATTERNS
    }  # fmt: skip
    lowest = min(float(np.min(by[s].loss[kept[s]] - floors[s], initial=1.0)) for s in PATTERNS)
    mixed = [p for p in base if p.signs[0] != p.signs[1]]
    balance = [p.starts[:, 2] ** 2 - p.starts[:, 0] ** 2 for p in mixed]
    wrong = sum(int((p.flipped(2) & (gap >= 0)).sum()) for p, gap in zip(mixed, balance, strict=True))
    among = [p.flipped(2)[gap < 0].mean() for p, gap in zip(mixed, balance, strict=True)]
    leak = max(
        float(np.max(abs(p.ends[:, 2] ** 2 - p.ends[:, 0] ** 2 - p.ends[:, 1] ** 2 - gap)))
        for p, gap in zip(mixed, balance, strict=True)
    )
    line = by[-1, -1]
    later = data.longer
    stages = []
    for p in (line, later):
        e = float(np.median(-p.ends[:, 1] / p.ends[:, 0]))
        stages.append((e, float(np.median(p.loss)), float(best_fit.best_for_elbow(e, side=-1, convention="mse").loss)))
    flips = [sum(int(p.flipped(k).sum()) for p in base) for k in (0, 2)]
    same = sum(int((p.outcome == q.outcome).sum()) for p, q in zip(base, small, strict=True))
    other = sum(int((p.outcome != q.outcome).sum()) for p, q in zip(base, large, strict=True))
    wild = sum(int(p.flipped(0).sum()) for p in large)
    return [
        Claim(
            f"Outcome by the signs of (w, a), lr {RATE:g}, {base[0].steps:,} steps, {n} starts each",
            "; ".join(
                f"{words[s]}: {', '.join(f'{name} {k}' for name, k in zip(OUTCOMES, v, strict=False) if k)}"
                for s, v in PUBLISHED_PATTERNS.items()
            ) + f" of {PUBLISHED_RUNS}",
            "; ".join(told(p) for p in base),
            all(alike(p) for p in base),
        ),
        Claim(
            "While the signs of w and a stay, the loss goes to the least that those signs allow",
            ", ".join(f"{words[s]}: {v:.4f}" for s, v in floors.items()),
            ", ".join(f"{words[s]}: at most {v:.1e} above" for s, v in excess.items())
            + f"; none lower than {lowest:.0e} above",
            all(v < 3e-3 for v in excess.values()) and lowest > -1e-12,
        ),
        Claim(
            "The local fit c - A relu(e - x) with loss .0911 is no minimum: its elbow runs away, and what it comes to is the "
            f"straight line x/2 + 1/sqrt(2 pi) with loss {floors[-1, -1]:.4f}",
            "; ".join(f"least loss at elbow {e:.2f}: {best:.5f}" for e, _, best in stages),
            "; ".join(f"{seen:.5f} after {p.steps:,} steps" for (_, seen, _), p in zip(stages, (line, later), strict=True)),
            all(abs(seen - best) < 1e-4 for _, seen, best in stages)
            and floors[-1, -1] < stages[1][1] < stages[0][1] - 1e-5 and stages[1][0] > stages[0][0] + 0.3,
        ),
        Claim(
            "The source says that a unit flips left-right or up-down but not both. From bias 0 left-right does not occur: w "
            "never changes its sign (it does in the plane, from w < 0 < b). a does, from mixed signs only, in 35% of the "
            "(+, −) starts of the independent program",
            "w: 0; a: only from mixed signs",
            f"w: {flips[0]} of {4 * n}; a: {flips[1]}, of them "
            + ", ".join(f"{int(p.flipped(2).sum())} ({p.flipped(2).mean():.0%}) from {words[p.signs]}" for p in mixed),
            flips[0] == 0 and flips[1] == sum(int(p.flipped(2).sum()) for p in mixed) > 0,
        ),
        Claim(
            "Descent conserves a² - w² - b², so that a can flip only from |a| < |w|, which half of the starts have",
            "0 flips from |a| >= |w|",
            f"{wrong}; from |a| < |w| "
            + ", ".join(f"{share:.0%} of {words[p.signs]}" for share, p in zip(among, mixed, strict=True))
            + f"; a² - w² - b² moved by at most {leak:.2g}",
            wrong == 0 and all(share > 0.5 for share in among) and leak < 0.5,
        ),
        Claim(
            f"A smaller lr changes nothing: lr {small[0].lr:g} for the same lr · steps, start by start",
            "the same outcome in at least 99%",
            f"{same} of {4 * n}",
            same >= 0.99 * 4 * n,
        ),
        Claim(
            f"A tenfold lr does: with lr {large[0].lr:g} the first steps are long enough to throw w to the other side",
            "some w change their sign, some outcomes differ, the order of the patterns stays",
            f"w changes its sign in {wild} of {4 * n}, the outcome differs in {other}; relu(x) in "
            + ", ".join(f"{words[p.signs]} {p.counts()[0] / n:.3f}" for p in large),
            wild > 0 and other > 0
            and large[0].counts()[0] > large[2].counts()[0] > large[1].counts()[0] >= large[3].counts()[0],
        ),
    ]  # fmt: skip


def figure(reproduction: Reproduction) -> Figure:
    """The plane of starts, success against steps, outcomes by sign pattern, and the three functions that are fitted.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from trainability.gallery._single_relu_bias_figure import draw

    return draw(reproduction.data)
