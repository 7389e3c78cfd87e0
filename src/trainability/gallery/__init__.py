"""The gallery: one reproduced result each, with its prediction, its figure and its check.

A new experiment is one file with `TITLE`, `SOURCE`, `run` and `figure` (see `_experiment.py`), one line below, and one
test.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from trainability.errors import UnknownNameError
from trainability.gallery._experiment import Claim, Experiment, Reproduction

__all__ = ["ALL", "Claim", "Experiment", "Reproduction", "get"]

ALL: tuple[str, ...] = (
    "saturated-softmax",
    "basins",
    "figure-5-ball",
    "figure-7-gating",
    "figure-8-symmetry-breaking",
    "figure-9-noise",
    "figure-10-critical-region",
    "loss-ladder",
    "online-learning",
    "negative-slopes",
    "single-relu-bias",
    "single-relu-crossing",
    "single-relu-optimizers",
    "single-relu-output-weight",
    "spurious-minima",
    "activation-histograms",
    "born-dead",
    "elbows",
    "order-to-chaos",
    "scaling-laws",
    "uniform-ranges",
    "lr-against-scale",
    "variance-recursion",
    "xavier-against-he",
    "zero-and-constant",
    "batch-noise",
    "better-minima",
    "catapult",
    "edge-of-stability",
    "landscapes",
    "lr-momentum",
    "momentum-by-direction",
    "newton-saddle",
    "quartic",
    "sparse-features",
    "fractal-boundary",
)  # fmt: skip
"""Names; the module is the name with underscores, and is loaded when it is asked for."""


def get(name: str) -> Experiment:
    """The experiment of that name.

    Args:
        name: one of `ALL`.

    Returns:
        Its module.

    Raises:
        UnknownNameError: none has it.

    Example:
        >>> get("saturated-softmax").TITLE
        'Which weights and which learning rate train a softmax with squared error'
    """
    if name not in ALL:
        raise UnknownNameError("experiment", name, list(ALL))
    return cast(Experiment, import_module(f"{__name__}.{name.replace('-', '_')}"))
