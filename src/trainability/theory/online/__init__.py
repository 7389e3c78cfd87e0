"""Online learning of two-layer ReLU networks in high dimension, at any learning rate.

A student learns from a teacher by one step of gradient descent per fresh example. Its overlaps with itself (Q) and with
the teacher (R) obey ordinary differential equations, exact for input dimension N to infinity at fixed steps/N.

- `orthants`, `integrals`: the Gaussian averages P2, P3, P4 and I2, I3, I4;
- `equations`: `rates`, `flow_rates`, `generalisation_error`;
- `integrate`, `flow`: learning curves, at a finite learning rate and in the limit of small ones;
- `simulate`, `simulate_overlaps`: the stochastic process itself;
- `largest_eta`, `spectrum`: which learning rates converge.
"""

from trainability.theory.online import integrals, orthants
from trainability.theory.online.equations import Rates, flow_rates, generalisation_error, rates
from trainability.theory.online.integrate import Curves, flow, integrate
from trainability.theory.online.simulate import Simulation, simulate, simulate_overlaps
from trainability.theory.online.stability import Spectrum, largest_eta, spectrum

__all__ = [
    "Curves",
    "Rates",
    "Simulation",
    "Spectrum",
    "flow",
    "flow_rates",
    "generalisation_error",
    "integrals",
    "integrate",
    "largest_eta",
    "orthants",
    "rates",
    "simulate",
    "simulate_overlaps",
    "spectrum",
]
