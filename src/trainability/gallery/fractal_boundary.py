"""The boundary of trainability is fractal: a tanh network at every pair of learning rates of its two layers.

One network (16 tanh units, mean-field form, 272 random samples), one start, full batches, 500 steps; only the rates differ.
Runs converge or diverge, and the border between the two shows new detail at every magnification.

Prediction: with the first layer held still, the second is linear regression and converges up to lr1 = 2/λ. Both layers,
linearised at the start, are stable below a line that ends at lr0 = 2/λ of the first layer; tanh saturates, so that runs go on
converging far beyond that end.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.gallery._fractal_boundary_runs import (
    SETTLED,
    Picture,
    Stable,
    Train,
    agreement,
    frozen_limit,
    picture,
    problem,
    stable,
    zooms,
)
from trainability.lab.phase import boundary_length, box_dimension
from trainability.theory.wilson import interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "The boundary of trainability is fractal: one tanh network over the learning rates of its two layers"
SOURCE = (
    'Sohl-Dickstein 2024, "The boundary of neural network trainability is fractal", arXiv 2402.06184, and its notebook: '
    "network, data, steps, and what counts as converged. The weights and data are other draws; the stable-lr lines are added."
)

X, Y = (0.0, 5.0), (1.0, 3.0)
FACTOR = 16.0
TINY = -4.0
PUBLISHED = (1.17, 1.98)
"""Least and greatest median dimension over the configurations of the source."""


@dataclass(frozen=True)
class Fractal:
    """The numbers behind the figure.

    Args:
        pictures: the map, and magnifications by 16, 256, ...
        limit: of the linearised steps from the start.
        crossing: log10 of lr1 between which runs stop converging at a tiny lr0.
        differ, checked: cells that plain training colours otherwise, of how many.
        steps: of each run.
    """

    pictures: tuple[Picture, ...]
    limit: Stable
    crossing: tuple[float, float]
    differ: int
    checked: int
    steps: int

    def slopes(self, i: int) -> np.ndarray:
        """Dimensions of the border in a picture between each two sizes of box."""
        return slopes(self.pictures[i].converged)

    @property
    def dimension(self) -> tuple[float, float, float]:
        """Median of the magnifications' slopes, and the ends of an interval of at least 95% (order statistics)."""
        return median_interval(np.concatenate([self.slopes(i) for i in range(1, len(self.pictures))]))


