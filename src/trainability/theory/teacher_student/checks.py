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
        shapes = f"{(k,)} or {student.shape[:-1]}" if student.ndim > 2 else f"{(k,)}"
        raise ValueError(f"Got a of shape {out.shape}; need {shapes}. Give one per student row.")
    target = np.ones(m) if b is None else finite("b", b)
    if target.shape != (m,):
        raise ValueError(f"Got b of shape {target.shape}; need {(m,)}. Give one output weight per teacher row.")
    slope = leak(slope)
    nonzero("V", teacher)
    if not zero_student:
        nonzero("W", student)
    return Networks(student, teacher, out, target, slope)


def leak(slope: float) -> float:
    """The slope of a leaky ReLU as a float, or a ValueError."""
    value = finite("slope", slope)
    if value.ndim:
        raise ValueError(f"Got slope of shape {value.shape}; need one number for both networks. Call once per slope.")
    return float(value)


def directions(name: str, x: ArrayLike) -> Array:
    """Finite nonzero vectors along the last axis as a float64 array, or a ValueError."""
    array = finite(name, x)
    if array.ndim < 1 or array.shape[-1] == 0:
        raise ValueError(f"Got {name} of shape {array.shape}; need (..., d) with d >= 1. Give vectors.")
    nonzero(name, array)
    return array


def finite(name: str, x: ArrayLike) -> Array:
    """The numbers as a float64 array, or a ValueError when they are none, or one of them is not finite."""
    array = real(name, x)
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        raise ValueError(
            f"Got {bad} of {array.size} numbers in {name} not finite; need all finite. Look for NaN or inf."
        )
    return array


def real(name: str, x: ArrayLike) -> Array:
    """Anything that holds real numbers (lists, integers, float32, torch tensors on the processor) as float64."""
    try:
        array = np.asarray(x)
        if array.dtype.kind not in "biuf" and not (array.dtype.kind == "O" and array.size):
            raise TypeError(f"numbers of type {array.dtype}")
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"Got {name} as {type(x).__name__} that NumPy cannot read as real numbers ({error}); need an array or nested "
            "lists of one shape. Give a torch tensor as x.detach().cpu().double().numpy()."
        ) from error


def whole(name: str, value: float, least: int, advice: str) -> int:
    """A whole number not below `least`, or a ValueError that ends with the advice."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = least - 1
    if number < least or number != value:
        raise ValueError(f"Got {name}={value!r}; need a whole number of {least} or more. {advice}")
    return number


def above_zero(name: str, value: float, advice: str) -> float:
    """A finite number above 0, or a ValueError that ends with the advice."""
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        number = float("nan")
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"Got {name}={value!r}; need a finite number above 0. {advice}")
    return number


def at_least_zero(name: str, value: float, advice: str) -> float:
    """A number of 0 or more, infinity allowed, or a ValueError that ends with the advice."""
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        number = float("nan")
    if not number >= 0:
        raise ValueError(f"Got {name}={value!r}; need a number of 0 or more. {advice}")
    return number


def angles(name: str, t: ArrayLike) -> Array:
    """Angles from 0 to pi as a float64 array, or a ValueError."""
    t = finite(name, t)
    if t.size and (t.min() < 0 or t.max() > np.pi):
        raise ValueError(f"Got angles from {t.min()} to {t.max()}; need 0 <= t <= pi. Give radians from `angle`.")
    return t


def fitting(w: Array, v: Array) -> None:
    """A ValueError where two arrays of vectors differ in length d, or their leading dimensions do not broadcast."""
    if w.shape[-1] != v.shape[-1]:
        raise ValueError(f"Got vectors of length {w.shape[-1]} and {v.shape[-1]}; need one length d. Give both in R^d.")
    broadcast(w.shape[:-1], v.shape[:-1])


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that these broadcast to, or a ValueError in our words."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"Got leading shapes {' and '.join(map(str, shapes))}; need shapes that broadcast. Insert axes of length 1."
        ) from None


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
