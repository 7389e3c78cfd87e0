"""The figure of the entry `momentum-by-direction`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainability.plots._axes import plain
from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED
from trainability.theory.stability import low_pass_filter, spectral_radius

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.momentum_by_direction import ByDirection, Run

MARKS = ("o", "s", "D")
FLOOR, LAST = 1e-6, 150


def draw(data: ByDirection) -> Figure:
    """Six panels; see `momentum_by_direction.figure`."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(13.2, 8.2), dpi=150, layout="constrained")
    grid = picture.subplots(2, 3)
    (descent, momentum) = data.shown.values()
    _paths(grid[0, 0], descent, f"a  Gradient descent, lr {descent.lr:.3g}")
    _paths(grid[0, 1], momentum, f"b  Momentum, lr {momentum.lr:.3g}, B = {momentum.weight:.3g}")
    _rates(grid[0, 2], data)
    _plane(grid[1, 0], descent, momentum)
    _gain(grid[1, 1], data)
    _lag(grid[1, 2], data)
    return picture


def _paths(axes: Axes, run: Run, title: str) -> None:
    from matplotlib import colormaps
    from matplotlib.lines import Line2D

    plain(axes, title)
    count = len(run.curved)
    chosen = np.unique(np.linspace(0, count - 1, 5).round().astype(int))
    t = np.arange(LAST + 1)
    handles = []
    for k, i in enumerate(chosen):
        colour = colormaps["viridis"](0.02 + 0.83 * k / (len(chosen) - 1))
        axes.plot(t, np.maximum(np.abs(run.told[: LAST + 1, i]), FLOOR / 10), lw=1.3, color=colour)
        seen = np.abs(run.paths[: LAST + 1 : 5, i])
        axes.plot(t[::5][seen > FLOOR], seen[seen > FLOOR], "o", ms=3.4, mfc="white", color=colour)
        share = np.sqrt(run.sharpness[i] / run.sharpness[0])
        handles.append(Line2D([], [], color=colour, lw=1.6, label=f"s = {share:.2g} s₁"))
    axes.plot(t, np.abs(run.told[: LAST + 1, -1]), lw=1.3, ls="--", color=INK)
    axes.plot(t[::10], np.abs(run.paths[: LAST + 1 : 10, -1]), "o", ms=3.4, mfc="white", color=INK)
    handles.append(Line2D([], [], color=INK, lw=1.6, ls="--", label="s = 0 (irrelevant)"))
    handles.append(Line2D([], [], color=GREY, lw=0, marker="o", mfc="white", ms=4, label="measured (lines: theory)"))
    if run.rule == "gradient_descent":
        axes.text(LAST - 2, 0.19, "s₁ and the smallest:\none line", fontsize=8, color=INK, ha="right", va="bottom")
    axes.set_yscale("log")
    axes.set_ylim(FLOOR, 6)
    axes.set_xlim(0, LAST)
    _labels(axes, "step", "|distance from the solution| along v (start: 1)")
    if run.rule == "low_pass":
        axes.legend(handles=handles, fontsize=8, frameon=False, loc=(0.55, 0.36))


def _rates(axes: Axes, data: ByDirection) -> None:
    plain(axes, "c  Factor per step (marks: measured)")
    fine = np.geomspace(0.005, 1.0, 400)
    styles = zip(data.shown.items(), (UNCHANGED, REMEDY), MARKS, strict=False)
    for (name, run), colour, mark in styles:
        axes.plot(np.sqrt(fine), spectral_radius(run.rule, run.lr, fine, **run.hyper), color=colour, lw=1.4)
        axes.plot(np.sqrt(run.curved), run.rates, mark, ms=5, mfc="white", color=colour)
        axes.plot([], [], "-", marker=mark, ms=5, mfc="white", color=colour, label=name)
    axes.axvspan(np.sqrt(fine[0]), 0.1, color=GREY, alpha=0.12, lw=0)
    axes.text(0.074, 0.6, "outside\nthe range", rotation=90, fontsize=8, color=INK, ha="left", va="center")
    axes.set_xscale("log")
    axes.set_xlim(0.0707, 1.08)
    axes.set_xticks([0.1, 0.2, 0.5, 1.0], ["0.1", "0.2", "0.5", "1"])
    axes.minorticks_off()
    axes.set_ylim(0, 1.03)
    _labels(axes, "singular value s / s₁ (curvature l = s²/n)", "factor per step, 1 = stands still")
    axes.legend(fontsize=8, frameon=False, loc=(0.16, 0.06))


