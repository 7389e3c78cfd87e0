"""Closed forms in float64 NumPy: no torch, so that it can also run where torch cannot.

A member is a module, reached as `theory.wilson.interval`; the functions named in `_FUNCTIONS` are reached directly.
Both load when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

# One line per module.
_MODULES = (
    "ball_probability",
    "basins",
    "critical_points",
    "critical_region",
    "dead_units",
    "deep_gradient",
    "depth_scaling",
    "descent",
    "elbows",
    "families",
    "finite_width",
    "floors",
    "gain",
    "gating",
    "gradient_flow",
    "normal_equations",
    "one_relu",
    "online",
    "signal",
    "single_relu",
    "stability",
    "symmetric_dynamics",
    "tailored",
    "teacher_student",
    "weight_std",
    "wilson",
)

# Function -> module; one line per function that is reached as `theory.function`.
_FUNCTIONS: dict[str, str] = {
    "descend": "descent",
    "flow": "gradient_flow",
}

__all__ = [*_MODULES, *_FUNCTIONS]


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS:
        value = getattr(import_module(f"{__name__}.{_FUNCTIONS[name]}"), name)
    elif name in _MODULES:
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value
