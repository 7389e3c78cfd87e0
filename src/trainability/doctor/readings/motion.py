"""How the run moved in its last steps: back and forth or on, and how noisy its gradients were."""

from __future__ import annotations

import math
from dataclasses import dataclass

NAN = math.nan


@dataclass(frozen=True)
class MotionReading:
    """How the run moved in its last steps, read on one fixed sample.

    Args:
        step: the first of the steps looked at; steps: how many.
        turn: median cosine between the sample's gradients before successive steps, in [-1, 1]: 1 goes on, -1 comes back.
        swing: (largest - smallest) / mean of the sample's loss over these steps.
        loss: mean of the sample's loss over these steps.
        sign_changes: share of neighbouring changes of the sample's loss that go opposite ways.
        noise_scale: tr(covariance of one sample's gradient) / |gradient|^2: samples in a batch at which noise and
            gradient are as large as each other; nan where it was not measured.
    """

    step: int = 0
    steps: int = 0
    turn: float = 0.8
    swing: float = 0.01
    loss: float = 0.05
    sign_changes: float = 0.2
    noise_scale: float = NAN
