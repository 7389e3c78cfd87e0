"""The figure of the entry `quartic`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainability.plots._axes import plain
from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED
from trainability.theory.stability import quartic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.quartic import Quartic

FILLS = ("#CFE3F1", "#F7E3A1", "#E9A98A", "#000000")


def draw(data: Quartic) -> Figure:
    """Three panels; see `quartic.figure`."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(13.2, 4.9), dpi=150, layout="constrained")
    left, middle, right = picture.subplots(1, 3, width_ratios=(1.25, 1, 1))
    _plane(left, data)
    _paths(middle)
    _late(right, data)
    return picture


def _plane(axes: Axes, data: Quartic) -> None:
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.patches import Patch

    from trainability.gallery.quartic import EXAMPLES

    plain(axes, "a  What becomes of it (fill: measured)")
    axes.pcolormesh(data.starts, data.lrs, data.kinds, cmap=ListedColormap(FILLS), shading="nearest",
                    norm=BoundaryNorm([-0.5, 0.5, 1.5, 2.5, 3.5], 4), rasterized=True)  # fmt: skip
    x, every = data.starts, max(1, len(data.edges) // 10)
    handles: list[Any] = [
        Patch(color=FILLS[0], label="converges, keeps its sign"),
        Patch(color=FILLS[1], label="converges, changes its sign"),
        Patch(color=FILLS[2], label="diverges"),
    ]
    handles += axes.plot(x, quartic.largest_stable_lr(x), color=INK, lw=2, label="theory: 4 lr x₀² = 2")
    handles += axes.plot(x, 1 / (4 * x**2), color=INK, lw=1.2, ls=":", label="theory: 4 lr x₀² = 1")
    handles += axes.plot(
        data.edge_starts[::every], data.edges[::every], "o", ms=4.5, mfc="white", color=INK, label="edge, measured"
    )
    handles += axes.plot(x, 1 / (4 * x**3), color=REMEDY, lw=1.6, ls="--", label="the source: |lr f′(x₀)| = 1")
    handles += axes.plot([], [], "X", ms=8, mfc=REMEDY, mec="white", label="A, B, C: where the source is wrong")
    places = ((-8, -14), (8, 8), (10, 8))
    for (start, lr), letter, mark, move in zip(EXAMPLES, ("A", "B", "C"), "XPD", places, strict=True):
        axes.plot(start, lr, mark, ms=9, mfc=REMEDY, mec="white", mew=0.9, zorder=5)
        axes.annotate(letter, (start, lr), move, textcoords="offset points", fontsize=10, fontweight="bold", color=INK)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(data.lrs[0], data.lrs[-1])
    axes.grid(visible=False)
    _labels(axes, "start x₀", "learning rate")
    axes.legend(handles=handles, fontsize=7.8, frameon=True, framealpha=0.92, edgecolor="none", loc="lower left")


def _paths(axes: Axes) -> None:
    plain(axes, "b  Paths for u₀ = 4 lr x₀²")
    products = (0.1, 0.5, 1.5, 1.9, 2.0, 2.001, 2.1)
    colours = ("#56B4E9", REMEDY, HEALTHY, "#E69F00", INK, UNCHANGED, "#CC79A7")
    for u, colour, mark in zip(products, colours, "osD^xv*", strict=True):
        path = np.abs(quartic.descend(1.0, u / 4, 30))
        axes.plot(path, "-", marker=mark, ms=4, lw=1.1, color=colour, label=f"u₀ = {u:g}")
    axes.set_yscale("log")
    axes.set_ylim(0.08, 30)
    axes.set_xlim(-0.4, 30)
    _labels(axes, "step", "|x| / x₀")
    axes.legend(fontsize=8, frameon=False, loc="upper right")


def _late(axes: Axes, data: Quartic) -> None:
    plain(axes, "c  Late: |x| → 1/√(8 lr t)")
    t = data.late_times
    for k, (colour, mark) in enumerate(zip((REMEDY, HEALTHY, UNCHANGED, "#CC79A7"), "osD^", strict=True)):
        lr, start = data.late_lrs[k], data.late_starts[k]
        axes.plot(t, data.late[:, k] * np.sqrt(lr), mark, ms=4.5, mfc="white", color=colour,
                  label=f"measured: x₀ = {start:g}, lr {lr:.3g}, u₀ = {4 * lr * start**2:.3g}")  # fmt: skip
    axes.plot(t, np.asarray(quartic.late(1.0, t)), color=INK, lw=1.4, label="theory: 1/√(8 t)")
    axes.plot(t[t < 20], 0.6 * 0.8 ** t[t < 20], color=GREY, lw=1.2, ls="--", label="a rate^t, as on x²: 0.8ᵗ")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(0.2 / np.sqrt(8 * t[-1]), 1.5)
    _labels(axes, "step t", "|x| · √lr")
    axes.legend(fontsize=7.8, frameon=False, loc="lower left")


def _labels(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=9, color=INK)
    axes.set_ylabel(y, fontsize=9, color=INK)
