"""Which range of initial weights trains: U[0, 1] to U[-0.1, 0.1], normal weights and He's, with sigmoid and with ReLU.

Digits, 64-64-32-10, biases 0, batch 16, SGD for 1500 steps at three learning rates, softmax with squared error and with
cross-entropy. The range decides how far apart the logits start, how sure softmax is and how much gradient arrives below;
all of that is predicted before training, by mean field theory for weights that may have a mean.

Prediction: a ReLU layer multiplies the mean square by n var(w)/2, so that U[-1, 1] starts with logits 17 apart and U[-0.1, 0.1]
with 0.02; a sigmoid cannot give more than 1, so that even N(0, 1) stays below 4. U[0, 1] adds all inputs up: sigmoids are
all on, with a gradient of 1e-15, and ReLU logits are 500 apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.gallery._uniform_ranges import (
    ACTIVATIONS,
    LOSSES,
    SCHEMES,
    Mechanism,
    images,
    measure,
    predict,
    train,
)
from trainability.lab import run_all
from trainability.measures.outcome import Outcome
from trainability.theory.wilson import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Which range of initial weights trains sigmoid and ReLU networks, and what it does at the start"
SOURCE = (
    "A public question of December 2020 (U[-1, 1] against U[-0.5, 0.5] and normal weights) and its answers, which say that "
    "normal weights converge, that sigmoid does not care and that the loss has to be cross-entropy; the other ranges are added."
)

RATES = (0.01, 0.1, 1.0)


@dataclass(frozen=True)
class Cell:
    """All seeds of one combination.

    Args:
        activation, loss, scheme, lr: the combination.
        outcomes: one a seed.
        accuracy: on the training data, one a seed.
    """

    activation: str
    loss: str
    scheme: str
    lr: float
    outcomes: tuple[Outcome, ...]
    accuracy: tuple[float, ...]

    @property
    def trained(self) -> int:
        """Seeds with the outcome "trained"."""
        return self.outcomes.count("trained")


@dataclass(frozen=True)
class Ranges:
    """The numbers behind the figure.

    Args:
        cells: trainings.
        predicted, measured: by (activation, scheme), the network before training.
        nets: networks that `measured` rests on.
    """

    cells: tuple[Cell, ...]
    predicted: dict[tuple[str, str], Mechanism]
    measured: dict[tuple[str, str], Mechanism]
    nets: int


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Train every combination with 12 seeds; `smoke`: 3 seeds, 600 steps, lr 0.1, two of the four pairs.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Ranges.
    """
    seeds, steps, nets, n_images = (3, 600, 40, 15) if smoke else (12, 1500, 200, 60)
    rates = RATES[1:2] if smoke else RATES
    pairs = [("ReLU", LOSSES[0]), ("sigmoid", LOSSES[1])] if smoke else [(a, b) for a in ACTIVATIONS for b in LOSSES]
    # A stack whose activations fit the cache is fastest, so the rates are trained one after another.
    jobs = [(activation, loss, lr) for activation, loss in pairs for lr in rates]
    total, count = len(jobs) + len(ACTIVATIONS) * len(SCHEMES), 0

    def done(index: int) -> None:
        nonlocal count
        count += 1
        if progress:
            progress("train and measure", count, total)

    images(1)  # loads the digits once, before workers are forked
    trained = run_all([partial(train, a, b, tuple(SCHEMES), (lr,), seeds, steps) for a, b, lr in jobs], done=done)
    cells = [
        Cell(a, b, scheme, lr, *made[scheme, lr])
        for (a, b, lr), made in zip(jobs, trained, strict=True)
        for scheme in SCHEMES
    ]
    keys = [(activation, scheme) for activation in ACTIVATIONS for scheme in SCHEMES]
    both = run_all([partial(_both, *key, nets, n_images) for key in keys], done=done)
    data = Ranges(
        tuple(cells),
        {key: p for key, (p, _) in zip(keys, both, strict=True)},
        {key: m for key, (_, m) in zip(keys, both, strict=True)},
        nets,
    )
    return Reproduction(claims(data), data)


