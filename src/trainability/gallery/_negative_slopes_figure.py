"""The figure of the entry `negative-slopes`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainability.plots._axes import plain
from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED
from trainability.theory.one_relu import negative_slope
from trainability.theory.wilson import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.negative_slopes import Slopes

COLOURS = (INK, REMEDY, HEALTHY, UNCHANGED, "#CC79A7", "#E69F00")
MARKS, STYLES = "os^Dv*", ("-", "--", "-.", ":", (0, (4, 1, 1, 1)), "-")


def draw(data: Slopes) -> Figure:
    """Six panels."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(12.6, 8.2), dpi=150, layout="constrained")
    picture.get_layout_engine().set(w_pad=0.1, h_pad=0.1)  # type: ignore[union-attr, call-arg]
    (a, b, c), (d, e, f) = picture.subplots(2, 3)
    _plane(picture, a, -0.5)
    _angles(b)
    _shares(c, data)
    _minima(d, data)
    _relu(e, data)
    _nets(f, data)
    return picture


def _plane(picture: Figure, axes: Axes, slope: float) -> None:
    axes.set_title(f"(a) one unit, c = {slope:g}: loss and cone", loc="left", fontsize=10, fontweight="bold", color=INK)
    x, y = np.meshgrid(np.linspace(-1.6, 1.8, 240), np.linspace(-1.5, 1.5, 220))
    r = np.hypot(x, y)
    value = negative_slope.loss(r, np.arccos(np.clip(x / np.maximum(r, 1e-12), -1, 1)), slope)
    image = axes.contourf(x, y, value, levels=np.linspace(0, 0.8, 17), cmap="cividis_r", extend="max")
    axes.contour(x, y, value, levels=np.linspace(0, 0.8, 17), colors="white", linewidths=0.4)
    edge, saddle = negative_slope.basin_angle(slope), negative_slope.saddle(slope)
    for sign in (1, -1):
        far = 4 * np.array([np.cos(edge), sign * np.sin(edge)])
        axes.plot(
            [0, far[0]], [0, far[1]], color="black", lw=2, ls="--", label="edge of the basins" if sign == 1 else None
        )
        if saddle is not None:
            axes.plot(saddle.norm * np.cos(edge), sign * saddle.norm * np.sin(edge), "X", ms=9, mfc="white", mec="black",
                      label="saddles" if sign == 1 else None)  # fmt: skip
    for point, mark in zip(negative_slope.minima(slope), "*D", strict=False):
        axes.plot(point.norm * np.cos(point.angle), 0, mark, ms=15 if mark == "*" else 9, mfc=UNCHANGED, mec="white",
                  label="teacher" if mark == "*" else "opposite minimum", ls="")  # fmt: skip
    axes.set_xlim(-1.6, 1.8)
    axes.set_ylim(-1.5, 1.5)
    axes.set_aspect("equal")
    axes.set_xlabel("weight along the teacher", fontsize=9, color=INK)
    axes.set_ylabel("weight across it", fontsize=9, color=INK)
    axes.tick_params(labelsize=8.5, colors=INK)
    bar = picture.colorbar(image, ax=axes, shrink=0.75, pad=0.02)
    bar.set_label("loss, with the 1/2", fontsize=8.5, color=INK)
    bar.ax.tick_params(labelsize=8)
    axes.legend(fontsize=7.5, frameon=True, loc="lower right", framealpha=0.9)


def _angles(axes: Axes) -> None:
    plain(axes, "(b) least loss at each angle to the teacher")
    t = np.linspace(0, np.pi, 300)
    for slope, colour, style in zip((-1.0, -0.5, -0.2, 0.0, 0.3), COLOURS, STYLES, strict=False):
        unit = 1 + slope * slope
        common = unit / 2 + negative_slope.loss(0.0, t, slope) - negative_slope.loss(1.0, t, slope) - unit / 4
        best = np.maximum(common, 0) * 2 / unit
        axes.plot(
            np.degrees(t), negative_slope.loss(best, t, slope), color=colour, ls=style, lw=1.8, label=f"c = {slope:g}"
        )
        at = negative_slope.saddle(slope)
        if at is not None:
            axes.plot(np.degrees(at.angle), at.loss, "X", ms=7, mfc="white", mec=colour)
    axes.plot([], [], "X", ms=7, mfc="white", mec=GREY, ls="", label="saddle, by theory")
    axes.set_xticks(range(0, 181, 45))
    axes.set_xlabel("angle between student and teacher (degrees)", fontsize=9, color=INK)
    axes.set_ylabel("loss, with the 1/2", fontsize=9, color=INK)
    axes.set_ylim(-0.01, 0.4)
    axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=2)


def _point(axes: Axes, x: float, hits: int, n: int, colour: str, mark: str) -> None:
    lo, hi = interval(hits, n)
    axes.errorbar(x, 100 * hits / n, yerr=[[100 * (hits / n - lo)], [100 * (hi - hits / n)]], fmt=mark, color=colour, ms=4.5,
                  capsize=2, lw=1)  # fmt: skip


