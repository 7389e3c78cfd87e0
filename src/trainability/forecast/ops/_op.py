"""What an operation gives: the law of its output, and how it hands a gradient back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor

from trainability.forecast.law import Law

Back = Callable[[Tensor], Tensor]
"""From the mean square (P, B) of the gradient at an output to that at an input."""


@dataclass(frozen=True)
class Step:
    """One operation in a wide network.

    Args:
        kind: "linear", "convolution", "activation", "normalisation", "sum", "embedding", "dropout", "scale", "view".
        law: of the output.
        backs: for each tensor that a gradient is handed back to, the tensor and how; empty where there is none.
        facts: what rules of advice read: sigma_w2, sigma_b2, phi.
    """

    kind: str
    law: Law
    backs: tuple[tuple[Tensor, Back], ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


class Known(Protocol):
    """What an operation may ask about its inputs."""

    inputs: int

    def law(self, x: Tensor) -> Law | None:
        """The law of a tensor that theory has followed; None elsewhere."""
        ...

    def entry(self, x: Tensor, feature: int) -> Law | None:
        """The law of x; where there is none, as measured, with its features in that dimension."""
        ...


Forward = Callable[[Known, tuple[Any, ...], dict[str, Any], Tensor], Step | None]
"""(what is known, positional and keyword arguments of the call, its output) -> Step, or None outside theory."""


def argument(args: tuple[Any, ...], kwargs: dict[str, Any], at: int, name: str, default: Any = None) -> Any:
    """One argument of a call, by place or by name."""
    return args[at] if len(args) > at else kwargs.get(name, default)


def two_moments(w: Tensor | None) -> tuple[float, float]:
    """Mean and mean square of a tensor's entries; zeros for None."""
    if w is None or w.numel() == 0:
        return 0.0, 0.0
    w = w.detach().double()
    return float(w.mean()), float((w * w).mean())
