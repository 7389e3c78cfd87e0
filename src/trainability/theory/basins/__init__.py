"""Which critical point each start reaches: maps of 2-D slices of initial space, their shares, and their boundaries."""

from trainability.theory.basins.boundary import (
    BasinEntropy,
    BoxCount,
    UncertaintyExponent,
    basin_entropy,
    box_counting,
    uncertainty_exponent,
)
from trainability.theory.basins.edge import EdgeState, edge_state
from trainability.theory.basins.endpoints import cluster, same_network
from trainability.theory.basins.maps import BasinMap, Share, Slice, basin_map, shares
from trainability.theory.basins.separatrix import Separatrix, bisected, separatrix
from trainability.theory.basins.smooth import SmoothEntropy, smooth_entropy, uncertain_share

__all__ = [
    "BasinEntropy",
    "BasinMap",
    "BoxCount",
    "EdgeState",
    "Separatrix",
    "Share",
    "Slice",
    "SmoothEntropy",
    "UncertaintyExponent",
    "basin_entropy",
    "basin_map",
    "bisected",
    "box_counting",
    "cluster",
    "edge_state",
    "same_network",
    "separatrix",
    "shares",
    "smooth_entropy",
    "uncertain_share",
    "uncertainty_exponent",
]
