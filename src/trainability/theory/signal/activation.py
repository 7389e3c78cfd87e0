"""An activation function with what the theory needs to know about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trainability.theory.signal._numbers import Array
from trainability.theory.signal._pieces import Pieces, pieces

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class ClosedForms:
    """Gaussian means of an activation that need no quadrature, as functions of q and of the correlation c.

    u1, u2 are Gaussian of mean 0, variance q and correlation c. `gap` takes 1 - c, so that c near 1 loses no digits.
    """

    mean_square: Callable[[Array], Array]
    """q -> E phi(u1)²."""
    slope_square: Callable[[Array], Array]
    """q -> E phi'(u1)²."""
    pair: Callable[[float, Array], Array]
    """(q, c) -> E phi(u1) phi(u2)."""
    slope_pair: Callable[[float, Array], Array]
    """(q, c) -> E phi'(u1) phi'(u2)."""
    gap: Callable[[float, Array], Array] | None = None
    """(q, 1 - c) -> E phi(u1)² - E phi(u1) phi(u2)."""


@dataclass(frozen=True, eq=False)
class Activation:
    """An activation function, its derivatives, its kinks, and closed forms where they exist.

    Everything but `function` is optional: kinks are found by bisection, the derivative is that of a piecewise
    polynomial of degree 15, and Gaussian means are quadratures.

    Args:
        function: phi, elementwise on float64 arrays. One that takes single numbers only works too, slower.
        derivative: phi', elementwise.
        second_derivative: phi'' between the kinks, elementwise.
        kinks: where phi or phi' is not smooth.
        closed: closed forms.
        slopes: phi'(0-), phi'(0+) if phi(u) = u phi'(sign u) for all u, as for the ReLU (0, 1); else None.
        name: what to call it in messages.

    Raises:
        ValueError: for a function that returns another shape, or mixes the entries of its argument.

    >>> square = Activation(lambda u: u**2, name="square")
    >>> square(np.array([1.0, 3.0]))
    array([1., 9.])
    """

    function: Function
    derivative: Function | None = None
    second_derivative: Function | None = None
    kinks: tuple[float, ...] = ()
    closed: ClosedForms | None = None
    slopes: tuple[float, float] | None = None
    name: str = "activation"
    _memo: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Find out how the function takes its argument, once."""
        self._memo["elementwise"] = _elementwise(self.function, self.name)

    def __call__(self, u: Any) -> Any:
        """phi(u), elementwise: an array of the shape of `u`."""
        with np.errstate(all="ignore"):
            values = self._memo["elementwise"](np.asarray(u, dtype=np.float64))
        return values if np.ndim(u) else float(values)

    def slope(self, u: Any) -> Any:
        """phi'(u), elementwise; without a `derivative`, that of the piecewise polynomial."""
        x = np.asarray(u, dtype=np.float64)
        if self.derivative is not None:
            with np.errstate(all="ignore"):
                values = np.broadcast_to(np.asarray(self.derivative(x), dtype=np.float64), x.shape)
        else:
            values = self.pieces(float(np.abs(x).max(initial=0.0))).derivative(x)
        return values if np.ndim(u) else float(values)

    def pieces(self, reach: float) -> Pieces:
        """Panels on which phi is a polynomial of degree 15 to its residual, at least to |u| <= reach."""
        power = 4 ** max(2, int(np.ceil(np.log2(max(reach, 1.0)) / 2)))
        if power not in self._memo:
            functions: list[Callable[[Array], Array]] = [self.__call__]
            if self.derivative is not None:
                functions.append(self.slope)
            with np.errstate(all="ignore"):
                self._memo[power] = pieces(functions, self.kinks, float(power))
        return self._memo[power]

    def slopes_at_zero(self) -> tuple[float, float]:
        """phi'(0-) and phi'(0+)."""
        return float(self.slope(-(2.0**-60))), float(self.slope(2.0**-60))

    def slopes_far(self) -> tuple[float, float]:
        """The limits of phi(u)/u for u to minus and plus infinity, measured at |u| = 1e9."""
        if self.slopes is not None:
            return self.slopes
        return float(self(-1e9)) / -1e9, float(self(1e9)) / 1e9

    @property
    def jumps(self) -> bool:
        """Whether phi itself is not continuous, so that E phi'² is infinite."""
        return self.pieces(1.0).jumps


_PROBE = np.array([-2.3, -1.0, -0.4, 0.0, 0.7, 1.0, 3.1])


def _elementwise(function: Function, name: str) -> Callable[[Array], Array]:
    """`function` as one that surely takes and gives float64 arrays of one shape."""

    def one_by_one(u: Array) -> Array:
        return np.array([_number(function(float(x)), name) for x in u.ravel()], dtype=np.float64).reshape(u.shape)

    def at_once(u: Array) -> Array:
        values = np.asarray(function(u), dtype=np.float64)
        if values.shape != u.shape:
            raise _shape(name, values.shape, u.shape)
        return values

    try:
        with np.errstate(all="ignore"):
            values = np.asarray(function(_PROBE.copy()), dtype=np.float64)
    except Exception:  # a function of single numbers, such as math.tanh or lambda z: max(z, 0); others fail below
        one_by_one(_PROBE)
        return one_by_one
    if values.shape not in (_PROBE.shape, ()):
        raise _shape(name, values.shape, _PROBE.shape)
    with np.errstate(all="ignore"):
        single = np.array([_number(function(np.array([x])), name) for x in _PROBE])
    if not np.allclose(np.broadcast_to(values, _PROBE.shape), single, rtol=1e-5, atol=1e-7, equal_nan=True):
        raise ValueError(
            f"Got {name}, whose value at one entry depends on the other entries; need an elementwise function. "
            "Softmax and normalisations are none."
        )
    return at_once if values.shape else lambda u: np.full(u.shape, float(values))


def _number(value: Any, name: str) -> float:
    x = np.asarray(value, dtype=np.float64)
    if x.size != 1:
        raise _shape(name, x.shape, (1,))
    return float(x.reshape(()))


def _shape(name: str, given: tuple[int, ...], wanted: tuple[int, ...]) -> ValueError:
    return ValueError(
        f"Got {name}, which returns shape {given} for an argument of shape {wanted}; need the same shape. "
        "Give an elementwise function of NumPy arrays."
    )
