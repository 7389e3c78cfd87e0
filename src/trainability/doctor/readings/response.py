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
        bent_loss, bent_validation_loss: end of one run of the same network with ReLU between its layers; measured only
            where the network is affine and trains all the same, else nan.
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
    bent_loss: float = NAN
    bent_validation_loss: float = NAN

    @property
    def affine(self) -> bool:
        """Whether two or more weight layers make one affine map: float32 rounding stays under 1e-5 of the outputs' spread,
        and the flattest of the measured healthy networks, a GRU on small inputs, bends by 0.2.
        """
        return self.weight_layers >= 2 and not self.hidden_activations and self.bend <= 1e-4
