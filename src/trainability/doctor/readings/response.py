"""How the untrained network answers to inputs that are mixed and scaled."""

from __future__ import annotations

import math
from dataclasses import dataclass

NAN = math.nan


@dataclass(frozen=True)
class ResponseReading:
    """How the untrained network answers to inputs that are mixed and scaled.

    Args:
        bend: rms of f((x + y)/2) - (f(x) + f(y))/2 and of the same beyond both, over the outputs' standard deviation
            across inputs, f the outputs before a last activation; 0 for an affine map, nan where it was not measured.
        weight_layers: calls of layers with weights in one pass.
        hidden_activations: known activations among the calls, without the last one.
        linear_loss: the smallest loss that an affine map of the inputs reaches on the sample, with the network's last
            activation; measured only where `bend` is 0, else nan.
        linear_score: its accuracy or R2.
        growth: the largest power by which one weight layer's output grows with the output of the one before, when the
            inputs are scaled; 1 for ReLU, 2 for a square; nan where it was not measured.
        total_growth: the power by which the last weight layer's output grows with the inputs.
        grows_between: the two layers between which `growth` was seen.
        finite: whether every layer's output is finite at the inputs as they are.
    """

    bend: float = 0.3
    weight_layers: int = 4
    hidden_activations: int = 3
    linear_loss: float = NAN
    linear_score: float = NAN
    growth: float = 1.0
    total_growth: float = 1.0
    grows_between: tuple[str, str] = ("", "")
    finite: bool = True
