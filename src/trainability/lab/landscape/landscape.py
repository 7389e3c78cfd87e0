"""The loss over a plane through the weights of a Setup's model, with trajectories on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainability.lab.landscape._evaluate import evaluating, losses
from trainability.lab.landscape._weights import Floats, trained
from trainability.lab.landscape.plane import Plane
from trainability.setup import Setup

Range = tuple[float, float] | Sequence[float] | None


@dataclass(frozen=True, eq=False)
class Path:
    """A trajectory seen from a plane.

    Args:
        label: what it is.
        x, y: (T,), the nearest places of the plane.
        distance: (T,), how far the weights are from there.
        loss: (T,), at the weights themselves; off the plane it is not the loss of the picture.
    """

    label: str
    x: Floats
    y: Floats
    distance: Floats
    loss: Floats


@dataclass(frozen=True, eq=False)
class Landscape:
    """The loss over a plane.

    Args:
        plane: where.
        x: (nx,), y: (ny,), coordinates of the grid.
        loss: (ny, nx); nan or inf where it is.
        paths: trajectories.
        name: of the Setup.
        samples: that the loss is a mean over.
    """

    plane: Plane
    x: Floats
    y: Floats
    loss: Floats
    paths: tuple[Path, ...] = ()
    name: str = ""
    samples: int = 0

    @property
    def marks(self) -> tuple[tuple[str, float, float], ...]:
        """(name, x, y) of the places that the plane was laid through."""
        return self.plane.marks

    @property
    def labels(self) -> tuple[str, str]:
        """Of the axes: what one unit is."""
        u, v = np.sqrt(np.diag(self.plane.gram))
        if self.plane.kind == "pca":
            first, second = self.plane.shares
            return f"first direction ({first:.0%} of the variance)", f"second direction ({second:.0%} of the variance)"
        if self.plane.kind == "three points":
            a, b, c = (name for name, _, _ in self.plane.marks)
            return f"from {a} to {b} (distance {u:.3g})", f"from {a} to {c} (distance {v:.3g})"
        return f"first direction (length {u:.3g})", f"second direction (length {v:.3g})"


def landscape(
    setup: Setup,
    plane: Plane,
    *,
    x: Range = None,
    y: Range = None,
    resolution: int = 41,
    paths: Mapping[str, Any] | Sequence[Any] = (),
    samples: int = 1024,
    chunk: int = 32,
) -> Landscape:
    """Evaluate a Setup's training loss over a grid in a plane.

    The model is in evaluation mode: random layers are off, BatchNorm keeps the statistics it has, which were those of the
    model's own weights and not of the plane's. Everything is put back.

    Args:
        setup: gives model, loss and data.
        plane: over the parameters of the model that require a gradient.
        x, y: (low, high), or three or more coordinates of the grid in order; None for the plane's own view.
        resolution: of a side that is given as (low, high), 2 or more; a value that the plane runs through (0, or the places
            of three points) takes the nearest place of the grid, so that it is there exactly.
        paths: label -> trajectory (T, P), or a sequence of them, or (E, T, P).
        samples: at most so many training samples, the same ones at every call.
        chunk: weights evaluated in one call.

    Returns:
        Landscape.

    Raises:
        ValueError: a plane over another number of weights, or numbers out of range.
        SetupError: the model and the loss do not fit.

    Example:
        >>> from trainability.lab.landscape import random_plane
        >>> from trainability.problems import get
        >>> setup = get("abs-regression")(0)
        >>> landscape(setup, random_plane(setup.model, seed=1), resolution=5).loss.shape
        (5, 5)
    """
    held = sum(p.numel() for p in trained(setup.model).values())
    if plane.size != held:
        raise ValueError(f"plane: given {plane.size} weights, needed the {held} of the model that require a gradient.")
    for label, value, least in (("resolution", resolution, 2), ("samples", samples, 1), ("chunk", chunk, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{label}: given {value!r}, needed a whole number from {least}.")
    _ = setup.facts
    across = side("x", plane.spans[0] if x is None else x, resolution, plane.through)
    up = side("y", plane.spans[1] if y is None else y, resolution, plane.through)
    along = _named(paths)
    seen = {label: plane.project(points) for label, points in along.items()}
    inputs, targets = setup.batches.sample(samples)
    inputs, targets = inputs.to(setup.device), targets.to(setup.device)
    every, rows = np.meshgrid(across, up)
    flat_x, flat_y = every.ravel(), rows.ravel()
    with evaluating(setup.model):

        def measured(weights: Any, count: int) -> Floats:
            return losses(setup.model, setup.loss_fn, inputs, targets, weights, count, chunk)

        loss = measured(lambda at: plane.at(flat_x[at], flat_y[at]), len(flat_x)).reshape(every.shape)
        told = tuple(
            Path(label, *seen[label], loss=measured(points.__getitem__, len(points))) for label, points in along.items()
        )
    return Landscape(plane, across, up, loss, told, setup.name, len(inputs))


def side(label: str, given: Sequence[float], resolution: int, through: tuple[float, ...]) -> Floats:
    """Coordinates of one side of a grid.

    Args:
        label: what errors call it.
        given: (low, high), or the coordinates themselves.
        resolution: number of coordinates between low and high.
        through: values inside that the nearest coordinate is moved to.

    Raises:
        ValueError: not finite, or not in order.

    Example:
        >>> side("x", (-0.2, 1.0), 5, (0.0,)).round(2).tolist()
        [-0.2, 0.0, 0.4, 0.7, 1.0]
    """
    values = np.asarray(given, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all() or not (np.diff(values) > 0).all():
        raise ValueError(
            f"{label}: given {given!r}, needed (low, high) or coordinates, finite and in increasing order."
        )
    if len(values) > 2:
        return values
    low, high = values
    values = np.linspace(low, high, resolution)
    for value in through:
        if low <= value <= high:
            values[np.abs(values - value).argmin()] = value
    if any(low <= value <= high and value not in values for value in through):
        raise ValueError(
            f"resolution: given {resolution} for {low:g} to {high:g}, needed more, to hold {through} apart."
        )
    return values


def _named(paths: Mapping[str, Any] | Sequence[Any]) -> dict[str, Floats]:
    pairs = paths.items() if isinstance(paths, Mapping) else ((f"run {i + 1}", p) for i, p in enumerate(paths))
    found = {str(label): np.asarray(points, dtype=np.float64) for label, points in pairs}
    for label, points in found.items():
        if points.ndim != 2 or not len(points):
            raise ValueError(f"paths: given {points.shape} for {label!r}, needed (T, P), one row of weights per step.")
    return found
