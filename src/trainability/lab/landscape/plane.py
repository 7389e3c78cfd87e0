"""Planes through the weights of a model: by random directions, by the paths of a training, or through three points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from trainability.lab.landscape._weights import Floats, weights_of
from trainability.lab.landscape.filters import Norm, Vectors, normalised


@dataclass(frozen=True, eq=False)
class Plane:
    """The weights origin + x u + y v.

    Args:
        kind: "random", "pca", "three points" or "given".
        corners: (3, P), the weights at (0, 0), (1, 0) and (0, 1).
        directions: (2, P), u and v.
        marks: (name, x, y) of places worth a mark.
        shares: of the paths' variance that lies along u and along v; empty where it was not asked.
        spans: ((low, high), (low, high)) of x and y that show what the plane was made for.
        through: values of x and of y that a grid should hold exactly.

    Raises:
        ValueError: directions that are no plane: one is 0, or a multiple of the other.
    """

    kind: str
    corners: Floats
    directions: Floats
    marks: tuple[tuple[str, float, float], ...] = ()
    shares: tuple[float, ...] = ()
    spans: tuple[tuple[float, float], tuple[float, float]] = ((-1.0, 1.0), (-1.0, 1.0))
    through: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        if self.corners.ndim != 2 or self.corners.shape[0] != 3 or self.directions.shape != (2, self.size):
            raise ValueError(
                f"corners and directions: given {self.corners.shape} and {self.directions.shape}, needed (3, P) and (2, P)."
            )
        if not (np.isfinite(self.corners).all() and np.isfinite(self.directions).all()):
            raise ValueError("The plane's weights are not finite; give weights from before the run was lost.")
        (uu, uv), (_, vv) = self.gram
        if not uu > 0 or not vv > 0 or uu * vv - uv * uv <= 1e-20 * uu * vv:
            raise ValueError(
                "The two directions make no plane: one is 0, or a multiple of the other. Give points that do not lie on one "
                "line."
            )

    @property
    def size(self) -> int:
        """P, the number of weights."""
        return int(self.corners.shape[1])

    @property
    def gram(self) -> Floats:
        """(2, 2), inner products of u and v: lengths and angle of the axes."""
        return self.directions @ self.directions.T

    def at(self, x: Any, y: Any) -> Floats:
        """The weights (..., P) at x and y (...).

        A plane through three points gives each of them to the last bit: there the weights are
        (1 - x - y) a + x b + y c; elsewhere a + x u + y v.
        """
        x, y = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        x, y = x[..., None], y[..., None]
        if self.kind == "three points":
            a, b, c = self.corners
            return (1 - x - y) * a + x * b + y * c
        return self.corners[0] + x * self.directions[0] + y * self.directions[1]

    def project(self, points: Any) -> tuple[Floats, Floats, Floats]:
        """Where the plane is nearest to some weights, and how far away they are.

        Args:
            points: (..., P).

        Returns:
            (x, y, distance), each (...).

        Raises:
            ValueError: another number of weights.
        """
        given = np.asarray(points, dtype=np.float64)
        if given.shape[-1:] != (self.size,):
            raise ValueError(f"points: given {given.shape}, needed (..., {self.size}), one number per weight.")
        apart = given - self.corners[0]
        xy = np.linalg.solve(self.gram, (apart @ self.directions.T)[..., None])[..., 0]
        left = apart - xy @ self.directions
        return xy[..., 0], xy[..., 1], np.linalg.norm(left, axis=-1)


def plane(origin: Any, u: Any, v: Any, kind: str = "given") -> Plane:
    """The plane through `origin` along u and v.

    Args:
        origin, u, v: (P,).

    Returns:
        Plane.

    Raises:
        ValueError: no plane.

    Example:
        >>> plane([0.0, 0.0, 1.0], [2.0, 0.0, 0.0], [0.0, 1.0, 0.0]).at(0.5, 3.0).tolist()
        [1.0, 3.0, 1.0]
    """
    o, u, v = (np.asarray(a, dtype=np.float64).reshape(-1) for a in (origin, u, v))
    if not len(o) == len(u) == len(v):
        raise ValueError(f"origin, u and v: given {len(o)}, {len(u)} and {len(v)} numbers, needed equally many.")
    return Plane(kind, np.stack([o, o + u, o + v]), np.stack([u, v]))


def random_plane(
    model: nn.Module,
    seed: int,
    *,
    norm: Norm = "filter",
    vectors: Vectors = "zero",
    weights: Floats | None = None,
) -> Plane:
    """The plane through a model's weights along two random directions, rescaled filter by filter.

    Args:
        model: at the weights to look around.
        seed: of the directions, N(0, 1) in each coordinate.
        norm, vectors: see `normalised`.
        weights: (P,), to look around in place of the model's own.

    Returns:
        Plane, the weights at (0, 0).

    Raises:
        ValueError: nothing is trained, or every filter is 0.

    Example:
        >>> random_plane(nn.Linear(3, 2), seed=0).size
        8
    """
    origin = weights_of(model) if weights is None else np.asarray(weights, dtype=np.float64)
    draws = np.random.default_rng(seed).standard_normal((2, len(origin)))
    u, v = (normalised(d, model, norm, vectors=vectors, weights=origin) for d in draws)
    return plane(origin, u, v, "random")


def pca_plane(paths: Sequence[Any], *, through: Any = None, margin: float = 0.25) -> Plane:
    """The plane that the points of some paths lie nearest to: their mean, and their two directions of largest variance.

    Args:
        paths: trajectories (T, P) each, or an array (E, T, P).
        through: (P,), to lay the plane through in place of the mean; the end of a run, say.
        margin: of the view around the paths, as a share of their extent.

    Returns:
        Plane with orthonormal directions and their shares of the variance. With three points or more on a random walk these
        shares are large too, so that they are no sign of a low dimension by themselves.

    Raises:
        ValueError: points on one line, or of different lengths.

    Source: Li, Xu, Taylor, Studer and Goldstein 2018, arXiv 1712.09913 (PCA directions of a trajectory); Antognini and
    Sohl-Dickstein 2018, "PCA of high dimensional random walks" (the warning).

    Example:
        >>> walk = np.array([[0.0, 0.0, 5.0], [4.0, 0.0, 5.0], [4.0, 1.0, 5.0]])
        >>> [round(s, 3) for s in pca_plane([walk]).shares]
        [0.957, 0.043]
    """
    each = [np.asarray(p, dtype=np.float64) for p in paths]
    if not each or any(p.ndim != 2 or not len(p) for p in each) or len({p.shape[1] for p in each}) > 1:
        raise ValueError(
            f"paths: given shapes {[p.shape for p in each]}, needed (T, P) each, with one number P of weights for all."
        )
    points = np.concatenate(each)
    points = points[np.isfinite(points).all(1)]
    if len(points) < 3:
        raise ValueError(f"paths: given {len(points)} points of finite weights, needed at least 3.")
    mean = points.mean(0)
    _, sizes, rows = np.linalg.svd(points - mean, full_matrices=False)
    if len(sizes) < 2 or sizes[1] <= 1e-10 * sizes[0]:
        raise ValueError("paths: the points lie on one line, needed a plane. Give further paths or three_points.")
    rows = rows[:2] * np.where(rows[np.arange(2), np.abs(rows[:2]).argmax(1)] < 0, -1.0, 1.0)[:, None]
    origin = mean if through is None else np.asarray(through, dtype=np.float64)
    made = plane(origin, rows[0], rows[1], "pca")
    x, y, _ = made.project(points)
    spans = tuple(_widened(v, margin) for v in (x, y))
    shares = sizes[:2] ** 2 / (sizes**2).sum()
    return Plane(
        "pca",
        made.corners,
        made.directions,
        shares=(float(shares[0]), float(shares[1])),
        spans=(spans[0], spans[1]),
        through=(),
    )


def three_points(
    a: Any, b: Any, c: Any, *, names: tuple[str, str, str] = ("a", "b", "c"), margin: float = 0.5
) -> Plane:
    """The plane through three points of weight space: a at (0, 0), b at (1, 0), c at (0, 1).

    Args:
        a, b, c: (P,), such as the ends of three runs.
        names: of the three, for the picture.
        margin: of the view around them.

    Returns:
        Plane, whose grid holds the three exactly.

    Raises:
        ValueError: points on one line.

    Source: Garipov, Izmailov, Podoprikhin, Vetrov and Wilson 2018, "Loss surfaces, mode connectivity, and fast ensembling
    of DNNs", arXiv 1802.10026, who draw such planes with the axes at right angles.

    Example:
        >>> three_points([0.1, 0.0], [0.7, 0.3], [0.2, 0.9]).at(0, 1).tolist()
        [0.2, 0.9]
    """
    points = [np.asarray(p, dtype=np.float64).reshape(-1) for p in (a, b, c)]
    if len({len(p) for p in points}) > 1:
        raise ValueError(f"a, b and c: given {[len(p) for p in points]} numbers, needed equally many.")
    corners = np.stack(points)
    return Plane(
        "three points",
        corners,
        corners[1:] - corners[0],
        marks=((names[0], 0.0, 0.0), (names[1], 1.0, 0.0), (names[2], 0.0, 1.0)),
        spans=((-margin, 1 + margin), (-margin, 1 + margin)),
        through=(0.0, 1.0),
    )


def _widened(values: Floats, margin: float) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = margin * (high - low)
    return low - room, high + room
