"""Which learning rates train at which scale of the initial weights, and the borders that theory predicts for that.

Digits (96 images, full batch), five layers of width 32 without biases, mean squared error, plain descent for 400 steps. He's
weights for ReLU and LeCun's for tanh, all multiplied by a scale: at scale 1 both are at the edge of chaos, sigma_w² = 2 and 1.
The map is explored adaptively by `lab.phase`; the borders come from Hessians and mean field theory, not from trainings.

Prediction, with d layers: above, wide starts are sharp, and the largest lr falls with 2 over the sharpness, for ReLU like
scale^(-2(d-1)). Thin starts are flat; they must end in networks that fit, of which the flattest sets the limit, whatever the
scale. Below, an lr is too slow: a thin ReLU network starts on a plateau that it leaves after a time of
scale^(-(d-2))/lr. So the window between the two borders closes on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import log
from typing import TYPE_CHECKING

import numpy as np

from trainability.gallery import _lr_against_scale_figure
from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.gallery._lr_against_scale_runs import LAYERS, LR, NETS, SCALE, Array, Map, data, explored
from trainability.lab import run_all
from trainability.lab.phase import Axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = (
    "Learning rate against the scale of the initial weights: where ReLU and tanh networks train, and theory's borders"
)
SOURCE = (
    "Lewkowycz, Bahri, Dyer, Sohl-Dickstein and Gur-Ari 2020, arXiv 2003.02218: training above lr 2/sharpness, for ReLU up to "
    "about 12/sharpness. Poole et al. 2016, arXiv 1606.05340: the edge of chaos. The maps were made here."
)

NAMES = {"relu": "ReLU", "tanh": "tanh"}
MARGIN = 1.5
"""How far apart two limits have to be for one of them to decide."""


@dataclass(frozen=True)
class Maps:
    """The numbers behind the figure.

    Args:
        maps: one per activation.
        seeds: runs of a trained cell at least.
    """

    maps: tuple[Map, ...]
    seeds: int


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Two maps of 21 x 21 cells with 4 to 8 seeds, some 45 seconds of one core.

    `smoke`: 8 x 3 of the cells, 2 seeds, 300 steps, without the claims that need more rows.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are Maps.
    """
    lr, scale = (Axis("lr", 0.316, 17.8, log=True), Axis("scale", 0.3, 1.0, log=True)) if smoke else (LR, SCALE)
    cells, seeds, steps = ((8, 3), 2, 300) if smoke else ((21, 21), 4, 400)
    count = 0

    def done(index: int) -> None:
        nonlocal count
        count += 1
        if progress:
            progress("explore maps", count, len(NETS))

    data()  # loads the digits once, before workers are forked
    jobs = [
        partial(explored, name, lr, scale, cells, (seeds, seeds if smoke else 2 * seeds), steps, 6) for name in NETS
    ]
    made = Maps(tuple(run_all(jobs, done=done, workers=1 if smoke else None)), seeds)
    return Reproduction(claims(made), made)


def claims(made: Maps) -> tuple[Claim, ...]:
    """What the maps must show; those that need many rows are left out of small ones.

    Args:
        made: from `run`.

    Returns:
        Claims.
    """
    found: list[Claim] = []
    for one in made.maps:
        found += _borders(one)
        if len(one.cells.y) > 12:
            found += _fine(one)
    return tuple(found)


def ratios(one: Map) -> tuple[Array, Array]:
    """Largest lr that trains over the limit: of the start in rows where that is the lower, of the chain in the others."""
    largest = one.largest()
    known = np.isfinite(largest)
    first, last = known & (one.start * MARGIN < one.chain), known & (one.chain * MARGIN < one.start)
    return (largest / one.start)[first], (largest / one.chain)[last]


def _borders(one: Map) -> list[Claim]:
    name = NAMES[one.activation]
    wide, thin = ratios(one)
    cell = float((one.cells.x[1] / one.cells.x[0]) ** 0.5)  # a border is known to half a cell
    found = []
    if len(wide):
        relu = one.activation == "relu"
        middle = float(np.median(wide))
        more = (
            "and 'up to about 12 / sharpness', 6 times it, is no bound either"
            if relu
            else "up to a few times it, as far as smooth units were known to go (2 to 6 times)"
        )
        found.append(
            Claim(
                f"{name}, wide starts: the largest lr that trains is above the stable one of the start, 2 / sharpness, {more}",
                "at least the stable lr at every scale; in the median " + ("above 6 times" if relu else "1 to 6 times"),
                f"{middle:.1f} times in the median of {len(wide)} scales ({wide.min():.1f} to {wide.max():.1f})",
                bool(wide.min() * cell >= 1 and (middle > 6 if relu else 1 <= middle <= 6)),
            )
        )
    if len(thin):
        found.append(
            Claim(
                f"{name}, thin starts: what limits lr is no property of the start (which would allow {_times(one)} times as "
                "much), but that there is no flatter network to end in: the chain that fits the data's first direction",
                f"lr {one.chain:.2f} (closed form for linear networks), within a factor of 2 in the median",
                f"{np.median(thin) * one.chain:.2f} in the median of {len(thin)} scales ({thin.min() * one.chain:.2f} to "
                f"{thin.max() * one.chain:.2f})",
                0.5 <= float(np.median(thin)) <= 2,
            )
        )
    return found


