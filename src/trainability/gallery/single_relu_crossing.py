"""One ReLU that learns one ReLU from a negative weight: which optimizer passes 0, at which step, and where it ends.

x ~ N(0, 1), fresh batches of 1000, target relu(x), mean squared error without the 1/2, 2000 steps, from weight -10 and -1.

Prediction: for w < 0 the loss is w²/2 + 1/2, the gradient w, and 0 attracts. SGD multiplies w by 1 - lr · 2 mean(x² 1{x < 0}),
which is positive but for lr near 1. Momentum beta turns around iff sqrt(lr) > 1 - sqrt(beta), from any start. Adam's steps
have a length of their own, lr, and whether they carry over 0 depends on the start. A leaky student with slope c passes
for c > 0 and ends at 1/(1 + c²), not at 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.theory.one_relu import crossing, leaky_fixed_point, runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Which optimizer takes one ReLU from a negative weight past 0"
SOURCE = 'A public question, "ReLU can\'t learn ReLU" (single weight, target relu(x)), and its accepted answer.'

STARTS = (-10.0, -1.0)
STEPS, BATCH = 2000, 1000
RULES: dict[str, dict[str, Any]] = {
    "SGD 0.01": {"rule": "sgd", "lr": 0.01},
    "momentum 0.9, lr 0.01": {"rule": "momentum", "lr": 0.01},
    "momentum 0.9, lr 0.001": {"rule": "momentum", "lr": 0.001},
    "momentum 0.5, lr 0.01": {"rule": "momentum", "lr": 0.01, "momentum": 0.5},
    "Adam 0.001": {"rule": "adam", "lr": 0.001},
    "Adam 0.01": {"rule": "adam", "lr": 0.01},
    "AMSGrad 0.001": {"rule": "amsgrad", "lr": 0.001},
    "AMSGrad 0.01": {"rule": "amsgrad", "lr": 0.01},
    "leaky 0.3, SGD 0.01": {"rule": "sgd", "lr": 0.01, "slope": 0.3},
    "leaky -0.3, SGD 0.01": {"rule": "sgd", "lr": 0.01, "slope": -0.3},
}


@dataclass(frozen=True)
class Cell:
    """All runs of one rule from one start.

    Args:
        rule: a key of `RULES`; start: the first weight.
        runs: how many; crossed: how many of them passed 0.
        step: median step at which they did; nan if none.
        end: median last weight.
        predicted_step, predicted_end: on the population gradient; None if it never passes 0.
    """

    rule: str
    start: float
    runs: int
    crossed: int
    step: float
    end: float
    predicted_step: int | None
    predicted_end: float

    @property
    def agrees(self) -> bool:
        """All or none cross as predicted, in the median within 2 steps or 2 percent, and end within 3 percent."""
        if self.crossed != (0 if self.predicted_step is None else self.runs):
            return False
        near = math.isclose(self.end, self.predicted_end, rel_tol=0.03, abs_tol=1e-7)
        return near and (
            self.predicted_step is None or abs(self.step - self.predicted_step) <= max(2, 0.02 * self.step)
        )

    def says(self) -> str:
        """The measurement in words."""
        at = f" at step {self.step:g}" if self.crossed else ""
        return f"from {self.start:g}: {self.crossed} of {self.runs} cross{at}, end {self.end:.4g}"


@dataclass(frozen=True)
class Jump:
    """First steps of SGD with a large lr.

    Args:
        lr: learning rate; batch: images per step; runs: how many.
        crossed: runs that passed 0 in one step.
        probability: of that, exact.
    """

    lr: float
    batch: int
    runs: int
    crossed: int
    probability: float


@dataclass(frozen=True)
class Crossing:
    """The numbers behind the figure.

    Args:
        cells: rule by start.
        jumps: first steps at large lr.
        small: SGD 0.01 from -1 on batches of 1 and 32.
    """

    cells: tuple[Cell, ...]
    jumps: tuple[Jump, ...]
    small: tuple[Jump, ...]


def measure(rule: str, start: float, count: int) -> Cell:
    """Run one rule from one start on `count` streams of batches, and on the population gradient.

    Args:
        rule: a key of `RULES`.
        start: < 0.
        count: runs.

    Returns:
        Cell.
    """
    options: dict[str, Any] = {"start": start, "steps": STEPS, "convention": "mse"} | RULES[rule]
    seen = runs.simulate_batches(**options, batch=BATCH, runs=count, seed=0)
    told = runs.simulate(**options)
    steps = seen.crossed[seen.crossed > 0]
    return Cell(
        rule,
        start,
        count,
        len(steps),
        float(np.median(steps)) if len(steps) else math.nan,
        float(np.median(seen.ends)),
        told.crossed,
        told.end,
    )


def jump(lr: float, batch: int, steps: int, count: int) -> Jump:
    """Run SGD from -1 for some steps; see `Jump`."""
    seen = runs.simulate_batches("sgd", -1.0, lr=lr, steps=steps, batch=batch, runs=count, seed=1, convention="mse")
    probability = crossing.sgd_crossing_probability(lr, batch, steps=steps, convention="mse")
    return Jump(lr, batch, count, int((seen.crossed > 0).sum()), probability)


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Run every rule from both starts on 60 streams of batches; `smoke` takes 20.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Crossing.
    """
    count = 20 if smoke else 60
    wanted = [(rule, start) for rule in RULES for start in STARTS]
    cells = []
    for i, (rule, start) in enumerate(wanted):
        cells.append(measure(rule, start, count))
        if progress:
            progress("run every rule from both starts", i + 1, len(wanted))
    jumps = tuple(jump(lr, BATCH, 1, 2000 if smoke else 20_000) for lr in (0.8, 0.9, 1.0, 1.1, 1.5))
    small = tuple(jump(0.01, batch, STEPS, n) for batch, n in ((1, 50 if smoke else 400), (32, 20 if smoke else 200)))
    data = Crossing(tuple(cells), jumps, small)
    return Reproduction(claims(data), data)


