"""An activation shifted and scaled on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from trainability.theory.signal import Activation, resolve
from trainability.theory.signal.table import ActivationLike


@dataclass(frozen=True)
class Transformed:
    """f(u) = output_scale (phi(input_scale u + input_shift) + output_shift).

    A NumPy function; `activation` is the record that all of `theory.signal` takes.

    Args:
        base: phi, a name, an `Activation`, or a function.
        input_scale: factor on the argument, above 0.
        input_shift: added to the scaled argument.
        output_shift: added to phi.
        output_scale: factor on the result.
        negative_slope: of a leaky ReLU phi whose slope was solved for; None for all others.

    >>> Transformed("relu", output_scale=2.0)(3.0)
    6.0
    """

    base: ActivationLike
    input_scale: float = 1.0
    input_shift: float = 0.0
    output_shift: float = 0.0
    output_scale: float = 1.0
    negative_slope: float | None = None

    def __call__(self, u: Any) -> Any:
        """f(u), elementwise."""
        return self.activation(u)

    @cached_property
    def activation(self) -> Activation:
        """F with its derivatives and kinks, for `theory.signal`."""
        phi, a, b, d, g = (
            resolve(self.base),
            self.input_scale,
            self.input_shift,
            self.output_shift,
            self.output_scale,
        )
        second = phi.second_derivative
        return Activation(
            function=lambda u: g * (phi(a * np.asarray(u) + b) + d),
            derivative=lambda u: g * a * phi.slope(a * np.asarray(u) + b),
            second_derivative=None if second is None else lambda u: g * a * a * second(a * np.asarray(u) + b),
            kinks=tuple((k - b) / a for k in phi.kinks),
            name=f"transformed {phi.name}",
        )
