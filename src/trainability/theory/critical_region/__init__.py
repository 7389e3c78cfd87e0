"""Where two ReLUs cannot be at rest: the sign of L_12 and L_21 for two students in a plane, and their collinear saddle.

Student 1 points along angle 0, student 2 along T in (0, pi), a teacher along phi. The conjecture: L_12 and L_21 are
positive when the teacher lies inside the cone of the students and negative outside. With it, two students with all
teachers inside their cone, or all outside, are not critical.
"""

from trainability.theory.critical_region.bisector import bisector_gradient, bisector_point
from trainability.theory.critical_region.collinear import CollinearPoint, collinear_points
from trainability.theory.critical_region.cone import excluded_by_cones, in_cone
from trainability.theory.critical_region.conjecture import ConjectureCheck, check_conjecture
from trainability.theory.critical_region.extrema import Extrema, extrema
from trainability.theory.critical_region.floor import gradient_floor
from trainability.theory.critical_region.narrow import narrow_cone
from trainability.theory.critical_region.precise import precise
from trainability.theory.critical_region.separable import separable_12, separable_21

__all__ = [
    "CollinearPoint",
    "ConjectureCheck",
    "Extrema",
    "bisector_gradient",
    "bisector_point",
    "check_conjecture",
    "collinear_points",
    "excluded_by_cones",
    "extrema",
    "gradient_floor",
    "in_cone",
    "narrow_cone",
    "precise",
    "separable_12",
    "separable_21",
]
