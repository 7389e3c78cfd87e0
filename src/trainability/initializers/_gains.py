"""The gain of an activation given by name, as a NumPy function, or as a torch function or module."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from trainability.theory.gain import gain

Nonlinearity: TypeAlias = str | Callable[..., Any]
"""A name in `trainability.theory.gain.NONLINEARITIES`, or a function of numbers, arrays or tensors."""

_PROBE = np.array([-7.3, -2.9, -1.1, -0.4, -0.1, 0.0, 0.2, 0.6, 1.3, 3.1, 6.7])


def gain_of(nonlinearity: Nonlinearity, a: float | None = None) -> float:
    """Give 1 / √(E φ(z)²), z ~ N(0, 1), for whatever stands for φ.

    Args:
        nonlinearity: a name; a NumPy function; or a torch function or module, which is evaluated in float64 on a
            copy, so that its buffers stay.
        a: slope of the leaky ReLU below 0, as `torch.nn.init` calls it; with it "relu" means "leaky_relu", whose
            slope is 0.01 otherwise.

    Returns:
        The gain, above 0.

    Raises:
        ValueError: a slope for another activation, or a function that is not elementwise, gives other numbers on
            the same input, gives numbers that are not finite, or cannot be called.
        UnknownNameError: no activation has that name.

    >>> round(gain_of(nn.LeakyReLU(0.5)) / gain_of("leaky_relu", a=0.5), 9)
    1.0
    """
    if a is not None:
        if nonlinearity not in ("relu", "leaky_relu"):
            raise ValueError(
                f"a: given {a:g} with nonlinearity={nonlinearity!r}, needed 'leaky_relu'. Leave `a` out, or pass gain=."
            )
        if not math.isfinite(a):
            raise ValueError(f"a: given {a:g}, needed a finite slope.")
        return gain("leaky_relu", a)
    if isinstance(nonlinearity, str):
        return gain(nonlinearity)
    on_array = _as_array_function(nonlinearity)
    # Two fixed rules that agree are right and cost two calls; a kink between integers needs the adaptive one.
    coarse, fine = (_moment(on_array, nodes) for nodes in (24, 37))
    if math.isfinite(fine) and fine > 0 and abs(fine - coarse) <= 1e-12 * fine:
        return 1 / math.sqrt(fine)
    return gain(partial(_at, on_array))


def _moment(function: Callable[[np.ndarray], np.ndarray], nodes: int) -> float:
    """Give E φ(z)² by Gauss's rule on each interval between integers from -20 to 20."""
    place, weight = np.polynomial.legendre.leggauss(nodes)
    z = (np.arange(-20, 20)[:, None] + (place + 1) / 2).ravel()
    with np.errstate(all="ignore"):
        squares = function(z) ** 2 * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return float(squares @ np.tile(weight / 2, 40))


def _as_array_function(given: Callable[..., Any]) -> Callable[[np.ndarray], np.ndarray]:
    """Find the form of input that `given` takes, and check on a few points that it is an activation."""
    function = copy.deepcopy(given).double() if isinstance(given, nn.Module) else given
    forms = [_on_tensor] if isinstance(given, nn.Module) else [_on_array, _on_tensor, _on_number]
    refusals = []
    for form in forms:
        try:
            values = form(function, _PROBE)
        except Exception as refusal:
            refusals.append(f"{type(refusal).__name__}: {refusal}")
            continue
        _check(given, form, function, values)
        return partial(form, function)
    raise ValueError(
        f"nonlinearity: given {given!r}, needed a function of one array, tensor or number. It raised {refusals[0]}"
    )


def _at(function: Callable[[np.ndarray], np.ndarray], z: float) -> float:
    return float(function(np.array([z], dtype=np.float64))[0])


def _on_array(function: Callable[..., Any], z: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.asarray(function(z.copy()), dtype=np.float64)


def _on_tensor(function: Callable[..., Any], z: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        found = function(torch.from_numpy(z.copy()))
    if not isinstance(found, Tensor):
        raise TypeError(f"it returned {type(found).__name__} for a tensor")
    return found.detach().cpu().double().numpy()


def _on_number(function: Callable[..., Any], z: np.ndarray) -> np.ndarray:
    return np.array([float(function(float(one))) for one in z])


def _check(given: object, form: Callable[..., np.ndarray], function: Callable[..., Any], values: np.ndarray) -> None:
    if values.shape != _PROBE.shape:
        raise ValueError(
            f"nonlinearity: given {given!r}, which returns shape {values.shape} for input of shape {_PROBE.shape}, "
            "needed one number out for each number in. Pass gain= for anything else."
        )
    if not np.isfinite(values).all():
        where = float(_PROBE[~np.isfinite(values)][0])
        raise ValueError(
            f"nonlinearity: given {given!r}, which is not finite at {where:g}, needed a function that is finite on "
            "all real numbers. Pass gain= for anything else."
        )
    alone = form(function, _PROBE[3:4])
    if alone.shape != (1,) or not math.isclose(alone[0], values[3], rel_tol=1e-9, abs_tol=1e-12):
        raise ValueError(
            f"nonlinearity: given {given!r}, whose value at {_PROBE[3]:g} changes with the other entries or from call "
            "to call, needed an elementwise function without randomness. Pass gain= for anything else."
        )
