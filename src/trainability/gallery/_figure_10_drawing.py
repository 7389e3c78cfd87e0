"""The picture of Figure 10."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

import numpy as np

from trainability.plots._axes import plain
from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED
from trainability.theory.critical_region import bisector_gradient

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery._figure_10_measures import Curve
    from trainability.gallery.figure_10_critical_region import Figure10


def draw(data: Figure10) -> Figure:
    """Both L against the teacher's angle, L_12 over both angles, and the gradient at the two collinear points.

    Args:
        data: from the entry's `run`.

    Returns:
        A matplotlib Figure.
    """
    from matplotlib.figure import Figure

    picture = Figure(figsize=(9.6, 7.6), dpi=150, layout="constrained")
    (one, two), (below, beside) = picture.subplots(2, 2)
    low = min(float(min(c.L12.min(), c.L21.min())) for c in data.curves)
    high = max(float(max(c.L12.max(), c.L21.max())) for c in data.curves)
    for axes, c in zip((one, two), data.curves, strict=True):
        _curves(axes, c)
        axes.set_ylim(low - 0.22, high + 0.2)
    two.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0.0, 0.0), ncols=1)
    _map(picture, below, data)
    _points(beside, data)
    return picture


def _curves(axes: Axes, c: Curve) -> None:
    share = c.T / pi
    plain(axes, f"Students at 0 and θ₁₂ = {8 * share:.0f}π/8")
    axes.axvspan(0, share, color="#F0E442", alpha=0.35, lw=0, label="cone of the students")
    axes.axhline(0, color=GREY, lw=0.9)
    axes.plot(c.phi / pi, c.L12, color=REMEDY, lw=1.8, label="$L_{12}$")
    axes.plot(c.phi / pi, c.L21, color=UNCHANGED, lw=1.8, ls="--", label="$L_{21}$")
    e = c.extrema
    for value, at, up in ((e.largest, e.largest_at, 1), (e.smallest, e.smallest_at, -1)):
        marks = [at / pi, e.mirrored(at) / pi]
        axes.plot(marks, [value] * 2, "^" if up > 0 else "v", ms=5, color=INK, zorder=3)
        axes.annotate(f"{value:.6f}".replace("-", "−"), (sum(marks) / 2, value), xytext=(0, 7 * up), textcoords="offset points",
                      ha="center", va="bottom" if up > 0 else "top", fontsize=8, color=INK)  # fmt: skip
    axes.plot([], [], "k^", ms=5, label="largest, at both mirror images")
    axes.plot([], [], "kv", ms=5, label="smallest, likewise")
    axes.set_xlim(0, 2)
    axes.set_xticks([0, 0.5, 1, 1.5, 2])
    axes.set_xlabel("teacher's angle φ (units of π)", fontsize=9, color=INK)
    axes.set_ylabel("$L_{12}$, $L_{21}$ of a teacher (no unit)", fontsize=9, color=INK)


def _map(picture: Figure, axes: Axes, data: Figure10) -> None:
    from matplotlib.colors import SymLogNorm

    plain(axes, "Sign and size of $L_{12}$ for all angles")
    axes.grid(False)
    top = float(np.abs(data.map_L12).max())
    shown = axes.pcolormesh(data.map_phi / pi, data.map_T / pi, data.map_L12, cmap="PuOr_r", rasterized=True,
                            norm=SymLogNorm(0.02, linscale=0.8, vmin=-top, vmax=top))  # fmt: skip
    axes.plot([0, 1], [0, 1], color="black", lw=1.6)
    axes.plot([0.004, 0.004], [0, 1], color="black", lw=1.6)
    axes.plot([1.996, 1.996], [0, 1], color="black", lw=1.6)
    axes.text(0.19, 0.72, "inside\nthe cone", fontsize=8.5, ha="center", va="center", color="white")
    axes.text(1.25, 0.5, "outside", fontsize=8.5, ha="center", va="center", color="white")
    for c in data.curves:
        share = c.T / pi
        axes.axhline(share, color="white", lw=1.0, ls=":")
        axes.text(1.97, share - 0.012, f"above, {'left' if share < 0.5 else 'right'}", fontsize=7.5, ha="right",
                  va="top", color="white")  # fmt: skip
    axes.set_xlim(0, 2)
    axes.set_ylim(0, 1)
    axes.set_xticks([0, 0.5, 1, 1.5, 2])
    axes.set_xlabel("teacher's angle φ (units of π)", fontsize=9, color=INK)
    axes.set_ylabel("students' angle θ₁₂ (units of π)", fontsize=9, color=INK)
    bar = picture.colorbar(shown, ax=axes, ticks=[-1, -0.3, -0.1, -0.03, 0, 0.03, 0.1, 0.3, 1], fraction=0.05, pad=0.02)
    bar.ax.set_yticklabels(["−1", "−0.3", "−0.1", "−0.03", "0", "0.03", "0.1", "0.3", "1"])
    bar.ax.tick_params(labelsize=8, length=0)
    bar.ax.minorticks_off()


def _points(axes: Axes, data: Figure10) -> None:
    plain(axes, "Collinear students: whose point is critical?")
    fine = np.geomspace(0.25, 4, 200)
    for c, colour, mark in zip(data.collinear, (REMEDY, "#CC79A7", UNCHANGED), ("o", "s", "D"), strict=True):
        line = [bisector_gradient([[1.0, 0.0], [r * np.cos(c.angle), r * np.sin(c.angle)]]) for r in fine]
        axes.plot(fine, line, color=colour, lw=1.2)
        axes.plot(c.ratio, c.source, mark, ms=4, color=colour, label=f"source's point, θ* = {np.degrees(c.angle):.0f}°")
    axes.plot(data.collinear[0].ratio, np.max([c.true for c in data.collinear], axis=0), "x", ms=5, mew=1.4,
              color=HEALTHY, label="true collinear point, all three", zorder=3)  # fmt: skip
    axes.plot([], [], "-", color=INK, lw=1.2, label="(π − θ*/2) sin(θ*/2) ||v₁| − |v₂||/2π")
    axes.set_xscale("log")
    axes.set_xticks([0.25, 0.5, 1, 2, 4], ["1/4", "1/2", "1", "2", "4"])
    axes.minorticks_off()
    axes.set_xlabel("|v₂|/|v₁|, ratio of the teachers' lengths (|v₁| = 1)", fontsize=9, color=INK)
    axes.set_ylabel("length of each student's population gradient", fontsize=9, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="upper left")
