"""The three panels of the basins entry, as data for `plots.basins`."""

from __future__ import annotations

from typing import Any

import numpy as np

from trainability.gallery._basins_planes import UNITS, K, One, Plane, settled
from trainability.plots._style import power
from trainability.plots.basins import Map, Point
from trainability.theory import basins as maps
from trainability.theory import symmetric_dynamics, wilson

TEACHERS, SPURIOUS = (0, 2, 5, 3), (1, 6, 4)
"""Colours of `plots.basins` for orders of the teacher and for spurious minima, in turn."""


def _panel(made: maps.BasinMap, colours: dict[int, int], names: dict[int, str], **more: Any) -> Map:
    labels = np.full(made.labels.shape, -1)
    for label, colour in colours.items():
        labels[made.labels == label] = colour
    s, t = made.slice.axes
    said = {colours[i]: name for i, name in names.items()}
    return Map(
        x=s,
        y=t,
        labels=labels,
        names=said,
        shade=made.times,
        shade_title=f"time (lr × updates) to gradient norm {power(made.tol)}",
        **more,
    )


def symmetric_panel(plane: Plane) -> Map:
    """Plane (a)."""
    saddle, opposite = symmetric_dynamics.saddle(K), symmetric_dynamics.opposite_point(K)
    ends = [(float(p.W[0, 0]), float(p.W[0, 1])) for p in plane.ends]
    points = [Point(x, y, "minimum", "minimum") for x, y in ends]
    points += [Point(x, y, "saddle", "saddle (index 1 in this plane)") for x, y in (saddle, opposite)]
    names = {0: _share("teacher", plane, [0]), 1: _share("type A, spurious", plane, [1])}
    return _panel(
        plane.made, {0: TEACHERS[0], 1: SPURIOUS[0]}, names, title=f"(a) Symmetric students, K = {K}",
        x_title="x, weight to the own teacher", y_title="y, weight to every other teacher",
        points=tuple(points), segments=plane.line.segments,
    )  # fmt: skip


def plane_panel(plane: Plane) -> Map:
    """Plane (b)."""
    right = [i for i, p in enumerate(plane.ends) if p.name == "global minimum"]
    wrong = [i for i in range(len(plane.ends)) if i not in right]
    colours = {i: TEACHERS[n % len(TEACHERS)] for n, i in enumerate(right)}
    colours |= {i: SPURIOUS[n % len(SPURIOUS)] for n, i in enumerate(wrong)}
    names = {i: _share(f"teacher, order {n + 1}", plane, [i]) for n, i in enumerate(right)}
    names |= {i: _share(f"{plane.ends[i].name}, spurious, copy {n + 1}", plane, [i]) for n, i in enumerate(wrong)}
    where = plane.made.slice
    points = []
    for p, kind in [(p, "minimum") for p in plane.ends] + [(e.saddle, "saddle") for e in settled(plane)]:
        (s, t), off = where.coordinates(p.W)
        if where.s[0] < s < where.s[1] and where.t[0] < t < where.t[1]:
            far = bool(off > 1e-6)
            name = f"saddle of index {p.index}" if kind == "saddle" else "minimum"
            points.append(Point(float(s), float(t), kind, f"{name}, projected" if far else name, far))
    return _panel(
        plane.made, colours, names, title=f"(b) Plane through three minima, k = {UNITS}",
        x_title="distance in the plane, order 1 to 2 of the teacher", y_title="distance in the plane, towards type II",
        points=tuple(points), segments=plane.line.segments,
    )  # fmt: skip


def one_panel(one: One) -> Map:
    """Plane (c)."""
    return _panel(
        one.made, {0: TEACHERS[0]}, {0: "teacher: every start off the ray"}, title="(c) One ReLU",
        x_title="weight along the teacher", y_title="weight across the teacher",
        points=(Point(1.0, 0.0, "minimum", "minimum"), Point(0.0, 0.0, "singular", "w = 0, no gradient")),
        segments=np.array([[[-2.0, 0.0], [0.0, 0.0]]]), line_name="opposite ray, ends at 0",
    )  # fmt: skip


def _share(name: str, plane: Plane, labels: list[int]) -> str:
    count = int(np.isin(plane.drawn, labels).sum())
    low, high = wilson.interval(count, plane.drawn.size)
    return f"{name}: {100 * count / plane.drawn.size:.1f}% ({100 * low:.1f} to {100 * high:.1f})"
