"""Which activations can die, which can saturate, and the smooth ones as functions."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

FLAT = frozenset({"relu"})
"""Kinds with a part where output and slope are exactly 0, so that a unit can be dead."""

SMOOTH: dict[str, Callable[[Tensor], Tensor]] = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}
"""Kinds that flatten out on both sides, so that a unit can saturate."""
