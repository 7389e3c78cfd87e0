"""Many runs a part at a time, so that the tables of pairs stay in the processor's cache and memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trainability.theory.teacher_student.checks import Networks

Array = NDArray[np.float64]

_NUMBERS = 400_000  # in the largest temporary table: 3 MB


def in_chunks(n: Networks, per_run: int, shape: tuple[int, ...], f: Callable[[Networks], Array]) -> Array:
    """f of these networks, part by part.

    Args:
        n: networks with any leading dimensions (...).
        per_run: numbers in the largest table that f makes for one run.
        shape: of f's answer for one run.
        f: from networks with W (runs, k, d) and a (runs, k) to an array (runs, *shape).

    Returns:
        An array of shape (..., *shape).
    """
    batch = n.W.shape[:-2]
    W = n.W.reshape(-1, *n.W.shape[-2:])
    a = np.broadcast_to(n.a, n.W.shape[:-1]).reshape(W.shape[:-1])
    out = np.empty((W.shape[0], *shape))
    size = max(1, _NUMBERS // per_run)
    for start in range(0, W.shape[0], size):
        part = slice(start, start + size)
        out[part] = f(Networks(W[part], n.V, a[part], n.b, n.slope))
    return out.reshape((*batch, *shape))[()]
