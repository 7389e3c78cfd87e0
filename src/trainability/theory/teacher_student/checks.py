"""What the functions of this package accept, and what they say when they do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Networks:
    """Student and teacher as checked float64 arrays: W (..., k, d), V (m, d), a (..., k) or (k,), b (m,)."""

    W: Array
    V: Array
    a: Array
    b: Array
    slope: float


def networks(
    W: ArrayLike,
    V: ArrayLike,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    slope: float = 0.0,
    zero_student: bool = False,
) -> Networks:
    """Student and teacher as float64 arrays with shapes that fit, or a ValueError that says what does not.

    Args:
        W: student rows, shape (..., k, d).
        V: teacher rows, shape (m, d).
        a: student output weights, shape (k,) or (..., k); ones when None.
        b: teacher output weights, shape (m,); ones when None.
        slope: of the leaky ReLU for negative input.
        zero_student: whether a student row may be 0 (the loss is defined there, the gradient is not).

    Raises:
        ValueError: for shapes that do not fit, k, m or d of 0, a number that is not finite, a row that is 0.
    """
    student, teacher = finite("W", W), finite("V", V)
    if student.ndim < 2 or 0 in student.shape[-2:]:
        raise ValueError(f"Got W of shape {student.shape}; need (..., k, d) with k, d >= 1. Give one row per neuron.")
    if teacher.ndim != 2 or 0 in teacher.shape:
        raise ValueError(f"Got V of shape {teacher.shape}; need (m, d) with m, d >= 1. Give one row per neuron.")
    if student.shape[-1] != teacher.shape[-1]:
        raise ValueError(
            f"Got W with d={student.shape[-1]} and V with d={teacher.shape[-1]}; need the same input dimension. "
            "Give both networks rows of one length."
        )
    k, m = student.shape[-2], teacher.shape[0]
    out = np.ones(k) if a is None else finite("a", a)
    if out.shape not in ((k,), student.shape[:-1]):
        raise ValueError(f"Got a of shape {out.shape}; need {(k,)} or {student.shape[:-1]}. Give one per student row.")
    target = np.ones(m) if b is None else finite("b", b)
    if target.shape != (m,):
        raise ValueError(f"Got b of shape {target.shape}; need {(m,)}. Give one output weight per teacher row.")
    if not np.isfinite(slope):
        raise ValueError(f"Got slope={slope}; need a finite number. Use 0 for a ReLU, 0.01 for torch's LeakyReLU.")
    nonzero("V", teacher)
    if not zero_student:
        nonzero("W", student)
    return Networks(student, teacher, out, target, float(slope))


def directions(name: str, x: ArrayLike) -> Array:
    """Finite nonzero vectors along the last axis as a float64 array, or a ValueError."""
    array = finite(name, x)
    if array.ndim < 1 or array.shape[-1] == 0:
        raise ValueError(f"Got {name} of shape {array.shape}; need (..., d) with d >= 1. Give vectors.")
    nonzero(name, array)
    return array


def finite(name: str, x: ArrayLike) -> Array:
    """The numbers as a float64 array, or a ValueError when one of them is not finite."""
    array = np.asarray(x, dtype=np.float64)
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        raise ValueError(
            f"Got {bad} of {array.size} numbers in {name} not finite; need all finite. Look for NaN or inf."
        )
    return array


def nonzero(name: str, rows: Array) -> None:
    """A ValueError when a vector along the last axis is 0."""
    zero = int((~rows.any(axis=-1)).sum())
    if zero == 0:
        return
    if name.upper() == "V":
        raise ValueError(f"Got {zero} rows of {name} equal to 0; need rows with a direction. Leave such a row out.")
    raise ValueError(
        f"Got {zero} rows of {name} equal to 0; need every row away from 0: the gradient there depends on the "
        "direction of approach. Move the start off 0, however little."
    )
