"""Activations tailored to a network, so that it trains deep without shortcuts or normalisation: DKS and TAT.

- `dks`, `tat`: the constants around an activation, for one layer's target or for a whole network's;
- `local_slope`, `local_curvature`, `local_negative_slope`: from the network's target to the layer's;
- `layer`, `identity`, `chain`, `plain`, `residual`, `largest`, `resnet`: a network, as an expression; any function
  (x, r) -> number will do.
"""

from trainability.theory.tailored.dks import dks
from trainability.theory.tailored.networks import (
    Network,
    chain,
    identity,
    largest,
    layer,
    local_curvature,
    local_negative_slope,
    local_slope,
    plain,
    residual,
    resnet,
)
from trainability.theory.tailored.tat import tat
from trainability.theory.tailored.transformed import Transformed

__all__ = [
    "Network",
    "Transformed",
    "chain",
    "dks",
    "identity",
    "largest",
    "layer",
    "local_curvature",
    "local_negative_slope",
    "local_slope",
    "plain",
    "residual",
    "resnet",
    "tat",
]