def _shares(axes: Axes, data: Slopes) -> None:
    plain(axes, "(c) one unit: starts that find the teacher")
    fine = np.concatenate([np.linspace(-2.1, -1e-6, 200), np.linspace(1e-6, 1.05, 20)])
    for d, colour, mark, style in zip(sorted({m.d for m in data.ones}), COLOURS, MARKS, STYLES, strict=False):
        axes.plot(fine, [100 * negative_slope.aligned_share(c, d) for c in fine], color=colour, ls=style, lw=1.4)
        for m in data.ones:
            if m.d == d:
                _point(axes, m.slope, m.aligned, m.runs, colour, mark)
        axes.plot([], [], color=colour, ls=style, marker=mark, ms=4.5, label=f"d = {d}")
    axes.plot([], [], color=GREY, label="lines: theory")
    axes.set_ylim(35, 103)
    axes.set_xlabel("slope c of student and teacher", fontsize=9, color=INK)
    axes.set_ylabel("starts (%), 95% intervals", fontsize=9, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="upper left")


def _minima(axes: Axes, data: Slopes) -> None:
    plain(axes, "(d) k units: bad minima, lines by theory")
    for k, colour, mark, style in zip(sorted({n.k for n in data.nets}), COLOURS, MARKS, STYLES, strict=False):
        for branch in data.branches:
            if branch.k == k:
                axes.plot(branch.slope, branch.loss, color=colour, ls=style, lw=1.6 if branch.j == 1 else 0.8)
        found = [(n.slope, v) for n in data.nets if n.k == k and n.slope > -1 for v in n.minima]
        if found:
            axes.plot(*zip(*found, strict=True), mark, color=colour, ms=4.5, mfc="none")
        axes.plot([], [], color=colour, ls=style, marker=mark, mfc="none", ms=4.5, label=f"k = {k}")
    axes.plot([], [], color=GREY, lw=1.6, label="one unit opposite")
    axes.plot([], [], color=GREY, lw=0.8, label="more of them")
    large = [b for b in data.branches if b.j == 1 and not np.isnan(b.at(0.0))]
    for branch in large[:1]:
        axes.annotate("at c = 0 the ReLU's\nbad minimum (type II)", (0, branch.at(0.0)), (0.3, 0.105), fontsize=8, color=INK,
                      ha="right", arrowprops={"arrowstyle": "-", "color": GREY})  # fmt: skip
    axes.set_xlim(-1.02, 0.35)
    axes.set_ylim(0, 0.36)
    axes.set_xlabel("slope c of student and teacher", fontsize=9, color=INK)
    axes.set_ylabel("loss, with the 1/2", fontsize=9, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="upper right", ncols=2)


def _relu(axes: Axes, data: Slopes) -> None:
    plain(axes, "(e) ReLU teacher: starts on its side")
    fine = np.concatenate([np.linspace(-2.1, -1e-6, 200), np.linspace(1e-6, 0.35, 10)])
    for d, colour, mark, style in zip(sorted({m.d for m in data.others}), COLOURS, MARKS, STYLES, strict=False):
        axes.plot(fine, [100 * negative_slope.aligned_share(c, d, 0.0) for c in fine], color=colour, ls=style, lw=1.4)
        for m in data.others:
            if m.d == d:
                _point(axes, m.slope, m.aligned, m.runs, colour, mark)
        label = f"d = {d}" + (": 1/(1 - c) for c < 0" if d == 2 else "")
        axes.plot([], [], color=colour, ls=style, marker=mark, ms=4.5, label=label)
    axes.axvspan(-2.1, -1, color="#F3E3D7", lw=0)
    axes.text(-1.55, 97, "the other side\nis the better one", fontsize=8, ha="center", va="top", color=INK)
    axes.set_ylim(25, 103)
    axes.set_xlim(-2.1, 0.4)
    axes.set_xlabel("slope c of the student", fontsize=9, color=INK)
    axes.set_ylabel("starts (%), 95% intervals", fontsize=9, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="lower right")


def _nets(axes: Axes, data: Slopes) -> None:
    plain(axes, "(f) k units on k teachers in k dimensions")
    for k, colour, mark, style in zip(sorted({n.k for n in data.nets}), COLOURS, MARKS, STYLES, strict=False):
        found = sorted((n for n in data.nets if n.k == k), key=lambda n: n.slope)
        for part in ([n for n in found if n.slope < -1], [n for n in found if n.slope > -1]):
            axes.plot(
                [n.slope for n in part], [100 * n.solved[0] / n.solved[1] for n in part], color=colour, ls=style, lw=1
            )
        for n in found:
            _point(axes, n.slope, *n.solved, colour, mark)
        axes.plot([], [], color=colour, ls=style, marker=mark, ms=4.5, label=f"k = {k}")
        axes.plot(-1, 100 * 2.0**-k, ">", color=colour, ms=6, mfc="white", zorder=5)
    axes.plot([], [], ">", color=GREY, ms=6, mfc="white", label="limit c → -1: 2⁻ᵏ")
    axes.set_ylim(-3, 103)
    axes.set_xlabel("slope c of student and teacher", fontsize=9, color=INK)
    axes.set_ylabel("starts that find the teacher's function (%)", fontsize=9, color=INK)
    handles: Any = axes.get_legend_handles_labels()
    axes.legend(*handles, fontsize=8, frameon=False, loc="lower right")
