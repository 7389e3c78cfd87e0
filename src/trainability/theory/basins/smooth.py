"""What a smooth boundary, known as pieces of line, makes of basin entropy and of the share of uncertain starts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class SmoothEntropy:
    """The basin entropy that a smooth boundary has.

    Args:
        total: S_b, the mean entropy of all boxes, in nats.
        boundary: S_bb, the mean over boxes with two basins; nan without a boundary.
    """

    total: float
    boundary: float


def smooth_entropy(segments: ArrayLike, spacing: tuple[float, float], box: int, boxes: int) -> SmoothEntropy:
    """The basin entropy of a map whose boundary consists of these pieces of line, two basins at each.

        S_b = 1/N sum_pieces length · s(direction),   S_bb = sum length · s / sum length · width,
        s = ∫ H(p(u)) du,   width = ∫ 1{0 < p(u) < 1} du

    in units of a box's sides: p(u) is the share of a box's starts on one side of a line of that direction at distance u from
    the box's middle, and H(p) = -p log p - (1 - p) log(1 - p). Boxes lie at all distances equally often, which holds for a
    curve and for a line whose slope in units of the cells is not a simple fraction.

    Args:
        segments: (n, 2, 2), ends (s, t) of each piece.
        spacing: distances of neighbouring columns and rows.
        box: cells along the side of a box, 2 or more.
        boxes: N, how many boxes the map has.

    Returns:
        SmoothEntropy. Boxes with three basins, or two pieces of boundary, are not accounted for.

    Raises:
        ValueError: segments of another shape, or a number out of range.

    Source: derived here by the mean over positions of a lattice, for Daza and others 2016, Scientific Reports 6, 31416.

    >>> upright = smooth_entropy([[[0.0, 0.0], [0.0, 10.0]]], (1.0, 1.0), box=2, boxes=25)
    >>> round(upright.boundary, 6) == round(math.log(2), 6), round(upright.total / math.log(2), 6)
    (True, 0.1)
    """
    pieces = np.asarray(segments, float)
    if pieces.ndim != 3 or pieces.shape[1:] != (2, 2):
        raise ValueError(f"Got segments {pieces.shape}; need (n, 2, 2), the ends of each piece.")
    if box < 2 or boxes < 1 or not min(spacing) > 0:
        raise ValueError(f"Got box={box}, boxes={boxes}, spacing={spacing}; need box >= 2, boxes >= 1, spacing > 0.")
    along = (pieces[:, 1] - pieces[:, 0]) / (box * np.asarray(spacing))
    long = np.hypot(*along.T)
    along, long = along[long > 0], long[long > 0]
    if not len(long):
        return SmoothEntropy(0.0, math.nan)
    across = np.stack([-along[:, 1], along[:, 0]], 1) / long[:, None]
    middle = (np.arange(box) + 0.5) / box
    starts = np.stack(np.meshgrid(middle, middle), -1).reshape(-1, 2)
    height = np.sort(across @ starts.T, axis=1)
    p = np.arange(1, box * box) / box**2
    entropy = -p * np.log(p) - (1 - p) * np.log(1 - p)
    mixed = np.diff(height, axis=1)
    total, width = float(long @ (mixed @ entropy)), float(long @ mixed.sum(1))
    return SmoothEntropy(total / boxes, total / width)


def uncertain_share(
    segments: ArrayLike, distance: ArrayLike, s: tuple[float, float], t: tuple[float, float]
) -> NDArray[np.float64]:
    """The share of starts of a rectangle whose label a start at +eps or -eps in s does not share, at a smooth boundary.

        f(eps) = 2 eps · (extent in t of all pieces within) / area

    Args:
        segments: (n, 2, 2), ends (s, t) of each piece; those count whose middle is in the rectangle.
        distance: (m,), errors eps, smaller than the distance of boundaries from each other.
        s, t: (low, high) of the rectangle.

    Returns:
        (m,).

    Raises:
        ValueError: an empty rectangle, or segments of another shape.

    Source: Cavalieri's principle.

    >>> uncertain_share([[[0.0, 0.0], [0.5, 1.0]]], [0.01], (-1.0, 1.0), (0.0, 1.0)).tolist()
    [0.01]
    """
    pieces = np.asarray(segments, float)
    if pieces.ndim != 3 or pieces.shape[1:] != (2, 2) or not (s[0] < s[1] and t[0] < t[1]):
        raise ValueError(f"Got segments {pieces.shape}, s={s}, t={t}; need (n, 2, 2) and low < high in both.")
    middle = pieces.mean(1)
    inside = (middle[:, 0] > s[0]) & (middle[:, 0] < s[1]) & (middle[:, 1] > t[0]) & (middle[:, 1] < t[1])
    extent = np.abs(pieces[inside, 1, 1] - pieces[inside, 0, 1]).sum()
    return np.asarray(2 * np.asarray(distance, float) * extent / ((s[1] - s[0]) * (t[1] - t[0])), np.float64)
