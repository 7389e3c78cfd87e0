"""The boundary between the classes of a grid: where it is, how long, and of what dimension."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, gcd, hypot, log, pi

import numpy as np

REACH, MOST = 3, 24
"""Directions along which crossings are counted: all lattice vectors up to REACH of the longer spacing, MOST steps."""


def boundary(classes: np.ndarray) -> np.ndarray:
    """Which cells have one of their 4 neighbours in another class.

    Args:
        classes: (ny, nx), any type that compares.

    Returns:
        (ny, nx) of bool.

    >>> boundary(np.array([[0, 0, 1, 1]])).tolist()
    [[False, True, True, False]]
    """
    classes = np.asarray(classes)
    found = np.zeros(classes.shape, dtype=bool)
    across, up = classes[:, 1:] != classes[:, :-1], classes[1:] != classes[:-1]
    found[:, 1:] |= across
    found[:, :-1] |= across
    found[1:] |= up
    found[:-1] |= up
    return found


def boundary_length(classes: np.ndarray, width: float = 1.0, height: float = 1.0) -> float:
    """Length of the boundary on a map of a width and a height, by counting crossings with straight lines.

        L = 1/2 sum_k (angle_k) (number of crossings_k) (spacing_k)

    over families of parallel lattice lines, 16 directions where cells are square. For a smooth curve, coarser than the
    cells, within 1.2% (a straight one by its direction; a closed one within 0.5%); for a rough one it is the length at
    this resolution and grows with it. What the map's edge cuts has no length.

    Args:
        classes: (ny, nx) values at evenly spaced points, the outer ones on the map's edge.
        width, height: of the map, above 0.

    Returns:
        The length in the units of `width` and `height`; 0 for a map of one class or a single row or column.

    Raises:
        ValueError: classes that are no grid, or a width or height that is not above 0.

    Source:
        The Cauchy-Crofton formula of integral geometry.

    >>> x = np.linspace(-1, 1, 401)
    >>> round(boundary_length(x**2 + x[:, None] ** 2 < 0.5, 2.0, 2.0) / (2 * np.pi * 0.5**0.5), 2)
    1.0
    """
    classes = _grid(classes)
    if not (width > 0 and height > 0):
        raise ValueError(f"Got width={width}, height={height}; need both above 0.")
    ny, nx = classes.shape
    if nx < 2 or ny < 2:
        return 0.0
    dx, dy = width / (nx - 1), height / (ny - 1)
    far = REACH * max(dx, dy) * (1 + 1e-9)
    most_a, most_b = (min(int(far / d), MOST, n - 1) for d, n in ((dx, nx), (dy, ny)))
    lines = sorted(
        (atan2(b * dy, a * dx) % pi, a, b)
        for a in range(-most_a, most_a + 1)
        for b in range(most_b + 1)
        if gcd(abs(a), b) == 1 and (b > 0 or a > 0)
    )
    total = 0.0
    for i, (_, a, b) in enumerate(lines):
        after = lines[(i + 1) % len(lines)][0] + (pi if i + 1 == len(lines) else 0)
        ahead = lines[i - 1][0] - (pi if i == 0 else 0)
        one = classes[: ny - b, max(0, -a) : nx - max(0, a)]
        two = classes[b:, max(0, a) : nx + min(0, a)]
        # Pairs that would reach over the map's edge are missing: the others stand for them.
        whole = (nx - 1) * (ny - 1) / one.size
        total += (after - ahead) / 2 * float((one != two).sum()) * whole * dx * dy / hypot(a * dx, b * dy)
    return total / 2


@dataclass(frozen=True, eq=False)
class Dimension:
    """A box-counting dimension.

    Args:
        value: slope of ln N over ln 1/s; nan where there is no boundary or too few sizes.
        error: standard error of that slope from the scatter about the line; it knows nothing of sizes left out.
        sizes: (k,) of the boxes, in cells.
        boxes: (k,) how many boxes of each size the boundary meets, a mean over all positions of the boxes.
    """

    value: float
    error: float
    sizes: np.ndarray
    boxes: np.ndarray


def box_dimension(classes: np.ndarray, smallest: int | None = None, largest: int | None = None) -> Dimension:
    """The box-counting dimension of the boundary between the classes of a grid, in its own units.

        D = slope of ln N(s) over ln 1/s,   N(s) = (mean share of boxes of side s with two classes) (area)/s²

    taken over all positions of the boxes and sizes 1, 2, 4, ...

    Args:
        classes: (ny, nx), values at evenly spaced points.
        smallest, largest: sides of the boxes, in steps from point to point. By default from 4 (what is smaller sees the
            cells) to a sixteenth of the shorter side; from 1 to 4 where that leaves fewer than three sizes.

    Returns:
        Dimension. On 512 x 512 points within 0.02 of a straight line, 0.03 of a circle, 0.05 of Koch's curve and of
        Sierpinski's triangle; a map of fewer than some 100 points a side gives a rough number.

    Raises:
        ValueError: classes that are no grid, or sizes out of range.

    Source:
        The share of boxes as a function of their size is that of the uncertainty exponent, of McDonald, Grebogi, Ott and
        Yorke 1985, "Fractal basin boundaries".

    >>> half = np.tile(np.arange(257) > 100, (257, 1))
    >>> round(box_dimension(half).value, 2)
    1.0
    """
    classes = _grid(classes)
    _, numbers = np.unique(classes, return_inverse=True)
    top = numbers.reshape(classes.shape)
    ny, nx = classes.shape
    if largest is None:
        largest = max(min(nx, ny) // 16, 1 if smallest else 4)
    if smallest is None:
        smallest = 4 if largest >= 16 else 1
    if min(nx, ny) < 9:
        return Dimension(float("nan"), float("nan"), np.empty(0), np.empty(0))
    if not 1 <= smallest <= largest or largest >= max(2, min(nx, ny)):
        raise ValueError(
            f"Got sizes {smallest} to {largest} for {nx} x {ny} points; need 1 <= smallest <= largest < side."
        )
    bottom, size = top, 0
    sizes, boxes = [], []
    while True:
        step = size or 1
        if step >= min(top.shape):
            break
        corners = [(slice(None, -step), slice(step, None))[i] for i in (0, 1)]
        top = np.maximum.reduce([top[i, j] for i in corners for j in corners])
        bottom = np.minimum.reduce([bottom[i, j] for i in corners for j in corners])
        size = 2 * size or 1
        if size > largest:
            break
        mixed = float((top != bottom).mean())
        if size >= smallest and mixed > 0:
            room = ((nx - 1 - size) * (ny - 1 - size) * (nx - 1) * (ny - 1)) ** 0.5
            sizes.append(size)
            boxes.append(mixed * room / size**2)
    value, error = _slope([-log(s) for s in sizes], [log(n) for n in boxes])
    return Dimension(value, error, np.array(sizes), np.array(boxes))


def _slope(x: list[float], y: list[float]) -> tuple[float, float]:
    if len(x) < 3:
        return float("nan"), float("nan")
    across, up = np.array(x) - np.mean(x), np.array(y) - np.mean(y)
    slope = float((across @ up) / (across @ across))
    left = up - slope * across
    return slope, float(np.sqrt(left @ left / (len(x) - 2) / (across @ across)))


def _grid(classes: np.ndarray) -> np.ndarray:
    classes = np.asarray(classes)
    if classes.ndim != 2 or not classes.size:
        raise ValueError(f"classes: given shape {classes.shape}, needed (ny, nx), one or more of each.")
    return classes
