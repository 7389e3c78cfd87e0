"""Data of the problems that a sweep can name, and the network, loss and optimizer each starts from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainability import problems
from trainability.lab.sweep.errors import nearest


@dataclass(frozen=True, eq=False)
class SweepData:
    """What members are trained on, and what they are unless the sweep says otherwise.

    Args:
        X: inputs (N, inputs), finite.
        y: targets (N, outputs), or class indices (N,).
        outputs: of the network.
        defaults: field -> value, for those that differ from `DEFAULTS`.

    Raises:
        ValueError: numbers that are not finite, or shapes that do not fit.
    """

    X: Tensor
    y: Tensor
    outputs: int
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.X.ndim != 2 or not len(self.X) or self.y.ndim not in (1, 2) or len(self.X) != len(self.y):
            raise ValueError(
                f"given X {tuple(self.X.shape)} and y {tuple(self.y.shape)}, needed X (N, inputs) and y (N,) or "
                "(N, outputs) with the same N from 1. Reshape them."
            )
        for name, values in (("X", self.X), ("y", self.y)):
            bad = (~values.isfinite()).nonzero() if values.is_floating_point() else values.new_zeros(0)
            if len(bad):
                raise ValueError(
                    f"given {len(bad)} numbers in {name} that are not finite, the first in row {int(bad[0][0])}, needed "
                    "all finite. Leave these samples out or fill them in."
                )

    @property
    def digest(self) -> str:
        """A hash of the numbers, by which changed data are noticed."""
        found = hashlib.sha256()
        for values in (self.X, self.y):
            found.update(f"{tuple(values.shape)} {values.dtype}".encode() + values.contiguous().numpy().tobytes())
        return found.hexdigest()[:16]


DEFAULTS: dict[str, Any] = {
    "initializer": "he_normal",
    "bias": "zeros",
    "activation": "relu",
    "depth": 1,
    "width": 16,
    "optimizer": "SGD",
    "batch_size": "full",
}


def digits() -> SweepData:
    """1400 handwritten digits, 64 pixels in [0, 1], ten classes.

    >>> digits().X.shape
    torch.Size([1400, 64])
    """
    X, y = problems.get("digits-mlp")().data
    return SweepData(X, y, 10, {"loss": "cross_entropy", "width": 32, "batch_size": 128, "optimizer": "SGD(lr=0.1)"})


def circles(samples: int = 256, noise: float = 0.1, data_seed: int = 0) -> SweepData:
    """Two noisy circles, one inside the other, as two classes.

    >>> circles().y.shape
    torch.Size([256, 1])
    """
    X, y = problems.get("circles")(0, samples=samples, noise=noise, data_seed=data_seed).data
    return _made(X, y, {"loss": "bce_with_logits", "optimizer": "SGD(lr=0.3)"})


def diabetes() -> SweepData:
    """442 patients, ten measurements, a number for the progression of diabetes; all standardised.

    >>> round(float(diabetes().y.var(unbiased=False)), 4)
    1.0
    """
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True)
    return _made((X - X.mean(0)) / X.std(0), ((y - y.mean()) / y.std())[:, None], {"optimizer": "SGD(lr=0.05)"})


def single_relu(samples: int = 256, inputs: int = 2, data_seed: int = 0) -> SweepData:
    """A single ReLU as teacher: x ~ N(0, I), y = relu(w·x) with |w| = 1. The student has an output weight of its own.

    >>> float(single_relu().y.min())
    0.0
    """
    X, y = problems.get("single-relu-teacher")(0, samples=samples, inputs=inputs, data_seed=data_seed).data
    return _made(X, y, {"width": 1, "bias": "none", "optimizer": "SGD(lr=0.1)"})


def absolute(samples: int = 101) -> SweepData:
    """y = |x| for x evenly spaced in [-1, 1].

    >>> absolute(3).y.flatten().tolist()
    [1.0, 0.0, 1.0]
    """
    X, y = problems.get("abs-regression")(0, samples=samples).data
    return _made(X, y, {"width": 8, "optimizer": "SGD(lr=0.1)"})


def euclidean_distance(samples: int = 512, dimension: int = 2, data_seed: int = 0) -> SweepData:
    """y = |x| for points uniform in [-1, 1]^dimension.

    >>> bool(torch.allclose(euclidean_distance().y[:, 0], euclidean_distance().X.norm(dim=1)))
    True
    """
    X, y = problems.get("euclidean-distance")(0, samples=samples, dimension=dimension, data_seed=data_seed).data
    return _made(X, y, {"width": 16, "depth": 2, "batch_size": min(32, samples), "optimizer": "SGD(lr=0.1)"})


def _made(X: Any, y: Any, defaults: dict[str, Any]) -> SweepData:
    X, y = torch.as_tensor(X), torch.as_tensor(y)
    return SweepData(X.float(), y.float(), y.shape[1], {"loss": "mse", **defaults})


ALL: dict[str, Callable[..., SweepData]] = {
    "digits": digits,
    "circles": circles,
    "diabetes": diabetes,
    "single-relu": single_relu,
    "abs": absolute,
    "euclidean-distance": euclidean_distance,
}
"""Name -> function of a few options that gives the data."""


@lru_cache(maxsize=8)
def _cached(name: str, given: tuple[tuple[str, Any], ...]) -> SweepData:
    return ALL[name](**dict(given))


def named(name: str, given: Mapping[str, Any]) -> SweepData:
    """The data of a problem by name.

    Raises:
        ValueError: no problem has that name, or it does not take these options.

    >>> len(named("abs", {"samples": 11}).X)
    11
    """
    if name not in ALL:
        raise ValueError(f"there is no problem {name!r}. {nearest(name, list(ALL))}")
    import inspect

    takes = list(inspect.signature(ALL[name]).parameters)
    for option, value in given.items():
        if option not in takes:
            what = nearest(option, takes) if takes else "It has none."
            raise ValueError(f"{name} has no option {option!r}. {what}")
        least = {"samples": 2, "inputs": 1, "dimension": 1}.get(option, 0)
        whole = option != "noise"
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not value >= least:
            raise ValueError(f"{option}: given {value!r}, needed a {'whole ' * whole}number from {least}.")
    return _cached(name, tuple(sorted(given.items())))


def own(X: Any, y: Any) -> SweepData:
    """The user's arrays; integer targets are class indices.

    Raises:
        ValueError: see `SweepData`.

    >>> own([[0.0], [1.0]], [0, 1]).outputs
    2
    """
    X, y = torch.as_tensor(np.asarray(X)), torch.as_tensor(np.asarray(y))
    X = (X.double() if not X.is_floating_point() else X).detach()
    if y.is_floating_point():
        y = y[:, None] if y.ndim == 1 else y
        return SweepData(X, y.detach(), y.shape[-1], {"loss": "mse"})
    y = y.long().flatten()
    if len(y) and int(y.min()) < 0:
        raise ValueError(f"given the class {int(y.min())} in y, needed classes from 0. Renumber them.")
    return SweepData(X, y, int(y.max()) + 1 if len(y) else 1, {"loss": "cross_entropy"})


def from_file(path: Path) -> SweepData:
    """Arrays X and y of a NumPy file (.npz).

    Raises:
        ValueError: no such file, no such arrays, or see `SweepData`.
    """
    if path.suffix != ".npz":
        raise ValueError(f"given {str(path)!r}, needed a NumPy file that ends in .npz, with arrays X and y.")
    try:
        with np.load(path, allow_pickle=False) as held:
            missing = [name for name in ("X", "y") if name not in held]
            if missing:
                raise ValueError(f"{str(path)!r} has no array {missing[0]!r}; it has {', '.join(held.files)}.")
            return own(held["X"], held["y"])
    except OSError as error:
        raise ValueError(f"{str(path)!r} cannot be read ({error.strerror or error}).") from error
