"""What a network without biases cannot say."""

from __future__ import annotations

import math
from dataclasses import dataclass

NAN = math.nan


@dataclass(frozen=True)
class BiasReading:
    """Whether layers have biases, and what the symmetry of a network without any costs.

    Args:
        layers: linear and convolution layers that are modules.
        biases: vectors of parameters in the model: biases, and the shifts and scales of normalisations.
        symmetry: "ray" where the answers to c x are c times those to x for c > 0, "odd" where those to -x are the
            negative ones, "" for neither or where it was not measured.
        free: held-out share of the targets' variance (of classes as 0 and 1) that a forest explains.
        bound: the same for a forest with that symmetry; both nan where they were not asked.
    """

    layers: int = 3
    biases: int = 3
    symmetry: str = ""
    free: float = NAN
    bound: float = NAN
