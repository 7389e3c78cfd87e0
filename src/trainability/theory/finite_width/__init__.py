"""What finite width does to a random ReLU net: exact moments and laws of the size of signals and gradients.

The net is x_l = phi(W_l x_{l-1}), l = 1..L, without biases, phi ReLU or leaky ReLU, weights independent with std
gain / sqrt(fan_in); M_l = |x_l|²/n_l is the mean square of layer l. In all of it M_L/M_0 may be read as
(|J u|²/n_L) / (|u|²/n_0) for the Jacobian J at any input x and any direction u: the law is the same, because the sign of
a row decides its gate and the row's square does not know its sign.

`moments` has the moments (which a few rare nets make), `logs` the law of log M (what a typical net does), `jacobian` the
spread of the singular values of J.
"""

from trainability.theory.finite_width.jacobian import spectrum_variance
from trainability.theory.finite_width.logs import LogSize, log_size
from trainability.theory.finite_width.moments import (
    beta,
    concentration,
    dead_probability,
    mean,
    moment,
    samples_needed,
    second_moment,
)

__all__ = [
    "LogSize",
    "beta",
    "concentration",
    "dead_probability",
    "log_size",
    "mean",
    "moment",
    "samples_needed",
    "second_moment",
    "spectrum_variance",
]
