"""Closed forms in float64: no torch here, so that they also run where torch cannot.

Each member is one file; its functions are reached as `gain.gain`, `stability.adam`, `wilson.interval`.
"""

from trainability.theory import floors as floors
from trainability.theory import gain as gain
from trainability.theory import stability as stability
from trainability.theory import weight_std as weight_std
from trainability.theory import wilson as wilson

__all__ = ["floors", "gain", "stability", "weight_std", "wilson"]
