"""How mixed and how rough the boundary between basins is: basin entropy and the uncertainty exponent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import linregress
from scipy.stats import t as student


@dataclass(frozen=True)
class BasinEntropy:
    """The basin entropy of a map.

    Args:
        total: S_b, the mean entropy of all boxes, in nats.
        boundary: S_bb, the mean over boxes with more than one basin; nan if there is none. Above log 2 the boundary is
            fractal; below, nothing follows.
        boxes, boundary_boxes: how many boxes there are, and with more than one basin.
    """

    total: float
    boundary: float
    boxes: int
    boundary_boxes: int


@dataclass(frozen=True)
class UncertaintyExponent:
    """How the share of uncertain starts falls with the size of an error in them.

    Args:
        distance: (n,), the errors eps.
        uncertain: (n,), the share f of starts whose basin another start at that distance does not share.
        exponent: alpha in f ~ eps^alpha: 1 for a smooth boundary, below 1 for a fractal one.
        standard_error: of the exponent, from the scatter about the line; nan with two distances.
    """

    distance: NDArray[np.float64]
    uncertain: NDArray[np.float64]
    exponent: float
    standard_error: float

    @property
    def boundary_dimension(self) -> float:
        """2 - alpha, the box-counting dimension of the boundary in the plane."""
        return 2.0 - self.exponent

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Of the exponent, by Student's t from the scatter about the line; (nan, nan) with two distances.

        All distances see the same starts, so that their errors go together and the interval is that of the line, not of
        another set of starts.
        """
        if not 0 < confidence < 1:
            raise ValueError(f"Got confidence={confidence}; need a number in (0, 1), such as 0.95.")
        half = float(student.ppf((1 + confidence) / 2, max(1, len(self.distance) - 2))) * self.standard_error
        return self.exponent - half, self.exponent + half


@dataclass(frozen=True)
class BoxCount:
    """How many boxes of each size the boundary passes through.

    Args:
        cells: (n,), sides of the boxes.
        boxes: (n,), how many there are.
        mixed: (n,), how many have more than one label.
        dimension: D in mixed ~ side^-D.
        standard_error: of the dimension, from the scatter about the line; nan with two sizes.
    """

    cells: NDArray[np.int64]
    boxes: NDArray[np.int64]
    mixed: NDArray[np.int64]
    dimension: float
    standard_error: float