def claims(data: Crossing) -> tuple[Claim, ...]:
    """What the numbers must show.

    Args:
        data: from `run`.

    Returns:
        Claims; what the source says is said in each.
    """
    at = {(c.rule, c.start): c for c in data.cells}

    def both(rule: str) -> list[Cell]:
        return [at[rule, start] for start in STARTS]

    def claim(says: str, cells: list[Cell], also: bool = True) -> Claim:
        told = "; ".join(
            f"from {c.start:g}: {'none' if c.predicted_step is None else f'all at step {c.predicted_step}'}, "
            f"end {c.predicted_end:.4g}"
            for c in cells
        )
        return Claim(says, told, "; ".join(c.says() for c in cells), also and all(c.agrees for c in cells))

    (point,) = leaky_fixed_point.fixed_points(0.3, convention="mse")
    below = leaky_fixed_point.fixed_points(-0.3)[1].weight
    never = crossing.sgd_crossing_probability(0.01, BATCH, steps=STEPS, convention="mse", log=True) / math.log(10)
    sgd, ball = both("SGD 0.01"), both("momentum 0.9, lr 0.01")
    step = crossing.momentum_crossing_step(0.01, 0.9, convention="mse")
    stated = [
        Claim(
            "Plain SGD with lr 0.01 never passes 0; the source says that from -1 it works, which is impossible",
            f"0 of {sgd[0].runs}; the probability that a run of {STEPS} steps does is 10^{never:.0f}",
            "; ".join(c.says() for c in sgd),
            all(c.crossed == 0 for c in sgd) and never < -1000 and all(-1e-7 < c.end < 0 for c in sgd),
        ),
        Claim(
            "Nor does it with noisier batches of 1 and 32",
            "; ".join(f"batch {j.batch}: probability {j.probability:.2g} a run" for j in data.small),
            "; ".join(f"batch {j.batch}: {j.crossed} of {j.runs}" for j in data.small),
            all(j.crossed == 0 and j.probability < 1e-8 for j in data.small),
        ),
        claim(
            f"Momentum 0.9 with lr 0.01 passes 0 at step {step} from any start; the source says that from -10 it does nothing",
            ball,
            also=all(c.predicted_step == step for c in ball),
        ),
        claim(
            "Momentum needs sqrt(lr) > 1 - sqrt(momentum): not with lr 0.001, not with momentum 0.5",
            both("momentum 0.9, lr 0.001") + both("momentum 0.5, lr 0.01"),
        ),
        claim("Adam with its default lr 0.001 only slows down, as the source says", both("Adam 0.001")),
        claim("Adam with lr 0.01 passes from -1 and not from -10, as the source says", both("Adam 0.01")),
        claim("AMSGrad does the same, later", both("AMSGrad 0.001") + both("AMSGrad 0.01")),
        claim(
            f"A leaky student passes, and ends at 1/(1 + c²) = {point.weight:.4f} with error {point.loss:.4f} left; the source "
            "says that it moves to 1",
            both("leaky 0.3, SGD 0.01"),
            also=all(abs(c.end - point.weight) < 0.005 for c in both("leaky 0.3, SGD 0.01")),
        ),
        claim(
            f"A negative slope, which the source asks about, makes a second minimum at c/(1 + c²) = {below:.4f} that keeps the "
            "start",
            both("leaky -0.3, SGD 0.01"),
            also=all(abs(c.end - below) < 0.005 for c in both("leaky -0.3, SGD 0.01")),
        ),
        Claim(
            "SGD jumps over 0 in one step with the probability of a chi-square tail, which is 1/2 near lr 1",
            ", ".join(f"lr {j.lr:g}: {j.probability:.3f}" for j in data.jumps),
            ", ".join(f"lr {j.lr:g}: {j.crossed / j.runs:.3f}" for j in data.jumps),
            all(_near(j) for j in data.jumps),
        ),
    ]
    return tuple(stated)