def _both(activation: str, scheme: str, nets: int, n_images: int) -> tuple[Mechanism, Mechanism]:
    return predict(activation, scheme, n_images), measure(activation, scheme, nets)


def claims(data: Ranges) -> tuple[Claim, ...]:
    """What the table must show; a claim whose cells are missing is left out.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    return (*_start(data), *_training(data))


def _start(data: Ranges) -> list[Claim]:
    """Networks before training against theory."""
    out = []
    for activation in ACTIVATIONS:
        rows = [(s, data.predicted[activation, s], data.measured[activation, s]) for s in SCHEMES]
        far = max(abs(p.logit_std / m.logit_std - 1) for _, p, m in rows)
        apart = max(abs(p.largest - m.largest) for _, p, m in rows)
        others = [(p, m) for s, p, m in rows if s != "U[0, 1]"]
        entropy, square = (max(_times(p, m, loss) for p, m in others) for loss in reversed(LOSSES))
        _, one, other = next(row for row in rows if row[0] == "U[0, 1]")
        if activation == "ReLU":  # its squared error's gradient hangs on a few images near a tie
            positive, seen = "U[0, 1] within a factor of 2", _times(one, other, LOSSES[1]) < 2
        else:
            positive, seen = "U[0, 1] below 1e-12", max(m.gradient[LOSSES[1]] for m in (one, other)) < 1e-12
        out += [
            Claim(
                f"{activation}: how far apart the logits start ({', '.join(SCHEMES)})",
                ", ".join(f"{p.logit_std:.3g}" for _, p, _ in rows) + " (standard deviation)",
                ", ".join(f"{m.logit_std:.3g}" for *_, m in rows) + f"; at most {100 * far:.0f}% off",
                far < 0.15,
            ),
            Claim(
                f"{activation}: how sure softmax starts: mean largest probability",
                ", ".join(f"{p.largest:.2f}" for _, p, _ in rows),
                ", ".join(f"{m.largest:.2f}" for *_, m in rows) + f"; at most {apart:.3f} off",
                apart < 0.06,
            ),
            Claim(
                f"{activation}: gradient in the first layer, cross-entropy; both losses within a factor of 1.5, {positive}",
                ", ".join(f"{p.gradient[LOSSES[1]]:.2g}" for _, p, _ in rows),
                ", ".join(f"{m.gradient[LOSSES[1]]:.2g}" for *_, m in rows)
                + f"; factors at most {entropy:.2f} (cross-entropy), {square:.2f} (squared error)",
                max(entropy, square) < 1.5 and seen,
            ),
        ]
        dead = max(abs(p.dead - m.dead) for _, p, m in rows)
        what = (
            "share of units that are off for all images" if activation == "ReLU" else "share of activations at 0 or 1"
        )
        note = ": the range has no part in it, as ReLU units keep their sign" if activation == "ReLU" else ""
        out.append(
            Claim(
                f"{activation}: {what}{note}",
                ", ".join(f"{p.dead:.3f}" for _, p, _ in rows),
                ", ".join(f"{m.dead:.3f}" for *_, m in rows),
                dead < 0.03,
            )
        )
    steep = [made["ReLU", "N(0, 1)"].gradient[LOSSES[0]] / made["ReLU", "He"].gradient[LOSSES[0]]
             for made in (data.predicted, data.measured)]  # fmt: skip
    out.append(
        Claim(
            "'It fails because the gradient is too small at the start' is imprecise: with ReLU and squared error N(0, 1) "
            "starts with more gradient than He's weights, and does not train (below)",
            f"{steep[0]:.1f} times He's",
            f"{steep[1]:.1f} times",
            abs(steep[1] / steep[0] - 1) < 0.4 and steep[1] > 3,
        )
    )
    return out


def _training(data: Ranges) -> list[Claim]:
    """Which combinations train."""
    at = {(c.activation, c.loss, c.scheme, c.lr): c for c in data.cells}
    squared, entropy = LOSSES
    good = ("U[-0.5, 0.5]", "N(0, 0.1²)", "He")
    no, yes = "at most 1 in 6", "at least 5 in 6"

    def cells(activation: str, loss: str, schemes: tuple[str, ...], lrs: tuple[float, ...]) -> list[Cell]:
        keys = [(activation, loss, s, lr) for s in schemes for lr in lrs]
        return [at[k] for k in keys] if all(k in at for k in keys) else []

    low = RATES[1:2] if len({c.lr for c in data.cells}) == 1 else RATES
    stated = [
        ("U[0, 1] does not train ReLU with squared error at any learning rate", no,
         cells("ReLU", squared, ("U[0, 1]",), low)),
        ("U[0, 1] does not train sigmoid at any learning rate: every unit is on, for every image", no,
         cells("sigmoid", entropy, ("U[0, 1]",), low) + cells("sigmoid", squared, ("U[0, 1]",), low)),
        ("'Normal weights converge' is imprecise: N(0, 1) fails with ReLU and squared error at every rate, where N(0, 0.1²) "
         "trains (next)", no, cells("ReLU", squared, ("N(0, 1)",), low)),
        ("ReLU, squared error, lr 0.1: U[-0.5, 0.5], N(0, 0.1²) and He train, so that 'the loss has to be cross-entropy' is "
         "imprecise", yes, cells("ReLU", squared, good, (0.1,))),
        ("ReLU, squared error: U[-1, 1] trains at 0.1 here, with two hidden layers: what fails is a range with a depth and a "
         "rate", yes,
         cells("ReLU", squared, ("U[-1, 1]",), (0.1,)) if len(low) > 1 else []),
        ("ReLU, squared error, lr 1: U[-1, 1] does not", no, cells("ReLU", squared, ("U[-1, 1]",), (1.0,))),
        ("ReLU, cross-entropy, lr 0.1: U[-1, 1] and every narrower range about 0 train", yes,
         cells("ReLU", entropy, ("U[-1, 1]", "U[-0.5, 0.5]", "U[-0.1, 0.1]", "N(0, 0.1²)", "He"), (0.1,))),
        ("ReLU, cross-entropy, lr 1: none trains, of whatever range", no,
         cells("ReLU", entropy, tuple(SCHEMES), (1.0,))),
        ("Sigmoid, cross-entropy, lr 0.1: the wide ranges train, U[-1, 1] and N(0, 1)", yes,
         cells("sigmoid", entropy, ("U[-1, 1]", "N(0, 1)"), (0.1,))),
        ("'Sigmoid does not care' is imprecise: at that rate the narrow U[-0.1, 0.1] stalls, which trains ReLU", no,
         cells("sigmoid", entropy, ("U[-0.1, 0.1]",), (0.1,))),
        ("Sigmoid, cross-entropy, lr 1: a rate ten times as high trains every range about 0", yes,
         cells("sigmoid", entropy, tuple(s for s in SCHEMES if s != "U[0, 1]"), (1.0,))),
        ("Sigmoid, squared error, lr 0.01: too slow for every range in 1500 steps", no,
         cells("sigmoid", squared, tuple(SCHEMES), (0.01,))),
    ]  # fmt: skip
    return [
        Claim(says, f"{wanted} seeds trained, each", _shares(found), _each(found, wanted == yes))
        for says, wanted, found in stated
        if found
    ]


def _times(p: Mechanism, m: Mechanism, loss: str) -> float:
    """By what factor two gradients differ, 1 or more."""
    ratio = p.gradient[loss] / m.gradient[loss]
    return max(ratio, 1 / ratio)


def _each(cells: list[Cell], yes: bool) -> bool:
    share = [c.trained / len(c.outcomes) for c in cells]
    return min(share) >= 5 / 6 if yes else max(share) <= 1 / 6


def _shares(cells: list[Cell]) -> str:
    """Counts with their Wilson intervals; said once where all are the same."""
    losses, rows = {c.loss for c in cells}, []
    for c in cells:
        low, high = interval(c.trained, len(c.outcomes))
        name = f"{c.scheme} at {c.lr:g}" + (f", {c.loss}" if len(losses) > 1 else "")
        rows.append((name, f"{c.trained} of {len(c.outcomes)} ({100 * low:.0f} to {100 * high:.0f}%)"))
    if len(rows) > 1 and len({count for _, count in rows}) == 1:
        return "each " + rows[0][1]
    return "; ".join(f"{name}: {count}" for name, count in rows)


def figure(reproduction: Reproduction) -> Figure:
    """Share of seeds that trained, with 95% Wilson intervals, and the networks before training, measured and predicted.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    data: Ranges = reproduction.data
    from matplotlib.figure import Figure

    from trainability.plots._axes import plain
    from trainability.plots._style import HEALTHY, INK, REMEDY, UNCHANGED

    pairs = list(dict.fromkeys((c.activation, c.loss) for c in data.cells))
    rates = sorted({c.lr for c in data.cells})
    rows = (len(pairs) + 1) // 2
    picture = Figure(figsize=(11.0, 2.5 * rows + 3.4), dpi=150, layout="constrained")
    grid = picture.add_gridspec(rows + 1, 4, height_ratios=[1.0] * rows + [1.2])
    colours = dict(zip(RATES, (REMEDY, HEALTHY, UNCHANGED), strict=True))
    marks = dict(zip(RATES, "o^s", strict=True))
    at = np.arange(len(SCHEMES))
    for i, (activation, loss) in enumerate(pairs):
        axes = picture.add_subplot(grid[i // 2, 2 * (i % 2) : 2 * (i % 2) + 2])
        plain(axes, f"{activation}, {loss}")
        for j, lr in enumerate(rates):
            found = [c for c in data.cells if (c.activation, c.loss, c.lr) == (activation, loss, lr)]
            share = np.array([c.trained / len(c.outcomes) for c in found])
            low, high = np.array([interval(c.trained, len(c.outcomes)) for c in found]).T
            axes.errorbar(at + 0.22 * (j - (len(rates) - 1) / 2), 100 * share, yerr=100 * np.array([share - low, high - share]),
                          fmt=marks[lr], ms=5, lw=1.1, capsize=2.5, color=colours[lr], label=f"lr {lr:g}")  # fmt: skip
        axes.set_ylim(-5, 105)
        _schemes(axes)
        axes.set_ylabel("seeds that trained (%)", fontsize=9, color=INK)
        if i == 0:
            handles, labels = axes.get_legend_handles_labels()
            picture.legend(handles, labels, fontsize=8, frameon=False, ncols=len(rates), loc="outside upper right")
    panels = (
        ("Logits before training", "standard deviation", lambda m: m.logit_std, True),
        ("Certainty", "mean largest probability", lambda m: m.largest, False),
        ("Gradient (cross-entropy)", "in first pre-activation, rms", lambda m: m.gradient[LOSSES[1]], True),
        ("Dead or saturated", "share always off (ReLU),\nat 0 or 1 (sigmoid)", lambda m: m.dead, False),
    )
    for i, (title, unit, value, logarithmic) in enumerate(panels):
        axes = picture.add_subplot(grid[rows, i])
        plain(axes, title)
        for activation, colour, mark in (("sigmoid", UNCHANGED, "s"), ("ReLU", REMEDY, "o")):
            seen = [value(data.measured[activation, s]) for s in SCHEMES]
            wanted = [value(data.predicted[activation, s]) for s in SCHEMES]
            axes.plot(at, seen, mark, ms=5, color=colour, label=activation)
            axes.plot(at, wanted, "_", ms=13, mew=1.5, color=INK)
        axes.plot([], [], "_", ms=13, mew=1.5, color=INK, label="predicted")
        if logarithmic:
            axes.set_yscale("log")
        else:
            axes.set_ylim(-0.04, 1.08)
        _schemes(axes)
        axes.set_ylabel(unit, fontsize=8.5, color=INK)
        if i == 2:
            axes.legend(fontsize=7.5, frameon=False, loc="center right")
    return picture


def _schemes(axes: Axes) -> None:
    axes.set_xticks(np.arange(len(SCHEMES)), list(SCHEMES), rotation=35, ha="right", fontsize=7.5)