def _times(one: Map) -> str:
    values = (one.start / one.chain)[np.isfinite(one.largest()) & (one.chain * MARGIN < one.start)]
    return f"{values.min():.0f} to {values.max():.0f}"


def slope(scale: Array, lr: Array) -> float:
    """Least squares power of scale in lr."""
    return float(np.polyfit(np.log(scale), np.log(lr), 1)[0])


def _fine(one: Map) -> list[Claim]:
    name, y = NAMES[one.activation], one.cells.y
    smallest, largest = one.smallest(), one.largest()
    known = np.isfinite(smallest)
    thin = known & (y < 0.6)
    power = slope(y[thin], smallest[thin])
    # A cell's lr is known to half a step, at both ends of the fit.
    room = log(one.cells.x[1] / one.cells.x[0]) / log(y[thin][-1] / y[thin][0])
    told = -(LAYERS - 2)
    found = [
        Claim(
            f"{name}: the smallest lr that trains a thin start in {one.steps} steps rises with its plateau, {LAYERS} layers",
            f"scale^{told}, to {room + 0.5:.1f} (half a cell at both ends, and 0.5)",
            f"scale^{power:.2f} over {int(thin.sum())} scales",
            abs(power - told) <= room + 0.5,
        ),
        Claim(
            f"{name}: below the scale where the two borders meet nothing trains; by that power, through one row, and "
            "the chain's limit",
            f"{_closing(y, smallest, one.chain):.2f}, within a factor of 1.25",
            f"between {_below(y, known):.2f} and {y[known].min():.2f}",
            _below(y, known) / 1.25 <= _closing(y, smallest, one.chain) <= y[known].min() * 1.25,
        ),
    ]
    gaps = np.log10(largest[known] / smallest[known])
    best = y[known][gaps >= gaps.max() - 1e-9]
    found.append(
        Claim(
            f"{name}: the widest choice of lr is not on the edge of chaos but below it",
            "below scale 1, towards where the limits of the start and of the chain meet",
            f"{gaps.max():.1f} decades at scale {best.min():.2f} to {best.max():.2f}; {_on_edge(y[known], gaps):.1f} at 1",
            bool(best.max() < 1),
        )
    )
    top, above = float(y[known].max()), _above(y, known)
    edge = next((float(line.y[0]) for line in one.lines if line.label == "edge of chaos"), float("nan"))
    found.append(
        Claim(
            f"{name}: the widest scale that trains is set by the steps: descent with the kernel of the start, at the "
            f"largest stable lr, fits half of the data's variance in {one.steps} steps. Near the edge of chaos ({edge:.2f})",
            f"{one.widest:.2f}, within a factor of 1.5",
            f"between {top:.2f} and {above:.2f}",
            top / 1.5 <= one.widest <= above * 1.5,
        )
    )
    if one.activation == "relu":
        limits = slope(y[(y > 1.2)], one.start[(y > 1.2)])
        found.append(
            Claim(
                "ReLU, wide starts: the stable lr (of the whole Hessian) falls by the homogeneity of the network",
                f"scale^{-2 * (LAYERS - 1)}",
                f"scale^{limits:.2f}",
                abs(limits + 2 * (LAYERS - 1)) < 0.3,
            )
        )
    return found


def _on_edge(y: Array, gaps: Array) -> float:
    return float(gaps[np.argmin(np.abs(np.log(y)))])


def _below(y: Array, known: np.ndarray) -> float:
    """The scale next below the smallest that trains; 0 where there is none."""
    first = int(np.flatnonzero(known)[0])
    return float(y[first - 1]) if first else 0.0


def _above(y: Array, known: np.ndarray) -> float:
    """The scale next above the largest that trains; inf where there is none."""
    last = int(np.flatnonzero(known)[-1])
    return float(y[last + 1]) if last + 1 < len(y) else float("inf")


def _closing(y: Array, smallest: Array, chain: float) -> float:
    """Where smallest lr ~ scale^(-(d-2)), through the row next above 0.5, meets the chain's limit."""
    rows = np.flatnonzero(np.isfinite(smallest) & (y >= 0.5))
    at = int(rows[0])
    return float(y[at] * (smallest[at] / chain) ** (1 / (LAYERS - 2)))


def figure(reproduction: Reproduction) -> Figure:
    """Outcome and share of success over lr and scale, with the predicted borders, and the borders against each other.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    return _lr_against_scale_figure.draw(reproduction.data)
