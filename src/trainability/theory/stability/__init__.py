"""How each update rule moves on a quadratic: which learning rates are stable, which are best, and how fast each direction is.

On a direction of curvature l every rule here is a linear map of (weight, buffer), so that two numbers of that map, its
trace and its determinant, say everything. Names of rules are those of the functions in `limits`.

- `limits`: the largest stable lr of each rule; all are here by name (`heavy_ball`, `adam`, ...);
- `spectral_radius`, `critical_momentum`, `critical_weight`: growth per step, and the momentum that just does not swing;
- `optimum`: the best lr and momentum between a smallest and a largest curvature;
- `iterates`, `settling_steps`, `directions`, `flat_gain`: the path of each direction in closed form, how long it takes,
  and what directions without curvature do;
- `low_pass_filter`: the running average of the lecture form as a filter: gain, phase, cutoff, memory;
- `quartic`: gradient descent on x⁴, where the curvature is not constant.
"""

from trainability.theory.stability import low_pass_filter, optimum, quartic
from trainability.theory.stability.damping import critical_momentum, critical_weight
from trainability.theory.stability.directions import Directions, directions, flat_gain, settling_steps
from trainability.theory.stability.growth import RULES, spectral_radius
from trainability.theory.stability.iterates import iterates
from trainability.theory.stability.limits import (
    adadelta,
    adagrad,
    adam,
    adamax,
    adamw,
    amsgrad,
    gradient_descent,
    heavy_ball,
    low_pass,
    nesterov,
    newton,
    rmsprop,
)

__all__ = [
    "RULES",
    "Directions",
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "amsgrad",
    "critical_momentum",
    "critical_weight",
    "directions",
    "flat_gain",
    "gradient_descent",
    "heavy_ball",
    "iterates",
    "low_pass",
    "low_pass_filter",
    "nesterov",
    "newton",
    "optimum",
    "quartic",
    "rmsprop",
    "settling_steps",
    "spectral_radius",
]