def counts(converged: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(side of the boxes in cells, how many boxes the border meets)."""
    side = min(converged.shape)
    found = box_dimension(converged, 2 if side >= 128 else 1, side // 8)
    return found.sizes, found.boxes


def slopes(converged: np.ndarray) -> np.ndarray:
    """ln N(s)/N(2s) over ln 2, for each two sizes.

    >>> slopes(np.tile(np.arange(64) > 20, (64, 1))).round(2).tolist()
    [1.0, 1.0, 1.0]
    """
    sizes, boxes = counts(converged)
    return -np.diff(np.log(boxes)) / np.diff(np.log(sizes))


def median_interval(values: np.ndarray) -> tuple[float, float, float]:
    """The median, and the narrowest order statistics about it that hold it with at least 95%; all where there are few.

    >>> median_interval(np.arange(9.0))
    (4.0, 1.0, 7.0)
    """
    ordered, n = np.sort(values), len(values)
    cut = 0
    while 2 * (cut + 1) < n and 2 * sum(comb(n, i) for i in range(cut + 2)) / 2**n <= 0.05:
        cut += 1
    return float(np.median(ordered)), float(ordered[cut]), float(ordered[n - 1 - cut])


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Map the rates at 256 x 256 cells and magnify the border three times; `smoke`: 64 x 64, twice, 150 steps.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Fractal.
    """
    steps, side, inner, many, every, points = (150, 64, 48, 2, 9, 25) if smoke else (500, 256, 160, 3, 8, 121)
    coarse = 9 if smoke else 33
    workers = 1 if smoke else None
    of, count = problem(), 0

    def done(_: int) -> None:
        nonlocal count
        count += 1
        if progress:
            progress("train", count, count + 1)

    train = Train(of, steps, retire=SETTLED, workers=workers, done=done)
    limit = stable(points)
    whole = picture(train, X, Y, side, coarse)
    pictures = zooms(train, whole, many, FACTOR, inner, coarse)
    crossing = frozen_limit(train, limit.last, TINY)
    differ, checked = agreement(of, steps, whole, every, workers)
    data = Fractal(pictures, limit, crossing, differ, checked, steps)
    return Reproduction(claims(data), data)


def claims(data: Fractal) -> tuple[Claim, ...]:
    """What the maps must show.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    whole, inner = data.pictures[0], data.pictures[1:]
    low, high = interval(data.differ, data.checked)
    middle = (data.crossing[0] + data.crossing[1]) / 2
    below = data.limit.holds(*np.meshgrid(whole.x, whole.y))
    beyond = whole.converged & (np.meshgrid(whole.x, whole.y)[0] > data.limit.first)
    value, least, most = data.dimension
    lengths = [boundary_length(p.converged) for p in inner]
    fine = [boundary_length(p.converged) / boundary_length(p.converged[::2, ::2]) for p in inner]
    return (
        Claim(
            "Refinement, retirement and the kernel give the picture that plain training gives",
            "at most 0.5% of cells of another colour",
            f"{data.differ} of {data.checked} ({100 * low:.2f} to {100 * high:.2f}%); {whole.runs} of {whole.converged.size} "
            "cells were trained",
            low <= 0.005 and whole.runs < whole.converged.size / 2,
        ),
        Claim(
            f"With the first layer held still (lr0 = 10^{TINY:g}) the second converges up to 2/λ of its features, within 1%",
            f"lr1 = {10**data.limit.last:.2f}",
            f"{10**middle:.2f}",
            abs(10 ** (middle - data.limit.last) - 1) < 0.01,
        ),
        Claim(
            "Below the line at which the linearised steps from the start grow, runs converge",
            "at least 98% of the map's cells below it",
            f"{100 * whole.converged[below].mean():.2f}% of {int(below.sum())}",
            bool(below.any()) and float(whole.converged[below].mean()) > 0.98,
        ),
        Claim(
            "That line ends at lr0 = 2/λ of the first layer; the border does not: tanh saturates, and runs converge beyond",
            f"none above lr0 = {10**data.limit.first:.0f}, if the linearised limit held",
            f"{100 * beyond.sum() / whole.converged.sum():.0f}% of the cells that converge, up to lr0 = "
            f"10^{float(whole.x[beyond.any(0)].max()) if beyond.any() else data.limit.first:.1f}",
            bool(beyond.sum() > 0.1 * whole.converged.sum()),
        ),
        Claim(
            "Magnified, the border is no line: its length in windows of side 1, and by how much it grows at twice the "
            "resolution",
            "a line: at most 1.42, growth 1.00",
            ", ".join(f"{a:.1f} (x {b:.2f})" for a, b in zip(lengths, fine, strict=True)),
            min(lengths) > 1.42 and min(fine) > 1.05,
        ),
        Claim(
            "Its box-counting dimension in the magnifications is between 1 and 2",
            "1 < D < 2, by an interval, with 0.05 to spare for what the estimate is off on known curves",
            f"{value:.2f} ({least:.2f} to {most:.2f})",
            least > 1.05 and most < 1.95,
        ),
        Claim(
            "and within the source's range of medians over its configurations",
            f"{PUBLISHED[0]} to {PUBLISHED[1]}",
            f"{value:.2f}",
            PUBLISHED[0] <= value <= PUBLISHED[1],
        ),
    )


def figure(reproduction: Reproduction) -> Figure:
    """The map with the stable-lr line, its magnifications, and the numbers of boxes by their size.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from trainability.gallery._fractal_boundary_figure import draw

    data: Fractal = reproduction.data
    return draw(data)
