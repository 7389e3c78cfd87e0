"""Laws of a weight and of a bias, and the schemes by which both are usually drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np
from numpy.typing import NDArray

from trainability.errors import UnknownNameError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Normal:
    """N(0, std²).

    Args:
        std: above 0.
    """

    std: float

    def __post_init__(self) -> None:
        if not (isfinite(self.std) and self.std > 0):
            raise ValueError(f"Got std={self.std}; need a finite number above 0; for no spread take Constant(0).")

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Draw an array of that shape."""
        return rng.normal(0.0, self.std, shape)


@dataclass(frozen=True)
class Uniform:
    """U[-bound, bound].

    Args:
        bound: above 0.
    """

    bound: float

    def __post_init__(self) -> None:
        if not (isfinite(self.bound) and self.bound > 0):
            raise ValueError(f"Got bound={self.bound}; need a finite number above 0; for no spread take Constant(0).")

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Draw an array of that shape."""
        return rng.uniform(-self.bound, self.bound, shape)


@dataclass(frozen=True)
class Constant:
    """One value, for biases only.

    Args:
        value: any finite number; 0 for no bias.
    """

    value: float = 0.0

    def __post_init__(self) -> None:
        if not isfinite(self.value):
            raise ValueError(f"Got value={self.value}; need a finite number.")

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Give an array of that shape; `rng` is left alone."""
        return np.full(shape, self.value)


Law = Normal | Uniform | Constant
"""What a bias can be; a weight is Normal or Uniform."""

SCHEMES: dict[str, Callable[[int], tuple[Normal | Uniform, Law]]] = {
    "bias_as_weight": lambda d: (Normal(sqrt(1 / (d + 1))), Normal(sqrt(1 / (d + 1)))),
    "bias_as_he_weight": lambda d: (Normal(sqrt(2 / (d + 1))), Normal(sqrt(2 / (d + 1)))),
    "zero": lambda d: (Normal(sqrt(2 / d)), Constant(0.0)),
    "constant": lambda d: (Normal(sqrt(2 / d)), Constant(0.01)),
    "small": lambda d: (Normal(sqrt(2 / d)), Normal(0.01)),
    "torch_default": lambda d: (Uniform(1 / sqrt(d)), Uniform(1 / sqrt(d))),
}
"""Name -> (law of a weight, law of the bias) for a fan_in: `scheme` explains them."""


def scheme(name: str, fan_in: int) -> tuple[Normal | Uniform, Law]:
    """Give the laws of a weight and of the bias in one of the usual schemes.

        bias_as_weight      both N(0, 1/(fan_in + 1)): the bias is one more weight; the wide-layer choice without ReLU
        bias_as_he_weight   both N(0, 2/(fan_in + 1)): the same for ReLU
        zero                w ~ N(0, 2/fan_in), b = 0
        constant            w ~ N(0, 2/fan_in), b = 0.01
        small               w ~ N(0, 2/fan_in), b ~ N(0, 0.01²)
        torch_default       both U[-1/sqrt(fan_in), 1/sqrt(fan_in)]

    Args:
        name: a key of `SCHEMES`.
        fan_in: inputs of the unit, 1 or more.

    Returns:
        (weight, bias).

    Raises:
        UnknownNameError: another name.
        ValueError: a fan below 1.

    Source:
        He, Zhang, Ren and Sun 2015, arXiv 1502.01852, for 2/fan_in; torch.nn.Linear for the last.

    >>> scheme("torch_default", 4)
    (Uniform(bound=0.5), Uniform(bound=0.5))
    """
    if name not in SCHEMES:
        raise UnknownNameError("scheme", name, list(SCHEMES))
    if fan_in < 1:
        raise ValueError(f"Got fan_in={fan_in}; need 1 or more.")
    return SCHEMES[name](fan_in)


def check_weight(weight: object) -> None:
    """Refuse a weight that is not random."""
    if not isinstance(weight, (Normal, Uniform)):
        raise ValueError(f"Got weight={weight!r}; need Normal(std) or Uniform(bound).")
