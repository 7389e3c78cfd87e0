"""Nets that are born dead: some hidden layer gives 0 for every input, so that no gradient ever reaches the layers below.

`widths` are those of the hidden layers, N_1..N_{L-1} of an L-layer net; the output layer cannot die.

`bounds` has what is exact for one input and bounds for many, `two_rays` the case of one input dimension without biases,
`simulate` plain Monte Carlo for any data, biases and randomized asymmetric initialization.
"""

from trainability.theory.dead_units.bounds import bounds, largest_depth, one_point, smallest_width
from trainability.theory.dead_units.simulate import RAI_SIGMA, Born, simulate
from trainability.theory.dead_units.two_rays import Rays, two_rays

__all__ = [
    "RAI_SIGMA",
    "Born",
    "Rays",
    "bounds",
    "largest_depth",
    "one_point",
    "simulate",
    "smallest_width",
    "two_rays",
]
