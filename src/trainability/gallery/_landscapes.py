"""Functions of two variables on which update rules are compared, with gradients, and races of rules down all of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, inf, pi, sin

import torch
from torch import Tensor

from trainability.optimizers import Newton, Rule

Pair = tuple[Tensor, Tensor]

CONDITION = 100.0
"""Of the quadratics: largest over smallest curvature; the smallest is 1."""
SLOPE, SOFT, FLOOR = 10.0, 0.1, 0.1
"""Of the ravine: slope of its walls, width of its bottom, curvature of its floor."""


@dataclass(frozen=True)
class Landscape:
    """One function f(x, y), given in coordinates (u, v) that may be turned against (x, y).

    Args:
        name: what figures call it.
        formula: (u, v) to f - f*, the gap above its least value, elementwise.
        slopes: (u, v) to its two derivatives.
        box: starts are uniform in (u low, u high, v low, v high).
        angle: from (u, v) to (x, y), radians.
        annulus: starts are uniform in radius and angle between these radii, instead of in the box.
    """

    name: str
    formula: Callable[[Tensor, Tensor], Tensor]
    slopes: Callable[[Tensor, Tensor], Pair]
    box: tuple[float, float, float, float]
    angle: float = 0.0
    annulus: tuple[float, float] | None = None

    def value(self, w: Tensor) -> Tensor:
        """Give the gap of points (..., 2), shape (...)."""
        return self.formula(*self._inside(w))

    def gradient(self, w: Tensor) -> Tensor:
        """Give the gradient at points (..., 2), in the same shape."""
        u, v = self.slopes(*self._inside(w))
        c, s = cos(self.angle), sin(self.angle)
        return torch.stack((c * u - s * v, s * u + c * v) if self.angle else (u, v), -1)

    def starts(self, count: int, seed: int) -> Tensor:
        """Give random starts, (count, 2) in float64; one seed gives the same (u, v) whatever the angle."""
        a, b = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).T
        if self.annulus:
            low, high = self.annulus
            r, turn = low + (high - low) * a, 2 * pi * b
            u, v = r * turn.cos(), r * turn.sin()
        else:
            u = self.box[0] + (self.box[1] - self.box[0]) * a
            v = self.box[2] + (self.box[3] - self.box[2]) * b
        c, s = cos(self.angle), sin(self.angle)
        return torch.stack((c * u - s * v, s * u + c * v) if self.angle else (u, v), -1)

    def _inside(self, w: Tensor) -> Pair:
        x, y = w[..., 0], w[..., 1]
        if not self.angle:
            return x, y
        c, s = cos(self.angle), sin(self.angle)
        return c * x + s * y, c * y - s * x


def _wall(v: Tensor) -> Tensor:
    return (v * v + SOFT * SOFT).sqrt()


def _beale(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return 1.5 - x + x * y, 2.25 - x + x * y**2, 2.625 - x + x * y**3


def _beale_slopes(x: Tensor, y: Tensor) -> Pair:
    a, b, c = _beale(x, y)
    return 2 * (a * (y - 1) + b * (y**2 - 1) + c * (y**3 - 1)), 2 * x * (a + 2 * b * y + 3 * c * y**2)


def _bell(x: Tensor, y: Tensor) -> Tensor:
    return (-(x * x + y * y) / 2).exp()


def _quadratic(x: Tensor, y: Tensor) -> Tensor:
    return (x * x + CONDITION * y * y) / 2


def _quadratic_slopes(x: Tensor, y: Tensor) -> Pair:
    return x, CONDITION * y


ALL: tuple[Landscape, ...] = (
    Landscape("quadratic", _quadratic, _quadratic_slopes, (-2, 2, -2, 2)),
    Landscape("quadratic, turned", _quadratic, _quadratic_slopes, (-2, 2, -2, 2), angle=pi / 4),
    Landscape(
        "ravine, turned",
        lambda u, v: FLOOR * u * u / 2 + SLOPE * (_wall(v) - SOFT),
        lambda u, v: (FLOOR * u, SLOPE * v / _wall(v)),
        (-3, 3, -3, 3),
        angle=pi / 6,
    ),
    Landscape(
        "saddle",
        lambda x, y: (x * x - 1) ** 2 / 4 + y * y / 2,
        lambda x, y: (x**3 - x, y),
        (-1.5, 1.5, -1.5, 1.5),
    ),
    Landscape(
        "plateau",
        lambda x, y: -torch.expm1(-(x * x + y * y) / 2),
        lambda x, y: (x * _bell(x, y), y * _bell(x, y)),
        (-5, 5, -5, 5),
        annulus=(2.0, 5.0),
    ),
    Landscape(
        "Rosenbrock",
        lambda x, y: (1 - x) ** 2 + 100 * (y - x * x) ** 2,
        lambda x, y: (-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)),
        (-2, 2, -1, 3),
    ),
    Landscape(
        "Beale",
        lambda x, y: sum((p * p for p in _beale(x, y)), torch.zeros_like(x)),
        _beale_slopes,
        (-4.5, 4.5, -4.5, 4.5),
    ),
)
"""The turned quadratic is the same function with the same starts, turned by 45 degrees."""


def get(name: str) -> Landscape:
    """The landscape of that name."""
    return next(land for land in ALL if land.name == name)


def race(
    rule: Rule, lands: Sequence[Landscape], starts: Tensor, steps: int, target: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Take every start down its landscape, all in one stack.

    Args:
        rule: its values per member are in the order of `starts`, flat.
        lands: L landscapes.
        starts: (L, M, 2).
        steps: updates.
        target: the gap at which a run has arrived.

    Returns:
        The first step from which the gap stays at or below the target, (L, M), infinite where it is above it at the end; the
        last points (L, M, 2); the first steps' path of member 0 of each landscape, (steps + 1, L, 2).
    """
    shape = starts.shape

    def gaps(w: Tensor) -> Tensor:
        parts = w.view(shape)
        return torch.cat([land.value(parts[i]) for i, land in enumerate(lands)])

    newton = isinstance(rule, Newton)
    if newton:
        from dataclasses import replace

        rule = replace(rule, loss=lambda p: gaps(p["w"]))  # type: ignore[type-var]
    params = {"w": starts.reshape(-1, 2).clone()}
    state = rule.init(params)
    outside = torch.full((len(params["w"]),), -1.0, dtype=torch.float64)
    path = [params["w"].view(shape)[:, 0].clone()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # singular Hessians are part of what is measured
        for t in range(steps + 1):
            outside[~(gaps(params["w"]) <= target)] = t
            if t == steps:
                break
            parts = params["w"].view(shape)
            grad = torch.cat([land.gradient(parts[i]) for i, land in enumerate(lands)])
            rule.step_(params, {"w": grad}, state)
            path.append(params["w"].view(shape)[:, 0].clone())
    outside[outside == steps] = inf
    return (outside + 1).view(shape[:2]), params["w"].view(shape), torch.stack(path)
