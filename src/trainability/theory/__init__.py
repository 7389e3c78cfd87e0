"""Closed forms in float64 NumPy: no torch, so that it can also run where torch cannot.

A member is a module, reached as `theory.wilson.interval`; the functions named in `_FUNCTIONS` are reached directly.
Both load when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

# One line per module.
_MODULES = (
    "floors",
    "gain",
    "stability",
    "weight_std",
    "wilson",
)

# Function -> module; one line per function that is reached as `theory.function`.
_FUNCTIONS: dict[str, str] = {}

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
