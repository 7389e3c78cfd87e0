"""The figure of the entry `batch-noise`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainability.gallery._batch_noise_runs import FRESH, REPLACED, SHUFFLED
from trainability.gallery._batch_noise_theory import share
from trainability.plots._axes import plain
from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.batch_noise import BatchNoise

COLOURS = (UNCHANGED, "#E69F00", HEALTHY, REMEDY, "#CC79A7")
MARKS = ("o", "s", "D", "^", "v")


def draw(data: BatchNoise) -> Figure:
    """Four panels; see `batch_noise.figure`."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(11.4, 8.6), dpi=150, layout="constrained")
    grid = picture.subplots(2, 2)
    _curves(grid[0, 0], data)
    _floors(grid[0, 1], data)
    _schemes(grid[1, 0], data)
    _limits(grid[1, 1], data)
    return picture


def _curves(axes: Axes, data: BatchNoise) -> None:
    from trainability.gallery.batch_noise import CURVE_LR, DECAY

    plain(axes, f"a  From w = 0 at lr {CURVE_LR:g}")
    names = (f"all {data.rows} rows", "batch 8", "batch 1")
    for found, name, colour, mark in zip(data.curves, names, (REMEDY, HEALTHY, UNCHANGED), "^Do", strict=True):
        t = np.arange(1, len(found.told))
        axes.plot(t, found.one[1:], color=colour, lw=0.5, alpha=0.5)
        axes.plot(t, found.told[1:], color=colour, lw=1.5)
        at = np.unique(np.geomspace(1, len(t), 16).round().astype(int))
        axes.plot(at, found.seen[at], mark, ms=4.5, mfc="white", color=colour)
        axes.plot([], [], "-", marker=mark, ms=4.5, mfc="white", color=colour, label=name)
    late = data.decayed
    t = np.arange(1, len(late.told))
    at = np.unique(np.geomspace(1, len(t), 22).round().astype(int))
    axes.plot(t, late.told[1:], color=INK, lw=1.5, ls="--")
    axes.plot(at, late.seen[at], "s", ms=4, mfc="white", color=INK)
    axes.plot([], [], "--", marker="s", ms=4, mfc="white", color=INK, label=f"batch 1, lr/(1 + {DECAY:g} t)")
    axes.plot([], [], color=GREY, lw=0.6, label="a single run")
    axes.plot([], [], color=GREY, lw=1.5, label="theory (the other lines)")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(1e-6, 0.6)
    axes.set_xlim(1, len(late.told))
    _labels(axes, "step", "loss above the minimum (marks: mean of runs)")
    axes.legend(fontsize=8, frameon=False, loc="lower left")


def _floors(axes: Axes, data: BatchNoise) -> None:
    from trainability.gallery.batch_noise import patients

    problem = patients()
    plain(axes, "b  The noise floor (rows with replacement)")
    low = min(f.lr for f in data.floors) / 1.5
    for k, m in enumerate(sorted({f.m for f in data.floors})):
        top = problem.limit(1 / m)
        lrs = np.geomspace(low, top * 0.9995, 300)
        axes.plot(lrs, [problem.floor(lr, 1 / m) for lr in lrs], color=COLOURS[k], lw=1.5)
        axes.plot(lrs, [problem.small_lr_floor(lr, 1 / m) for lr in lrs], color=COLOURS[k], lw=0.9, ls=":")
        mine = [f for f in data.floors if f.m == m]
        axes.errorbar([f.lr for f in mine], [f.seen for f in mine], yerr=[2 * f.error for f in mine], fmt=MARKS[k], ms=5,
                      mfc="white", capsize=2, lw=1, color=COLOURS[k], label=f"batch {m}")  # fmt: skip
        axes.axvline(top, color=COLOURS[k], lw=0.8, ls="--")
    axes.plot([], [], color=INK, lw=1.5, label="theory, exact")
    axes.plot([], [], color=INK, lw=0.9, ls=":", label="lr/batch · tr(N)/4")
    axes.plot([], [], color=INK, lw=0.8, ls="--", label="mean square unstable")
    axes.axvline(2 / data.sharpness, color=INK, lw=1.6)
    foot = min(f.seen for f in data.floors) / 2
    axes.annotate("2/sharpness", (2 / data.sharpness, foot), (4, 0), textcoords="offset points", rotation=90, fontsize=8,
                  ha="left", va="bottom", color=INK)  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, 1.4)
    axes.set_ylim(min(f.seen for f in data.floors) / 3, 12)
    _labels(axes, "learning rate", "long-run loss above the minimum (± 2 s.e.)")
    axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=2)


