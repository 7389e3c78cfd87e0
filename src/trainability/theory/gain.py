"""How much a nonlinearity shrinks a Gaussian signal, and the weight gain that makes up for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trainability.theory.signal.gains import gain, second_moment
from trainability.theory.signal.table import ACTIVATIONS
from trainability.theory.signal.table import ActivationLike as Nonlinearity

__all__ = ["NONLINEARITIES", "Nonlinearity", "gain", "second_moment"]

NONLINEARITIES: dict[str, Callable[[Any], Any]] = {
    "identity": ACTIVATIONS["linear"],
    **ACTIVATIONS,
}
"""The named nonlinearities, callable on NumPy arrays; `gelu` is the exact one (with erf), `elu` has alpha 1.

It is the table `theory.signal.ACTIVATIONS`; `theory.signal.resolve` knows more spellings.
"""