def _plane(axes: Axes, descent: Run, momentum: Run) -> None:
    plain(axes, "d  The two extreme directions, 60 steps")
    last = len(descent.curved) - 1
    x, y = np.meshgrid(np.linspace(-0.3, 1.3, 200), np.linspace(-5.0, 4.0, 200))
    loss = descent.sharpness[0] * y**2 / 2 + descent.sharpness[last] * x**2 / 2
    axes.contour(x, y, np.sqrt(loss), levels=9, colors=[GREY], linewidths=0.5, alpha=0.6)
    for run, colour, mark, name in ((descent, UNCHANGED, "o", "gradient descent"), (momentum, REMEDY, "s", "momentum")):
        axes.plot(run.paths[:61, last], run.paths[:61, 0], "-", marker=mark, ms=2.8, lw=0.8, color=colour, label=name)
    axes.plot(0, 0, "*", ms=12, color=HEALTHY, label="solution", zorder=5)
    axes.plot(1, 1, "D", ms=6, mfc="white", color=INK, label="start", zorder=5)
    axes.set_xlim(-0.3, 1.3)
    axes.set_ylim(-5.0, 4.0)
    _labels(axes, "smallest singular value: distance from the solution", "largest singular value: distance")
    axes.legend(fontsize=8, frameon=True, framealpha=0.9, edgecolor="none", loc="lower right", ncols=2)


def _gain(axes: Axes, data: ByDirection) -> None:
    plain(axes, "e  Momentum as a filter of gradients: gain")
    fine = np.geomspace(1e-3, 0.5, 300)
    for k, (weight, colour) in enumerate(_weights()):
        axes.plot(fine, low_pass_filter.gain(weight, fine), lw=1.4, color=colour)
        moving = data.frequencies > 0
        axes.plot(data.frequencies[moving], data.gains[k, moving], MARKS[k], ms=5, mfc="white", color=colour)
        cut = low_pass_filter.cutoff(weight)
        axes.plot([cut, cut], [0.45, 1.0], lw=0.9, ls=":", color=colour)
        axes.plot([], [], "-", marker=MARKS[k], ms=5, mfc="white", color=colour, label=f"B = {weight:g}")
    axes.plot([], [], ":", lw=0.9, color=INK, label="cutoff: half the power")
    axes.legend(fontsize=8, frameon=False, loc="lower left")
    axes.axhline(1.0, color=INK, lw=0.9, ls="--")
    axes.text(0.0012, 1.06, "no filter (gradient descent)", fontsize=8, color=INK, va="bottom")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(1e-3, 0.56)
    axes.set_ylim(0.008, 1.6)
    _labels(axes, "frequency of the gradient (cycles per step; 1/2 = flips)", "gain")


def _lag(axes: Axes, data: ByDirection) -> None:
    plain(axes, "f  The same filter: lag")
    fine = np.geomspace(1e-3, 0.5, 300)
    for k, (weight, colour) in enumerate(_weights()):
        axes.plot(fine, np.degrees(-np.asarray(low_pass_filter.phase(weight, fine))), lw=1.4, color=colour)
        moving = data.frequencies > 0
        axes.plot(
            data.frequencies[moving], np.degrees(-data.lags[k, moving]), MARKS[k], ms=5, mfc="white", color=colour
        )
        axes.plot([], [], "-", marker=MARKS[k], ms=5, mfc="white", color=colour,
                  label=f"B = {weight:g}")  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(1e-3, 0.56)
    axes.set_ylim(-3, 93)
    _labels(axes, "frequency of the gradient (cycles per step)", "lag behind the gradient (degrees)")
    axes.legend(fontsize=8, frameon=False, loc="upper left")


def _weights() -> list[tuple[float, str]]:
    from trainability.gallery.momentum_by_direction import WEIGHTS

    return list(zip(WEIGHTS, (REMEDY, HEALTHY, UNCHANGED), strict=True))


def _labels(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=9, color=INK)
    axes.set_ylabel(y, fontsize=9, color=INK)