def _near(j: Jump) -> bool:
    """Within 4 standard errors and one run."""
    p = j.probability
    return abs(j.crossed - j.runs * p) <= 4 * math.sqrt(j.runs * p * (1 - p)) + 1


def figure(reproduction: Reproduction) -> Figure:
    """Paths from both starts above, the table below.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from matplotlib.figure import Figure

    data: Crossing = reproduction.data
    picture = Figure(figsize=(9.6, 11.5), dpi=150, layout="constrained")
    grid = picture.add_gridspec(2, 2, height_ratios=(1, 2.2))
    left = picture.add_subplot(grid[0, 0])
    right = picture.add_subplot(grid[0, 1])
    _paths(left, -10.0)
    _paths(right, -1.0)
    handles, labels = left.get_legend_handles_labels()
    right.legend(handles, labels, fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    _table(picture.add_subplot(grid[1, :]), data)
    return picture


LINES = {
    "SGD 0.01": ("#000000", "-"),
    "momentum 0.9, lr 0.01": ("#0072B2", "-"),
    "Adam 0.001": ("#D55E00", "--"),
    "Adam 0.01": ("#D55E00", "-"),
    "AMSGrad 0.01": ("#CC79A7", "-"),
    "leaky 0.3, SGD 0.01": ("#009E73", "-"),
    "leaky -0.3, SGD 0.01": ("#009E73", "--"),
}


def _paths(axes: Axes, start: float) -> None:
    for rule, (colour, style) in LINES.items():
        options: dict[str, Any] = {"start": start, "steps": STEPS, "convention": "mse"} | RULES[rule]
        weights = runs.simulate(**options).weights
        steps = np.arange(1, len(weights) + 1)
        axes.plot(steps, weights, color=colour, linestyle=style, linewidth=1.6, label=rule)
    axes.axhline(0, color="#6B7280", linewidth=0.8)
    axes.axhline(1, color="#6B7280", linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    axes.set_xlim(1, STEPS)
    axes.set_xlabel("step + 1")
    axes.set_ylabel("weight (target 1, dotted)")
    axes.set_title(f"Population gradient, from weight {start:g}", fontsize=10, loc="left")


def _table(axes: Axes, data: Crossing) -> None:
    at = {(c.rule, c.start): c for c in data.cells}
    share = np.array([[at[rule, start].crossed / at[rule, start].runs for start in STARTS] for rule in RULES])
    axes.imshow(share, cmap="cividis", vmin=-0.15, vmax=1.0, aspect="auto", alpha=0.9)
    for i, rule in enumerate(RULES):
        for j, start in enumerate(STARTS):
            c = at[rule, start]
            seen = f"{c.crossed} of {c.runs} cross" + (f", step {c.step:g}" if c.crossed else "") + f", end {c.end:.4g}"
            told = "never" if c.predicted_step is None else f"step {c.predicted_step}"
            axes.text(
                j, i, f"{seen}\npredicted: {told}, end {c.predicted_end:.4g}",
                ha="center", va="center", fontsize=8, color="black" if share[i, j] > 0.5 else "white",
            )  # fmt: skip
    axes.set_xticks(range(len(STARTS)), [f"from weight {start:g}" for start in STARTS])
    axes.set_yticks(range(len(RULES)), list(RULES), fontsize=8.5)
    axes.tick_params(length=0)
    axes.set_title(
        f"Batches of {BATCH}, {STEPS} steps: runs that pass 0, median step, median end", fontsize=10, loc="left"
    )
