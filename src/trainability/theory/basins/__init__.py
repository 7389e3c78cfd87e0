"""Which critical point each start reaches: maps of 2-D slices of initial space, their shares, and their boundaries."""

from trainability.theory.basins.boundary import BasinEntropy, UncertaintyExponent, basin_entropy, uncertainty_exponent
from trainability.theory.basins.endpoints import cluster, same_network
from trainability.theory.basins.maps import BasinMap, Share, Slice, basin_map, shares
from trainability.theory.basins.separatrix import Separatrix, separatrix

__all__ = [
    "BasinEntropy",
    "BasinMap",
    "Separatrix",
    "Share",
    "Slice",
    "UncertaintyExponent",
    "basin_entropy",
    "basin_map",
    "cluster",
    "same_network",
    "separatrix",
    "shares",
    "uncertainty_exponent",
]
