"""Spontaneous symmetry breaking: K ReLUs learning an orthonormal teacher from a symmetric start, in two variables.

Student j is w_j = x v_j + y sum_{i != j} v_i, so W = x I + y (11' - I) in the teacher's basis. The flow keeps this form;
with rho^2 = x^2 + (K-1) y^2, angles theta = (w_1, v_1), phi* = (w_1, v_2), phi = (w_1, w_2),

    A = (pi - phi)(x - 1 + (K-1) y),   C = (K-1)(sin phi*/rho - sin phi) + sin theta/rho
    2 pi dx/dt = -[ A + phi (x-1) + theta - C x ]
    2 pi dy/dt = -[ A + phi y + phi* - phi - C y ]

On x = y all students are one; it holds a saddle. From x > y the flow goes to the teacher (1, 0); from x < y, for K >= 3,
to another critical point, which is a spurious minimum of the full problem from K = 6 on.

- `weights`, `loss`, `loss_at_zero`, `squared_error`: what a point of the plane stands for;
- `field`, `jacobian`: the flow there;
- `saddle`, `saddle_spectrum`, `opposite_point`: critical points in closed form;
- `critical_points`, `newton`: all that can be found;
- `descend`, `flow`, `time_to_reach`: paths, in steps and in the limit of small ones.
"""

from __future__ import annotations

from trainability.theory.symmetric_dynamics.critical_points import CriticalPoint, critical_points, newton
from trainability.theory.symmetric_dynamics.descend import descend
from trainability.theory.symmetric_dynamics.diagonal import opposite_point, saddle, saddle_spectrum
from trainability.theory.symmetric_dynamics.field import field
from trainability.theory.symmetric_dynamics.flow import flow, time_to_reach
from trainability.theory.symmetric_dynamics.jacobian import jacobian
from trainability.theory.symmetric_dynamics.loss import loss, loss_at_zero, squared_error
from trainability.theory.symmetric_dynamics.weights import weights

__all__ = [
    "CriticalPoint",
    "critical_points",
    "descend",
    "field",
    "flow",
    "jacobian",
    "loss",
    "loss_at_zero",
    "newton",
    "opposite_point",
    "saddle",
    "saddle_spectrum",
    "squared_error",
    "time_to_reach",
    "weights",
]
