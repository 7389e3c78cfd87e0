"""Sharpness that can be trusted, for a Setup: measured, turned into a stable lr, and put to the test.

- `measure`: largest and smallest eigenvalue, trace and density of the loss's Hessian where the Setup is now, with
  residuals, and the interval of the stable lr for its own optimizer;
- `self_check`: trained just below and just above that lr, on the quadratic model and on the true loss;
- `range_test`: the lr grown geometrically over a few steps; an interval from several seeds;
- `at`: the point all of these are measured at.

All work on copies and leave no trace.
"""

from trainability.curvature.behaviour import behaviour
from trainability.curvature.measure import Limit, Sharpness, measure, measure_at
from trainability.curvature.point import Point, at
from trainability.curvature.range_test import RangeTest, range_test
from trainability.curvature.self_check import SelfCheck, Trial, self_check

__all__ = [
    "Limit",
    "Point",
    "RangeTest",
    "SelfCheck",
    "Sharpness",
    "Trial",
    "at",
    "behaviour",
    "measure",
    "measure_at",
    "range_test",
    "self_check",
]
