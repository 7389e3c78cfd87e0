"""The figure of the entry `edge-of-stability`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainability.plots._axes import plain, set_log
from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED, log_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.edge_of_stability import Edge, Watched

COLOURS = (REMEDY, HEALTHY, "#E69F00", UNCHANGED)
MARKS = ("o", "s", "^", "D")


def draw(data: Edge) -> Figure:
    """Four panels; see `edge_of_stability.figure`."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(10.4, 7.4), dpi=150, layout="constrained")
    grid = picture.subplots(2, 2)
    picture.get_layout_engine().set(wspace=0.05, hspace=0.06)  # type: ignore[union-attr, call-arg]
    widths = "-".join(map(str, data.widths))
    picture.suptitle(
        f"tanh network {widths}, {data.samples} digits, full batch", fontsize=9.5, color=INK, x=0.99, ha="right"
    )
    plain_runs = [r for r in data.runs if r.name == "gradient descent"]
    plain(grid[0, 0], "a  Gradient descent: sharpness stops at 2/lr")
    _sharpness(grid[0, 0], plain_runs, "sharpness (largest Hessian eigenvalue)")
    plain(grid[0, 1], "b  Its loss: falling at every step only below the edge")
    _losses(grid[0, 1], plain_runs)
    plain(grid[1, 0], "c  Momentum: sharpness over each rule's own limit")
    _ratios(grid[1, 0], [r for r in data.runs if r.name not in ("gradient descent", "Adam")])
    plain(grid[1, 1], "d  Adam: preconditioned sharpness stops at 38/lr")
    _sharpness(grid[1, 1], [r for r in data.runs if r.name == "Adam"], "preconditioned sharpness")
    return picture


def _sharpness(axes: Axes, runs: list[Watched], title: str) -> None:
    """Measured lines, and the limits as far as they are within twice what was measured."""
    top = 1.25 * max(float(r.sharpness.max()) for r in runs)
    for r, colour, mark in zip(runs, COLOURS, MARKS, strict=False):
        axes.plot(r.at, r.sharpness, "-", marker=mark, markevery=max(1, len(r.at) // 8), ms=4, lw=1.4, color=colour,
                  label=f"lr {r.lr:g}" + ("" if r.limit < top else f" (limit {r.limit:,.0f}, far above)"))  # fmt: skip
        if r.limit < top:
            axes.axhline(r.limit, ls="--", lw=1.2, color=colour)
    axes.plot([], [], "--", lw=1.2, color=GREY, label="limit by theory, in the colour of its lr")
    if title.startswith("sharp"):
        axes.set_ylim(0, top)
    else:
        bottom = 0.7 * min(float(r.sharpness.min()) for r in runs)
        scale = log_axis([bottom, top])
        set_log(axes, scale, title)
        axes.set_ylim(bottom, top)
    _labels(axes, title)
    axes.set_xlim(0, None)
    axes.legend(fontsize=8, frameon=False, loc="lower right")


def _losses(axes: Axes, runs: list[Watched]) -> None:
    for r, colour in zip(runs, COLOURS, strict=False):
        axes.plot(r.loss, lw=0.8, color=colour, label=f"lr {r.lr:g}: {r.rises} rises in the last half")
    axes.set_yscale("log")
    axes.minorticks_off()
    axes.set_xlim(0, None)
    _labels(axes, "loss, mean ½ |output − target|²")
    legend = axes.legend(fontsize=8, frameon=False, loc="upper right")
    for line in legend.get_lines():
        line.set_linewidth(2)


def _ratios(axes: Axes, runs: list[Watched]) -> None:
    styles = ("-", "-", "-", "--") if len(runs) == 4 else ("-", "-", "--")
    colours = (REMEDY, UNCHANGED, HEALTHY, "#000000") if len(runs) == 4 else (REMEDY, HEALTHY, "#000000")
    for r, colour, mark, style in zip(runs, colours, MARKS, styles, strict=False):
        axes.plot(r.at, r.ratio, style, marker=mark, markevery=max(1, len(r.at) // 8), ms=4, lw=1.4, color=colour,
                  mfc="none", label=f"{r.name}, lr {r.lr:g} (limit {r.limit:.3g})")  # fmt: skip
    axes.axhline(1.0, ls=":", lw=1.4, color=GREY)
    axes.set_ylim(0, 1.25)
    axes.set_xlim(0, None)
    _labels(axes, "sharpness / limit of the rule")
    axes.legend(fontsize=8, frameon=False, loc="lower right")


def _labels(axes: Axes, title: str) -> None:
    axes.set_xlabel("step", fontsize=9, color=INK)
    axes.set_ylabel(title, fontsize=9, color=INK)
