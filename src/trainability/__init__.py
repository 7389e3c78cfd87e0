"""Will this neural network train, why not, and which change makes it train.

The names below load what they need when first used, so that `import trainability` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from trainability.errors import SetupError, TrainabilityError

if TYPE_CHECKING:
    from trainability.doctor import Diagnosis as Diagnosis
    from trainability.doctor import Finding as Finding
    from trainability.doctor import Remedy as Remedy
    from trainability.doctor import diagnose as diagnose  # type: ignore[no-redef]  # also a module's name
    from trainability.forecast import Forecast as Forecast
    from trainability.forecast import predict as predict  # type: ignore[no-redef]  # also a module's name
    from trainability.lab.phase import phase_diagram as phase_diagram
    from trainability.lab.sweep import Sweep as Sweep
    from trainability.prognosis import Preflight as Preflight
    from trainability.prognosis import assert_trainable as assert_trainable  # type: ignore[no-redef]  # also a module's name
    from trainability.prognosis import preflight as preflight  # type: ignore[no-redef]  # also a module's name
    from trainability.setup import Run as Run
    from trainability.setup import Setup as Setup
    from trainability.watch import watch as watch

__version__ = "0.1.0"

_HOMES = {
    "Setup": "trainability.setup",
    "Run": "trainability.setup",
    "diagnose": "trainability.doctor",
    "Diagnosis": "trainability.doctor",
    "Finding": "trainability.doctor",
    "Remedy": "trainability.doctor",
    "preflight": "trainability.prognosis",
    "Preflight": "trainability.prognosis",
    "assert_trainable": "trainability.prognosis",
    "predict": "trainability.forecast",
    "Forecast": "trainability.forecast",
    "Sweep": "trainability.lab.sweep",
    "phase_diagram": "trainability.lab.phase",
}

__all__ = [
    "Diagnosis",
    "Finding",
    "Forecast",
    "Preflight",
    "Remedy",
    "Run",
    "Setup",
    "SetupError",
    "Sweep",
    "TrainabilityError",
    "__version__",
    "assert_trainable",
    "diagnose",
    "phase_diagram",
    "predict",
    "preflight",
]


_PARTS = frozenset(
    (
        "theory",
        "measures",
        "initializers",
        "optimizers",
        "problems",
        "lab",
        "forecast",
        "curvature",
        "doctor",
        "gallery",
        "watch",
    )
)
"""Parts that are reached as `trainability.theory` without an import of their own."""


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return import_module(f"{__name__}.{name}")
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'trainability' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_PARTS})