def basin_entropy(labels: ArrayLike, box: int = 5) -> BasinEntropy:
    """The mean entropy of the labels in small boxes.

        S_b = 1/N Σ_boxes Σ_labels p log(1/p),   S_bb = the same over the boxes that have more than one label

    Args:
        labels: (rows, columns) of a map.
        box: cells along the side of a box, 2 or more. Rows and columns beyond the last whole box are left out.

    Returns:
        BasinEntropy.

    Raises:
        ValueError: labels that are not 2-D, or smaller than a box.

    Source: Daza, Wagemakers, Georgeot, Guéry-Odelin and Sanjuán 2016, Scientific Reports 6, 31416, eqs. 3 to 6 and the
        section on the log 2 criterion.

    >>> basin_entropy([[0, 1], [0, 1]], box=2).boundary == math.log(2)
    True
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or box < 2 or min(labels.shape) < box:
        raise ValueError(
            f"Got labels {labels.shape} and box={box}; need 2-D labels with a whole box of 2 cells or more."
        )
    rows, columns = labels.shape[0] // box, labels.shape[1] // box
    blocks = labels[: rows * box, : columns * box].reshape(rows, box, columns, box)
    cells = blocks.transpose(0, 2, 1, 3).reshape(rows * columns, box * box)
    entropy = np.zeros(len(cells))
    for name in np.unique(cells):
        p = (cells == name).mean(1)
        entropy -= np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0)
    mixed = (cells != cells[:, :1]).any(1)
    return BasinEntropy(
        float(entropy.mean()) + 0.0,
        float(entropy[mixed].mean()) if mixed.any() else math.nan,
        len(cells),
        int(mixed.sum()),
    )


def uncertainty_exponent(
    labels: ArrayLike, *, spacing: float = 1.0, cells: Sequence[int] = (1, 2, 3, 4, 6, 8)
) -> UncertaintyExponent:
    """The exponent with which the share of uncertain starts falls with the error, by a straight line in logarithms.

        f(eps) = share of starts whose label differs from that of a start at +eps or -eps along a row;   f ~ eps^alpha

    A boundary along a row is not seen: transpose the labels. Of a smooth boundary alpha is below 1 by as much as boundaries
    lie nearer to each other than the errors.

    Args:
        labels: (rows, columns) of a map. Starts nearer to an edge than the largest error are left out.
        spacing: distance of neighbouring columns.
        cells: the errors in columns, two or more different ones.

    Returns:
        UncertaintyExponent; its exponent is nan where some error finds no uncertain start.

    Raises:
        ValueError: labels that are not 2-D or have too few columns, fewer than two errors, or a spacing <= 0.

    Source: Grebogi, McDonald, Ott and Yorke 1983, Physics Letters A 99, 415-418, where it is the definition.

    >>> stripe = np.tile(np.arange(200) < 100, (4, 1))
    >>> round(uncertainty_exponent(stripe).exponent, 12)
    1.0
    """
    labels, errors = np.asarray(labels), np.array(sorted(set(cells)))
    if labels.ndim != 2 or len(errors) < 2 or errors[0] < 1 or labels.shape[1] <= 2 * errors[-1]:
        raise ValueError(
            f"Got labels {labels.shape} and cells={tuple(cells)}; need 2-D labels, two different errors of 1 cell or more, "
            "and more columns than twice the largest."
        )
    if not spacing > 0:
        raise ValueError(f"Got spacing={spacing}; need the distance of neighbouring columns, > 0.")
    edge = errors[-1]
    middle = labels[:, edge : labels.shape[1] - edge]

    def moved(by: int) -> NDArray[np.bool_]:
        return np.asarray(labels[:, edge + by : labels.shape[1] - edge + by] != middle)

    uncertain = np.array([(moved(e) | moved(-e)).mean() for e in errors])
    distance = spacing * errors
    if (uncertain == 0).any():
        return UncertaintyExponent(distance, uncertain, math.nan, math.nan)
    line = linregress(np.log(distance), np.log(uncertain))
    error = float(line.stderr) if len(errors) > 2 else math.nan
    return UncertaintyExponent(distance, uncertain, float(line.slope), error)


def box_counting(labels: ArrayLike, cells: Sequence[int] = (1, 2, 3, 4, 6, 8, 12)) -> BoxCount:
    """The dimension of the boundary, by the boxes that it passes through.

        share of boxes of side n with more than one label  ~  n^(2 - D)

    A box of side n has (n + 1)^2 starts: its neighbours share their common side, so that no boundary is lost between
    boxes. The share, and not the number, makes sizes comparable that cover the map differently.

    Args:
        labels: (rows, columns) of a map.
        cells: sides, two or more different ones, each less than the rows and the columns.

    Returns:
        BoxCount; its dimension is nan where some size finds no boundary.

    Raises:
        ValueError: labels that are not 2-D or smaller than the largest box, or fewer than two sizes.

    Source: the definition of the box-counting dimension.

    >>> stripe = np.tile(np.arange(241) < 119, (241, 1))
    >>> round(box_counting(stripe).dimension, 12)
    1.0
    """
    labels, sizes = np.asarray(labels), np.array(sorted(set(cells)))
    if labels.ndim != 2 or len(sizes) < 2 or sizes[0] < 1 or min(labels.shape) <= sizes[-1]:
        raise ValueError(
            f"Got labels {labels.shape} and cells={tuple(cells)}; need 2-D labels, two different sizes of 1 cell or more, "
            "and more rows and columns than the largest."
        )
    boxes, mixed = [], []
    for n in sizes.tolist():
        view = np.lib.stride_tricks.sliding_window_view(labels, (n + 1, n + 1))[::n, ::n]
        boxes.append(view.shape[0] * view.shape[1])
        mixed.append(int((view != view[..., :1, :1]).any((2, 3)).sum()))
    count, met = np.array(boxes), np.array(mixed)
    if (met == 0).any():
        return BoxCount(sizes, count, met, math.nan, math.nan)
    line = linregress(np.log(sizes), np.log(met / count))
    return BoxCount(sizes, count, met, 2 - float(line.slope), float(line.stderr) if len(sizes) > 2 else math.nan)
