"""The figure of the entry `fractal-boundary`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainability.plots._axes import plain
from trainability.plots._style import INK, REMEDY, SUPERSCRIPTS, UNCHANGED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery._fractal_boundary_runs import Picture
    from trainability.gallery.fractal_boundary import Fractal

LIGHT, DARK = "#F2E6C9", "#2B3A55"
"""Told apart by lightness: converged, not."""


def draw(data: Fractal) -> Figure:
    """Map and box counts above, magnifications below; see `fractal_boundary.figure`."""
    from matplotlib.figure import Figure

    many = len(data.pictures) - 1
    picture = Figure(figsize=(11.0, 8.2), dpi=150, layout="constrained")
    grid = picture.add_gridspec(2, 6, height_ratios=(1.0, 1.0))
    _map(picture.add_subplot(grid[0, :4]), data)
    _boxes(picture.add_subplot(grid[0, 4:]), data)
    width = 6 // many
    for i in range(1, many + 1):
        axes = picture.add_subplot(grid[1, width * (i - 1) : width * i])
        shown = data.pictures[i]
        power = 10 ** float(shown.y.mean()), 10 ** float(shown.x.mean())
        _cells(axes, shown)
        _title(axes, f"{'bcd'[i - 1]}  {16**i} times: about lr0 {power[1]:.3g}, lr1 {power[0]:.4g}")
        if i < many:
            _window(axes, data.pictures[i + 1], "bcd"[i])
        _ticks(axes, shown)
    return picture


def _cells(axes: Axes, shown: Picture) -> None:
    from matplotlib.colors import ListedColormap

    dx, dy = ((v[-1] - v[0]) / (len(v) - 1) / 2 for v in (shown.x, shown.y))
    axes.imshow(
        shown.converged, origin="lower", aspect="auto", interpolation="nearest", cmap=ListedColormap([DARK, LIGHT]), vmin=0,
        vmax=1, extent=(shown.x[0] - dx, shown.x[-1] + dx, shown.y[0] - dy, shown.y[-1] + dy),
    )  # fmt: skip


def _title(axes: Axes, words: str) -> None:
    axes.set_title(words, loc="left", fontsize=9, fontweight="bold", color=INK)
    axes.tick_params(length=2, labelsize=7.5, colors=INK)


def _window(axes: Axes, inner: Picture, letter: str) -> None:
    from matplotlib.patches import Rectangle

    x, y = inner.x[0], inner.y[0]
    axes.add_patch(Rectangle((x, y), inner.x[-1] - x, inner.y[-1] - y, fill=False, edgecolor=UNCHANGED, lw=1.4))
    axes.annotate(letter, (x, inner.y[-1]), xytext=(-3, 2), textcoords="offset points", color=UNCHANGED, fontsize=9,
                  fontweight="bold", ha="right")  # fmt: skip


def _ticks(axes: Axes, shown: Picture) -> None:
    """A middle tick and a length: rates that differ in the fifth digit are no labels."""
    across, up = (float(v[-1] - v[0]) for v in (shown.x, shown.y))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel(f"log10 lr0, {across:.2g} decades wide", fontsize=8, color=INK)
    axes.set_ylabel(f"log10 lr1, {up:.2g} decades high", fontsize=8, color=INK)


def _map(axes: Axes, data: Fractal) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    shown, limit = data.pictures[0], data.limit
    _cells(axes, shown)
    _title(axes, f"a  Where {data.steps} steps of gradient descent converge")
    x, y = limit.line
    axes.plot(x, y, color=REMEDY, lw=2.4)
    axes.plot([shown.x[0], shown.x[-1]], [limit.last] * 2, "--", color=UNCHANGED, lw=1.4)
    axes.set_xlim(shown.x[0], shown.x[-1])
    axes.set_ylim(shown.y[0], shown.y[-1])
    _window(axes, data.pictures[1], "b")
    decades = [np.arange(np.ceil(v[0]), np.floor(v[-1]) + 1) for v in (shown.x, shown.y)]
    axes.set_xticks(decades[0], [f"10{str(int(v)).translate(SUPERSCRIPTS)}" for v in decades[0]])
    axes.set_yticks(decades[1], [f"10{str(int(v)).translate(SUPERSCRIPTS)}" for v in decades[1]])
    axes.set_xlabel("learning rate of the first layer, lr0", fontsize=9, color=INK)
    axes.set_ylabel("learning rate of the second layer, lr1", fontsize=9, color=INK)
    axes.text(0.03, 0.06, "converges", transform=axes.transAxes, color=INK, fontsize=9)
    axes.text(0.97, 0.94, "diverges", transform=axes.transAxes, color="white", fontsize=9, ha="right", va="top")
    axes.legend(
        handles=[
            Patch(facecolor=LIGHT, edgecolor=INK, lw=0.5, label="last 20 losses below the first"),
            Patch(facecolor=DARK, label="not"),
            Line2D([], [], color=REMEDY, lw=2.4, label="stable lr at the start, both layers"),
            Line2D([], [], color=UNCHANGED, ls="--", lw=1.4, label="2/λ, second layer alone"),
        ],
        fontsize=7.5, loc="upper left", framealpha=0.92, facecolor="white", edgecolor="none",
    )  # fmt: skip


def _boxes(axes: Axes, data: Fractal) -> None:
    from trainability.gallery.fractal_boundary import counts

    plain(axes, "e  Boxes that the border meets")
    marks = (("o", INK), ("s", REMEDY), ("^", UNCHANGED), ("D", "#009E73"))
    for i, shown in enumerate(data.pictures):
        sizes, boxes = counts(shown.converged)
        mark, colour = marks[i]
        slope = float(np.median(data.slopes(i)))
        axes.plot(sizes, boxes, "-" + mark, ms=4.5, lw=1, color=colour, label=f"{'abcd'[i]}: median slope {slope:.2f}")
    value, low, high = data.dimension
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_ylim(axes.get_ylim()[0] / 5, None)
    axes.set_xlabel("side of a box (cells)", fontsize=9, color=INK)
    axes.set_ylabel("boxes", fontsize=9, color=INK)
    axes.legend(fontsize=7.5, frameon=False, loc="lower left",
                title=f"magnifications: D = {value:.2f} ({low:.2f} to {high:.2f})", title_fontsize=7.5)  # fmt: skip
