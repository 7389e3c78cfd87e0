"""Norms, directions and angles of all student-student and student-teacher pairs, computed once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainability.theory.teacher_student.angle import angle_table, norm, unit
from trainability.theory.teacher_student.checks import Networks

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Students against all n = k + m neurons, students first, teachers with output weight -b.

    rows (..., n, d), weights c (..., n), lengths (..., n), units (..., n, d); t, delta = pi - t and sine (..., k, n).
    """

    rows: Array
    weights: Array
    lengths: Array
    units: Array
    t: Array
    delta: Array
    sine: Array
    k: int


def pairs(n: Networks) -> Pairs:
    """All pairs of these networks; the angle of a student with itself is exactly 0."""
    batch, (k, d) = n.W.shape[:-2], n.W.shape[-2:]
    m = n.V.shape[0]
    rows = np.concatenate([n.W, np.broadcast_to(n.V, (*batch, m, d))], axis=-2)
    weights = np.concatenate([np.broadcast_to(n.a, (*batch, k)), np.broadcast_to(-n.b, (*batch, m))], axis=-1)
    units = unit(rows)
    t, delta = angle_table(units[..., :k, :], units)
    own = np.arange(k)
    t[..., own, own], delta[..., own, own] = 0.0, np.pi
    return Pairs(rows, weights, norm(rows), units, t, delta, np.sin(np.minimum(t, delta)), k)