def _schemes(axes: Axes, data: BatchNoise) -> None:
    from trainability.gallery.batch_noise import COMPARED_LR, patients

    problem, n = patients(), data.rows
    plain(axes, f"c  How rows are drawn, lr {COMPARED_LR:g}")
    sizes = np.arange(1, n + 1)
    styles = ((REPLACED, UNCHANGED, "o"), (FRESH, REMEDY, "^"), (SHUFFLED, HEALTHY, "D"))
    for scheme, colour, mark in styles:
        mine = [f for f in data.schemes if f.scheme == scheme and f.seen > 1e-20]
        label = {REPLACED: "each row with replacement", FRESH: "each batch without replacement",
                 SHUFFLED: "an epoch is one shuffle"}[scheme]  # fmt: skip
        if scheme == SHUFFLED:
            few = sizes[(n % sizes == 0) & (sizes < n)]
            told = [problem.shuffled_floor(COMPARED_LR, int(m)) for m in few]
            axes.plot(few, told, color=colour, lw=1.0, ls=":", label="its law of a small lr")
        else:
            keep = sizes[:-1] if scheme == FRESH else sizes
            told = [problem.floor(COMPARED_LR, share(int(m), n, scheme == REPLACED)) for m in keep]
            axes.plot(keep, told, color=colour, lw=1.5)
        axes.errorbar([f.m for f in mine], [f.seen for f in mine], yerr=[2 * f.error for f in mine], fmt=mark, ms=5,
                      mfc="white", capsize=2, lw=1, color=colour, label=label)  # fmt: skip
    axes.annotate("all rows: 0", (n, 3e-6), (-6, 4), textcoords="offset points", fontsize=8, ha="right", color=INK)
    axes.annotate("", (n, 2e-6), (n, 6e-6), arrowprops={"arrowstyle": "->", "color": INK})
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = [m for m in (1, 2, 4, 8, 16, 32, 64) if m <= n]
    axes.set_xticks(ticks, [str(m) for m in ticks])
    axes.set_ylim(2e-6, 0.08)
    _labels(axes, f"batch size (of {n} rows)", "long-run loss above the minimum (± 2 s.e.)")
    axes.legend(fontsize=8, frameon=False, loc="lower left")


def _limits(axes: Axes, data: BatchNoise) -> None:
    from trainability.gallery.batch_noise import patients

    problem = patients()
    plain(axes, "d  Largest stable lr")
    sizes = np.unique(np.geomspace(1, 256, 60).round())
    axes.plot(
        sizes,
        [problem.limit(1 / m) for m in sizes],
        color=REMEDY,
        lw=1.5,
        label="theory: mean square, with replacement",
    )
    axes.errorbar([x.m for x in data.limits], [x.seen for x in data.limits], yerr=[2 * x.error for x in data.limits],
                  fmt="o", ms=5, mfc="white", capsize=2, lw=1, color=REMEDY, label="measured (± 2 s.e.)")  # fmt: skip
    few = np.arange(1, data.rows + 1)
    axes.plot(few, [problem.limit(share(int(m), data.rows, False)) for m in few], color=HEALTHY, lw=1.3, ls="--",
              label="theory: without replacement")  # fmt: skip
    axes.axhline(2 / data.sharpness, color=INK, lw=1.6, label="2/sharpness: all rows at once")
    axes.set_xscale("log", base=2)
    axes.set_xticks([1, 4, 16, 64, 256], ["1", "4", "16", "64", "256"])
    axes.set_ylim(0, 1.12 * 2 / data.sharpness)
    _labels(axes, "batch size", "learning rate at which E|w − w*|² begins to grow")
    axes.legend(fontsize=8, frameon=False, loc="lower right")


def _labels(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=9, color=INK)
    axes.set_ylabel(y, fontsize=9, color=INK)
