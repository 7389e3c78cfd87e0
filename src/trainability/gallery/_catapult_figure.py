"""The figure of the entry `catapult`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainability.gallery._catapult_theory import advance
from trainability.plots._axes import plain
from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED
from trainability.theory.wilson import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.catapult import Catapult, Linear

SHOWN = {1.5: (REMEDY, "o"), 2.5: (HEALTHY, "s"), 3.5: ("#E69F00", "^"), 4.1: (UNCHANGED, "D")}
STEPS = 40


def draw(data: Catapult) -> Figure:
    """Four panels; see `catapult.figure`."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(10.4, 7.6), dpi=150, layout="constrained")
    grid = picture.subplots(2, 2)
    picture.get_layout_engine().set(wspace=0.05, hspace=0.06)  # type: ignore[union-attr, call-arg]
    runs = [r for r in data.linear if r.c0 in SHOWN]
    _paths(grid[0, 0], grid[0, 1], runs)
    _landing(grid[1, 0], data)
    _relu(grid[1, 1], data)
    return picture


def _paths(left: Axes, right: Axes, runs: list[Linear]) -> None:
    plain(left, f"a  Loss of f = u·v/√n, n = {runs[0].n:,}, seed 0")
    plain(right, "b  Its learning rate × sharpness")
    for r in runs:
        colour, mark = SHOWN[r.c0]
        c, g = np.array(r.c0), r.path_g[0]
        told = [(c, g)]
        for _ in range(min(STEPS, len(r.path_c) - 1)):
            c, g = advance(c, g)
            told.append((c, g))
        line = np.array(told)
        step = np.arange(len(line))
        for axes, values, predicted in (
            (left, r.path_g / r.path_g[0], line[:, 1] / line[0, 1]),
            (right, r.path_c, line[:, 0]),
        ):
            axes.plot(step, predicted, "-", lw=1.2, color=colour)
            axes.plot(step, values[: len(step)], mark, ms=4.5, mfc="none", color=colour, label=f"{r.c0:g}")
    left.set_yscale("log")
    left.set_ylim(1e-8, 1e8)
    right.set_ylim(0, 5)
    for level, word in ((2, "2: limit of stability"), (4, "4")):
        right.axhline(level, ls="--", lw=1, color=GREY)
        right.text(STEPS, level + 0.06, word, fontsize=8, color=INK, ha="right")
    left.plot([], [], "-", lw=1.2, color=GREY, label="recursion of 2 numbers")
    for axes in (left, right):
        axes.set_xlim(-0.8, STEPS + 0.5)
    left.legend(fontsize=8, frameon=False, loc="upper right", title="first lr × sharpness\n(marks: all weights)",
                title_fontsize=8)  # fmt: skip
    _labels(left, "step", "loss / first loss")
    _labels(right, "step", "lr × sharpness")


def _landing(axes: Axes, data: Catapult) -> None:
    plain(axes, "c  Where it ends")
    x = np.array(sorted(data.bands))
    low, high = (np.array([f(data.bands[c]) for c in x]) for f in (np.min, np.max))
    axes.fill_between(x, low, high, color=REMEDY, alpha=0.18, lw=0)
    axes.plot(x, low, color=REMEDY, lw=1)
    axes.plot(x, high, color=REMEDY, lw=1, label="infinitely wide: range")
    axes.plot([0, 2], [0, 2], "-", color=REMEDY, lw=1)
    for i, r in enumerate(r for r in data.linear if r.c0 < 4):
        axes.plot(np.full(len(r.c), r.c0), r.c, "o", ms=3, mfc="none", mew=0.8, color=INK,
                  label=f"trained, n = {r.n:,}" if i == 0 else None)  # fmt: skip
    lost = [r for r in data.linear if r.c0 > 4]
    axes.plot([r.c0 for r in lost], np.full(len(lost), 2.3), "x", ms=7, color=UNCHANGED, label="all diverge")
    for at in (2, 4):
        axes.plot([at, at], [0, 2.7], "--", lw=1, color=GREY)
    for middle, word in ((1.0, "lazy"), (3.0, "catapult"), (4.6, "diverges")):
        axes.text(middle, 2.52, word, ha="center", fontsize=9, color=INK)
    axes.set_ylim(-0.05, 3.05)
    axes.set_xlim(0, 5.2)
    axes.set_yticks([0, 0.5, 1, 1.5, 2])
    axes.legend(fontsize=8, frameon=False, loc="upper center", ncols=3, columnspacing=1.2, handletextpad=0.5)
    _labels(axes, "first lr × sharpness", "lr × sharpness at the end")


def _relu(axes: Axes, data: Catapult) -> None:
    first = data.relu[0]
    plain(axes, f"d  ReLU networks of width {first.n:,} that converge alive")
    x = [r.c0 for r in data.relu]
    share = np.array([100 * r.alive / r.seeds for r in data.relu])
    spans = np.array([interval(r.alive, r.seeds) for r in data.relu]) * 100
    axes.plot(x, [100 * r.told for r in data.relu], "-", lw=1.4, color=REMEDY, label="theory of infinite width")
    bars = np.maximum(0, [share - spans[:, 0], spans[:, 1] - share])
    axes.errorbar(x, share, yerr=bars, fmt="o", ms=4.5, lw=1,
                  capsize=2.5, mfc="none", color=INK, label=f"trained, {first.seeds} seeds (95% intervals)")  # fmt: skip
    axes.axvline(4, ls="--", lw=1, color=GREY)
    axes.text(4.05, 103, "linear network\ndiverges from here", fontsize=8, color=INK, va="top")
    axes.set_xscale("log")
    ticks = [2, 3, 4, 6, 8, 12, 16, 24]
    axes.set_xticks(ticks, [str(t) for t in ticks])
    axes.minorticks_off()
    axes.set_ylim(-3, 105)
    axes.legend(fontsize=8, frameon=False, loc="upper right", bbox_to_anchor=(1.0, 0.82))
    _labels(axes, "first lr × sharpness (log scale)", "share with ≥ 1% of units active (%)")


def _labels(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=9, color=INK)
    axes.set_ylabel(y, fontsize=9, color=INK)
